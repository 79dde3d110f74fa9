"""What notifications publishes: what became of the messages it was to send."""

from typing import Annotated, ClassVar
from uuid import UUID

from pydantic import Field

from common.events import _topics
from common.events._contract import EventContract, Snapshot, UtcTime, example, known_values, pii
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


CONTRACTS: tuple[type[EventContract], ...] = (MessageSent, MessageFailed)
