"""What the webhooks' routes take and answer."""

from datetime import UTC, datetime
from typing import Annotated
from uuid import UUID

from fastapi import Query
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints, model_validator

from notifications.webhooks.models import Attempt, Delivery, DeliveryStatus, DisabledReason, Webhook, WebhookStatus
from notifications.webhooks.repository import DeliveryFilters
from notifications.webhooks.rules import Failure
from notifications.webhooks.service import NewWebhook

EARLIEST, LATEST = datetime(1970, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC)  # what fits in any time zone

Url = Annotated[
    str,
    StringConstraints(min_length=1, max_length=2000),
    Field(description="Where events are posted to: https, a public host, port 443 or one from 1024 on, no password."),
]
Description = Annotated[
    str | None,
    StringConstraints(max_length=200, pattern=r"^[^\x00-\x1f\x7f]*$"),
    Field(description="For people: what it is for."),
]
TypePattern = Annotated[str, StringConstraints(pattern=r"^(\*|[a-z-]+\.(\*|[a-z_-]+))$", max_length=80)]
Types = Annotated[
    list[TypePattern],
    Field(min_length=1, max_length=50, description="Event types: `order.placed`, `order.*`, or `*` for all."),
]
PersonalData = Annotated[
    bool,
    Field(strict=True, description="Whether events come with personal data in them; needs the scope `events:pii`."),
]
Moment = Annotated[AwareDatetime, Field(ge=EARLIEST, le=LATEST)]


class WebhookBody(BaseModel):
    """An endpoint to register."""

    model_config = ConfigDict(extra="forbid")

    url: Url
    types: Types
    description: Description = None
    personal_data: PersonalData = False

    def wanted(self) -> NewWebhook:
        """Return it as the use case takes it."""
        return NewWebhook(
            url=self.url, description=self.description, types=list(self.types), personal_data=self.personal_data
        )


class WebhookPatch(BaseModel):
    """A merge patch: what is absent stays; a list is replaced whole. Only the description may be null."""

    model_config = ConfigDict(extra="forbid")

    url: Url = ""
    types: Types = []
    description: Description = None
    personal_data: PersonalData = False
    status: WebhookStatus = "enabled"

    @model_validator(mode="after")
    def _changes_something(self) -> "WebhookPatch":
        if not self.model_fields_set:
            raise ValueError("name at least one field to change")
        return self

    def given(self) -> dict[str, object]:
        """Return the fields that the request names."""
        return self.model_dump(include=self.model_fields_set)


class TestBody(BaseModel):
    """Which event to send as a test."""

    __test__ = False  # no class of tests, whatever pytest thinks

    model_config = ConfigDict(extra="forbid")

    type: Annotated[str, StringConstraints(pattern=r"^[a-z-]+\.[a-z_-]+$", max_length=80)] | None = Field(
        None, description="An event type that the webhook gets; absent: the first of them."
    )


class ReplayBody(BaseModel):
    """Which events to send again, by when they happened."""

    model_config = ConfigDict(extra="forbid")

    since: Moment = Field(description="From then on; the log holds 30 days.")
    until: Moment = Field(description="Before then.")
    types: Types | None = Field(None, description="Of the webhook's types only these; absent: all of them.")


class WebhookView(BaseModel):
    """A partner's endpoint."""

    id: UUID
    owner: str = Field(description="The login that registered it.")
    url: str
    description: str | None
    types: list[str]
    personal_data: bool
    status: WebhookStatus
    disabled_reason: DisabledReason | None = Field(
        description="`owner`: on request; `gone`: it answered 410; `failing`: nothing got through for five days."
    )
    disabled_at: datetime | None
    failing_since: datetime | None = Field(
        description="The first failure since the last success; five days later the webhook is disabled."
    )
    last_success_at: datetime | None = Field(description="To the minute.")
    previous_secret_until: datetime | None = Field(
        description="Until then deliveries carry a second signature, by the secret before the present one."
    )
    version: int
    created_at: datetime
    updated_at: datetime

    @classmethod
    def of(cls, webhook: Webhook) -> "WebhookView":
        """Show an endpoint, without its secret."""
        return cls(
            id=webhook.id,
            owner=webhook.owner,
            url=webhook.url,
            description=webhook.description,
            types=webhook.types,
            personal_data=webhook.personal_data,
            status=webhook.status,
            disabled_reason=webhook.disabled_reason,
            disabled_at=webhook.disabled_at,
            failing_since=webhook.failing_since,
            last_success_at=webhook.last_success_at,
            previous_secret_until=webhook.previous_secret_until,
            version=webhook.version,
            created_at=webhook.created_at,
            updated_at=webhook.updated_at,
        )


