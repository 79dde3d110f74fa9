"""A partner's endpoint and the states that it can be in; what a delivery is, and how an attempt ended."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Literal, Self
from uuid import UUID

from common.auth import Caller
from common.database import uuid7
from common.events.contracts.notifications import (
    UndeliveredEvent,
    WebhookDisabled,
    WebhookExhausted,
    WebhookSnapshot,
)
from notifications.clients.egress import Target
from notifications.webhooks.rules import ATTEMPTS, OLD_SECRET_FOR, TEST_ATTEMPTS, Failure
from notifications.webhooks.signing import Secret

WebhookStatus = Literal["enabled", "disabled"]
DisabledReason = Literal["owner", "gone", "failing"]
DeliveryStatus = Literal["pending", "delivered", "exhausted", "stopped"]

SEES_ALL = ("events:subscribe", "messages:write")  # staff who look after partners have both


def sees_all(caller: Caller) -> bool:
    """Tell whether the caller may see and change every endpoint, not only its own."""
    return all(caller.has(scope) for scope in SEES_ALL)


@dataclass(slots=True, kw_only=True)
class Webhook:
    """An endpoint. ``url`` may hold a secret of the partner's and is told to its owner and to staff alone."""

    id: UUID
    owner: str
    url: str = field(repr=False)
    description: str | None
    types: list[str]
    personal_data: bool
    secret: Secret
    previous_secret: Secret | None = None
    previous_secret_until: datetime | None = None
    status: WebhookStatus = "enabled"
    disabled_reason: DisabledReason | None = None
    disabled_at: datetime | None = None
    subscribed_at: datetime
    failing_since: datetime | None = None
    warned_at: datetime | None = None
    last_success_at: datetime | None = None
    rest_until: datetime | None = None
    version: int = 1
    created_at: datetime
    updated_at: datetime

    @classmethod
    def of(cls, row: dict[str, Any]) -> Self:
        """Read a row."""
        previous = row["previous_secret"]
        return cls(
            **row
            | {"secret": Secret(row["secret"]), "previous_secret": Secret(previous) if previous is not None else None}
        )

    @property
    def host(self) -> str:
        """The host that is called."""
        return Target.parse(self.url).host

    def secrets(self, *, at: datetime) -> tuple[Secret, ...]:
        """What signs deliveries: the present secret first, and the one before while its last day runs."""
        if self.previous_secret is None or self.previous_secret_until is None or self.previous_secret_until <= at:
            return (self.secret,)
        return self.secret, self.previous_secret

    def rotate(self, *, at: datetime) -> None:
        """Take a new secret; the present one goes on signing beside it for a day, one that is older ends now."""
        self.previous_secret, self.previous_secret_until = self.secret, at + OLD_SECRET_FOR
        self.secret = Secret.new()

    def disable(self, reason: DisabledReason, *, at: datetime) -> bool:
        """Stop; False if it has stopped before, whatever for."""
        if self.status == "disabled":
            return False
        self.status, self.disabled_reason, self.disabled_at = "disabled", reason, at
        return True

    def enable(self, *, at: datetime) -> bool:
        """Go on, as if nothing had failed; False if it is going on already."""
        if self.status == "enabled":
            return False
        self.status, self.disabled_reason, self.disabled_at = "enabled", None, None
        self.failing_since = self.warned_at = self.rest_until = None
        self.subscribed_at = at
        return True

    # -- what is told of it -------------------------------------------------------------------------------------------

    def _snapshot(self) -> WebhookSnapshot:
        return WebhookSnapshot(
            id=self.id,
            owner=self.owner,
            host=self.host,
            description=self.description,
            types=list(self.types),
            status=self.status,
            disabled_reason=self.disabled_reason,
            disabled_at=self.disabled_at,
            version=self.version,
        )

    def disabled_event(self) -> WebhookDisabled:
        """Announce that it gets nothing any more."""
        return WebhookDisabled(object=self._snapshot(), changed=["/status", "/disabled_reason", "/disabled_at"])

    def exhausted_event(self, outcome: "Outcome") -> WebhookExhausted:
        """Announce that the last attempt of a delivery failed."""
        delivery = outcome.delivery
        return WebhookExhausted(
            object=self._snapshot(),
            changed=[],
            delivery=UndeliveredEvent(
                delivery_id=delivery.id,
                event_id=delivery.event_id,
                event_type=delivery.type,
                attempts=delivery.attempt,
                last_status=outcome.status,
                last_failure=outcome.failure,
            ),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Claimed:
    """A delivery that this process is to make, with what it takes; ``attempt`` counts this one."""

    id: UUID
    endpoint_id: UUID
    event_id: UUID
    replay_no: int
    place: int
    subject: UUID
    type: str
    attempt: int
    test: bool
    url: str = field(repr=False)
    secrets: tuple[Secret, ...]
    lease_until: datetime
    body: bytes = field(repr=False)

    @property
    def line(self) -> tuple[UUID, int, UUID]:
        """What keeps its order: one subject's events for one endpoint, each replay for itself."""
        return self.endpoint_id, self.replay_no, self.subject

    @property
    def last(self) -> bool:
        """Whether no attempt follows this one."""
        return self.attempt >= (TEST_ATTEMPTS if self.test else ATTEMPTS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How an attempt ended. ``failure`` None: it was taken."""

    delivery: Claimed
    started: float
    """By ``time.monotonic``."""
    duration_ms: int
    status: int | None
    failure: Failure | None
    error: str | None = None
    answer: str | None = None
    id: UUID = field(default_factory=uuid7)
    rest: timedelta | None = None
    """What the receiver asked for by Retry-After."""

    @property
    def word(self) -> str:
        """It in one word, for figures."""
        return self.failure or "delivered"


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """An event on its way to an endpoint, or at the end of it."""

    id: UUID
    endpoint_id: UUID
    event_id: UUID
    replay_no: int
    place: int
    subject: UUID
    type: str
    test: bool
    status: DeliveryStatus
    attempt: int
    next_attempt_at: datetime
    last_status: int | None
    last_failure: Failure | None
    ended_at: datetime | None
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One call, as it is kept for 30 days."""

    at: datetime
    duration_ms: int
    status: int | None
    failure: Failure | None
    error: str | None
    answer: str | None
