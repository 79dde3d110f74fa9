"""Reads events as a partner does, by webhook, stream and feed, and holds the three against each other.

Signatures are looked at by the partners' kit, which knows nothing of how the shop signs.
"""

import asyncio
import contextlib
import json
from collections.abc import Iterable, Sequence
from typing import Any, Self

import httpx2

from partner_kit import Refused, verify
from quartermaster_demo.client import Visitor, WrongAnswer, must
from quartermaster_demo.receiver import Post

Event = dict[str, Any]

PAGE = 1_000


def verified(posts: Iterable[Post], secret: str) -> list[Event]:
    """Return the events of deliveries, as they came. Raises WrongAnswer for one that is not signed by the shop."""
    events = []
    for post in posts:
        try:
            delivery = verify(secret, post.headers, post.body, now=post.at)
        except Refused as reason:
            raise WrongAnswer(f"a delivery is not the shop's: {reason}") from reason
        event: Event = json.loads(post.body)
        must(event["id"] == delivery.id, f"webhook-id is {delivery.id}, the event in it {event['id']}")
        events.append(event)
    return events


def first_times(events: Iterable[Event]) -> list[Event]:
    """Return each event once, where it came first: what a receiver acts on that knows events by their ids."""
    found: dict[str, Event] = {}
    for event in events:
        found.setdefault(event["id"], event)
    return list(found.values())


def about(events: Iterable[Event], subjects: Iterable[str]) -> list[Event]:
    """Return those that are about one of ``subjects``."""
    wanted = set(subjects)
    return [event for event in events if event["subject"] in wanted]


def out_of_order(events: Iterable[Event]) -> list[str]:
    """List events that came after a later one of their subject."""
    newest: dict[str, str] = {}
    late = []
    for event in events:
        subject, sequence = event["subject"], event["sequence"]
        if sequence <= newest.get(subject, ""):
            late.append(f"{event['type']} {event['id']}: {sequence} of {subject} after {newest[subject]}")
        newest[subject] = max(sequence, newest.get(subject, ""))
    return late


def differences(name: str, events: Sequence[Event], log: Sequence[Event]) -> list[str]:
    """Say what one way brought that the log does not hold, the other way round, and where the two differ."""
    brought, logged = ({event["id"]: event for event in each} for each in (events, log))
    found = [f"{name} lacks {logged[each]['type']} {each}" for each in logged.keys() - brought.keys()]
    found += [f"the log lacks {brought[each]['type']} {each} of {name}" for each in brought.keys() - logged.keys()]
    both = logged.keys() & brought.keys()
    found += [
        f"{name} tells {logged[each]['type']} {each} differently" for each in both if logged[each] != brought[each]
    ]
    if len(brought) != len(events):
        found.append(f"{name} brought an event twice")
    return found + [f"{name}: {each}" for each in out_of_order(events)]


async def read_feed(reader: Visitor, types: Sequence[str], *, after: str) -> list[Event]:
    """Read the log behind a cursor to its end."""
    events: list[Event] = []
    while True:
        page = await reader.get("/v1/events", after=after, types=",".join(types), limit=PAGE)
        events += page["items"]
        if not page["items"]:
            return events
        after = page["next"]


class Listener:
    """Follows the stream of events; where it breaks off, it comes back with the id that it read last."""

    def __init__(self, reader: Visitor, types: Sequence[str], *, after: str) -> None:
        self.connections = 0
        self._reader, self._types = reader, ",".join(types)
        self._last_id = after
        self._events: list[Event] = []
        self._reading: asyncio.Task[None] | None = None
        self._following: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._following = asyncio.create_task(self._follow())
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._following is not None:
            self._following.cancel()
            with contextlib.suppress(asyncio.CancelledError, WrongAnswer):
                await self._following

    def events(self) -> list[Event]:
        """All that was read so far. Raises WrongAnswer if the stream was refused."""
        if self._following is not None and self._following.done():
            self._following.result()
        return list(self._events)

    def hang_up(self) -> None:
        """Break the connection, as a network does."""
        if self._reading is not None:
            self._reading.cancel()

    async def _follow(self) -> None:
        while True:
            self._reading = asyncio.create_task(self._read())
            try:
                await asyncio.wait({self._reading})
            finally:
                self._reading.cancel()
            if not self._reading.cancelled():
                with contextlib.suppress(httpx2.TransportError):
                    self._reading.result()
            await asyncio.sleep(0.05)  # as the server asks for in `retry`, only sooner

    async def _read(self) -> None:
        headers = {"Accept": "text/event-stream", "Last-Event-ID": self._last_id}
        async with self._reader.stream("/v1/events/stream", headers, types=self._types) as answer:
            if answer.status_code != httpx2.codes.OK:
                text = (await answer.aread()).decode(errors="replace")
                raise WrongAnswer(f"GET /v1/events/stream answered {answer.status_code}: {text[:600]}")
            self.connections += 1
            message: dict[str, str] = {}
            rest = b""
            async for part in answer.aiter_bytes():
                *lines, rest = (rest + part).split(b"\n")
                for line in lines:
                    message = self._heard(line.decode(), message)

    def _heard(self, line: str, message: dict[str, str]) -> dict[str, str]:
        """Add a line to a message, or take the message at its end; what breaks off before that was never there."""
        if line:
            name, _, value = line.partition(":")
            more = value.removeprefix(" ")
            return message | {name: f"{message[name]}\n{more}" if name == "data" and name in message else more}
        if "data" in message and message.get("event", "message") == "message":
            self._events.append(json.loads(message["data"]))
        self._last_id = message.get("id", self._last_id)
        return {}