class WebhookWithSecret(WebhookView):
    """A partner's endpoint, this once with its secret."""

    secret: str = Field(repr=False, description="`whsec_…`: signs every delivery. It is not shown again.")

    @classmethod
    def of(cls, webhook: Webhook) -> "WebhookWithSecret":
        """Show an endpoint with its secret."""
        return cls(**WebhookView.of(webhook).model_dump(), secret=webhook.secret.text)


class ReplayView(BaseModel):
    """What a replay sends."""

    replay_no: int = Field(description="Its deliveries carry this number.")
    deliveries: int = Field(description="How many events were queued.")


class DeliveryFilterParams:
    """``?status=&type=``."""

    def __init__(
        self,
        status: Annotated[DeliveryStatus | None, Query(description="How far it has come.")] = None,
        type: Annotated[  # noqa: A002 - the parameter's name
            str | None, Query(max_length=80, pattern=r"^[a-z-]+\.[a-z_-]+$", description="An event type.")
        ] = None,
    ) -> None:
        self.filters = DeliveryFilters(status=status, type=type)


class DeliveryView(BaseModel):
    """An event on its way to an endpoint."""

    id: UUID
    event_id: UUID = Field(description="The event's id, and the `webhook-id` of every attempt.")
    type: str
    subject: UUID = Field(description="What the event is about; a subject's events are delivered in their order.")
    replay_no: int = Field(description="0: as it happened; otherwise the replay that sent it again.")
    test: bool = Field(description="An example that somebody had sent; tried once.")
    status: DeliveryStatus = Field(
        description="`exhausted`: the last attempt failed; `stopped`: the webhook was disabled meanwhile."
    )
    attempts: int = Field(description="How many were made; the schedule has ten.")
    next_attempt_at: datetime | None = Field(description="Null: it has ended.")
    last_status: int | None = Field(description="HTTP status of the last answer; null: there was none.")
    last_failure: Failure | None = Field(
        description="`status`: not 2xx; `connect`, `timeout`, `tls`; `address`: the host may not be called."
    )
    ended_at: datetime | None
    created_at: datetime

    @classmethod
    def of(cls, delivery: Delivery) -> "DeliveryView":
        """Show a delivery."""
        return cls(
            id=delivery.id,
            event_id=delivery.event_id,
            type=delivery.type,
            subject=delivery.subject,
            replay_no=delivery.replay_no,
            test=delivery.test,
            status=delivery.status,
            attempts=delivery.attempt,
            next_attempt_at=delivery.next_attempt_at if delivery.status == "pending" else None,
            last_status=delivery.last_status,
            last_failure=delivery.last_failure,
            ended_at=delivery.ended_at,
            created_at=delivery.created_at,
        )


class AttemptView(BaseModel):
    """One call of an endpoint."""

    at: datetime
    duration_ms: int
    status: int | None = Field(description="HTTP status of the answer; null: there was none.")
    failure: Failure | None = Field(description="Null: it was taken.")
    error: str | None = Field(description="What went wrong, where there was no answer.")
    answer: str | None = Field(description="The first 4 kB of the answer, secrets masked.")

    @classmethod
    def of(cls, attempt: Attempt) -> "AttemptView":
        """Show an attempt."""
        return cls(
            at=attempt.at,
            duration_ms=attempt.duration_ms,
            status=attempt.status,
            failure=attempt.failure,
            error=attempt.error,
            answer=attempt.answer,
        )


class DeliveryWithAttempts(DeliveryView):
    """An event on its way to an endpoint, with each call that was made."""

    log: list[AttemptView] = Field(description="The attempts of the last 30 days, oldest first.")

    @classmethod
    def with_log(cls, delivery: Delivery, attempts: list[Attempt]) -> "DeliveryWithAttempts":
        """Show a delivery and its attempts."""
        return cls(**DeliveryView.of(delivery).model_dump(), log=[AttemptView.of(each) for each in attempts])
