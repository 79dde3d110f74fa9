"""Plays the shop's side: signs events with the endpoint's secret, rightly or wrongly, and sends them."""

import base64
import secrets
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

from partner_kit.events import SampleEvent
from partner_kit.sending import Answer, Sender
from partner_kit.signing import sign

USER_AGENT = "Quartermaster-Partner-Kit/1"


@dataclass(frozen=True, slots=True)
class Attempt:
    """A request that is about to be sent."""

    message_id: str
    timestamp: int
    body: bytes
    signature: str

    def headers(self) -> dict[str, str]:
        """As the shop writes them."""
        return {
            "content-type": "application/cloudevents+json",
            "user-agent": USER_AGENT,
            "webhook-id": self.message_id,
            "webhook-timestamp": str(self.timestamp),
            "webhook-signature": self.signature,
        }


class Shop:
    """Sends to a partner's receiver, and remembers every answer."""

    def __init__(self, sender: Sender, secret: str, *, now: Callable[[], float] = time.time) -> None:
        self._sender = sender
        self._secret = secret
        self._now = now
        self.answers: list[Answer] = []

    @property
    def within(self) -> float:
        """How long an answer may take, seconds."""
        return self._sender.within

    def attempt(self, event: SampleEvent, *, body: bytes | None = None, aged_seconds: int = 0) -> Attempt:
        """Sign an event, as of ``aged_seconds`` ago."""
        content = event.body() if body is None else body
        timestamp = int(self._now()) - aged_seconds
        return Attempt(event.id, timestamp, content, sign(self._secret, event.id, timestamp, content))

    def signed_by_another(self, attempt: Attempt) -> str:
        """The signature of somebody who does not know the secret."""
        return sign(new_secret(), attempt.message_id, attempt.timestamp, attempt.body)

    def send(self, attempt: Attempt, *, without: str = "", names: Callable[[str], str] = str.lower) -> Answer:
        """Send, ``without`` one header if it is named, the headers' names written as ``names`` writes them."""
        headers = {names(name): value for name, value in attempt.headers().items() if name != without}
        answer = self._sender.post(headers, attempt.body)
        self.answers.append(answer)
        return answer

    def send_forged(self, attempt: Attempt) -> Answer:
        """Send what somebody else has signed."""
        return self.send(replace(attempt, signature=self.signed_by_another(attempt)))

    def deliver(self, event: SampleEvent) -> Answer:
        """Send an event as it should be."""
        return self.send(self.attempt(event))

    def deliver_all(self, events: Sequence[SampleEvent]) -> list[Answer]:
        """Send events beside each other."""
        with ThreadPoolExecutor(len(events)) as pool:
            return list(pool.map(self.deliver, events))

    def deliver_and_leave(self, event: SampleEvent) -> None:
        """Send an event and hang up before the answer."""
        attempt = self.attempt(event)
        self._sender.post_and_leave(attempt.headers(), attempt.body)


def new_secret() -> str:
    """Make a secret that nobody has seen."""
    return "whsec_" + base64.b64encode(secrets.token_bytes(24)).decode()
