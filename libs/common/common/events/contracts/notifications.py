"""What notifications publishes: what became of messages, and which partners' endpoints are in trouble."""

from typing import Annotated, ClassVar
from uuid import UUID

from pydantic import Field

from common.events import _topics
from common.events._contract import ContractModel, EventContract, Snapshot, UtcTime, example, known_values, pii
from common.events._topics import Topic
from common.events.contracts import _examples


class MessageSnapshot(Snapshot):
    """A message to one person, without its text."""

    channel: Annotated[str, known_values("email")]
    template: str = Field(description="Which text was used, such as `order-shipped`.")
    recipient: Annotated[str, pii("An e-mail address, for the channel `email`.")]
    subject: str
    status: Annotated[str, known_values("sent", "failed")]
    order_id: UUID | None = Field(description="None: not about an order.")
    sent_at: UtcTime | None = Field(description="When the mail server took it; None: it never did.")
    attempts: int
    error: Annotated[str | None, pii("The mail server's last words, which often quote the address.")]


class MessageEvent(EventContract):
    """The end of an attempt to reach someone."""

    topic: ClassVar[Topic] = _topics.NOTIFICATIONS_MESSAGE

    object: MessageSnapshot


class MessageSent(MessageEvent):
    """The mail server took a message. Whether it was read, or even delivered, is not known."""

    type: ClassVar[str] = "message.sent"

    model_config = example(object=_examples.MESSAGE, changed=["/status", "/sent_at", "/attempts"])


class MessageFailed(MessageEvent):
    """A message was given up: it was refused for good, or every attempt failed."""

    type: ClassVar[str] = "message.failed"

    model_config = example(object=_examples.FAILED_MESSAGE, changed=["/status", "/error", "/attempts"])


class WebhookSnapshot(Snapshot):
    """A partner's endpoint, without its secret and without its address, which may hold one."""

    owner: str = Field(description="The login that registered it.")
    host: str = Field(description="The host that is called.")
    description: str | None
    types: list[str] = Field(description="Event types, with wildcards: `order.*`.")
    status: Annotated[str, known_values("enabled", "disabled")]
    disabled_reason: Annotated[str | None, known_values("owner", "gone", "failing")]
    disabled_at: UtcTime | None
    version: int


class WebhookEvent(EventContract):
    """Something about a partner's endpoint that somebody should look at."""

    topic: ClassVar[Topic] = _topics.NOTIFICATIONS_WEBHOOK

    object: WebhookSnapshot


class UndeliveredEvent(ContractModel):
    """What did not get through, and how it was refused."""

    delivery_id: UUID
    event_id: UUID
    event_type: str
    attempts: int
    last_status: int | None = Field(description="HTTP status of the last answer; None: there was none.")
    last_failure: Annotated[
        str | None, known_values("status", "connect", "timeout", "tls", "address", description="What went wrong last.")
    ]


class WebhookExhausted(WebhookEvent):
    """The last attempt to deliver an event failed. The partner can have it again by a retry, a replay or the feed."""

    type: ClassVar[str] = "webhook.exhausted"

    delivery: UndeliveredEvent

    model_config = example(object=_examples.WEBHOOK, changed=[], delivery=_examples.UNDELIVERED)


class WebhookDisabled(WebhookEvent):
    """An endpoint gets nothing any more: its owner said so, it answered 410, or nothing got through for five days."""

    type: ClassVar[str] = "webhook.disabled"

    model_config = example(object=_examples.DISABLED_WEBHOOK, changed=["/status", "/disabled_reason", "/disabled_at"])


CONTRACTS: tuple[type[EventContract], ...] = (MessageSent, MessageFailed, WebhookExhausted, WebhookDisabled)
