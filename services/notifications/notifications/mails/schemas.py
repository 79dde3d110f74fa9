"""What the messages' route takes and answers."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Annotated
from uuid import UUID

from fastapi import Query
from pydantic import AwareDatetime, BaseModel, Field

from common.auth import Caller
from notifications.mails.models import Message, Status
from notifications.mails.repository import Filters

WITHHELD = "withheld"
EARLIEST, LATEST = datetime(1970, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC)  # what fits in any time zone


class MessageFilters:
    """``?recipient=&order_id=&template=&status=&since=``."""

    def __init__(
        self,
        recipient: Annotated[
            str | None,
            Query(min_length=1, max_length=320, pattern=r"^[^\x00]+$", description="E-mail address, in any case."),
        ] = None,
        order_id: Annotated[UUID | None, Query(description="Messages about this order.")] = None,
        template: Annotated[
            str | None, Query(max_length=64, pattern=r"^[a-z0-9-]+$", description="Such as `order-shipped`.")
        ] = None,
        status: Annotated[Status | None, Query(description="How far it has come.")] = None,
        since: Annotated[
            AwareDatetime | None, Query(ge=EARLIEST, le=LATEST, description="Written then or later; RFC 3339.")
        ] = None,
    ) -> None:
        self.filters = Filters(recipient=recipient, order_id=order_id, template=template, status=status, since=since)


class MessageView(BaseModel):
    """A message to one person."""

    id: UUID = Field(description="Also the left part of the mail's Message-ID.")
    channel: str = Field(description="`email`.")
    template: str = Field(description="Which text was used, such as `order-placed`.")
    recipient: str
    subject: str
    body_text: str = Field(description="The plain text; the mail holds it as HTML as well.")
    status: Status = Field(description="`sending` for longer than a minute: its process died, and it is sent again.")
    order_id: UUID | None = Field(description="Null: not about an order.")
    sku: str | None = Field(description="Null: not about stock.")
    attempts: int
    created_at: datetime
    sent_at: datetime | None = Field(description="When the mail server took it.")
    error: str | None = Field(description="What the last failed attempt met; null once it is sent.")

    @classmethod
    def seen_by(cls, caller: Caller) -> Callable[[Message], "MessageView"]:
        """Return how ``caller`` sees messages: whole, or without who the people are."""
        return cls.of if caller.personal_data else cls.without_personal_data

    @classmethod
    def without_personal_data(cls, message: Message) -> "MessageView":
        """Show that a message was sent, not to whom and what it said; the server's words can quote the address."""
        withheld = {"recipient": WITHHELD, "body_text": WITHHELD}
        return cls.of(message).model_copy(update=withheld | ({"error": WITHHELD} if message.error else {}))

    @classmethod
    def of(cls, message: Message) -> "MessageView":
        """Show a message."""
        return cls(
            id=message.id,
            channel=message.channel,
            template=message.template,
            recipient=message.recipient,
            subject=message.subject,
            body_text=message.body_text,
            status=message.status,
            order_id=message.order_id,
            sku=message.sku,
            attempts=message.attempts,
            created_at=message.created_at,
            sent_at=message.sent_at,
            error=message.error,
        )
