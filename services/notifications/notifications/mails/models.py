"""A message and the ends that it can come to."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from uuid import UUID

from common.events.contracts.notifications import MessageFailed, MessageSent, MessageSnapshot
from notifications.clients.mailer import Mail

Status = Literal["queued", "sending", "sent", "failed"]
CHANNEL = "email"


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """Words for one person about one event."""

    id: UUID
    channel: str
    template: str
    recipient: str
    recipient_name: str | None
    subject: str
    body_text: str
    body_html: str
    order_id: UUID | None
    sku: str | None
    event_id: UUID
    status: Status
    attempts: int
    sent_at: datetime | None
    error: str | None
    created_at: datetime

    def as_mail(self) -> Mail:
        """Return what goes to the mail server; the same at every attempt."""
        return Mail(
            id=self.id,
            recipient=self.recipient,
            recipient_name=self.recipient_name,
            subject=self.subject,
            text=self.body_text,
            html=self.body_html,
            written_at=self.created_at,
        )

    def _snapshot(self) -> MessageSnapshot:
        return MessageSnapshot(
            id=self.id,
            channel=self.channel,
            template=self.template,
            recipient=self.recipient,
            subject=self.subject,
            status=self.status,
            order_id=self.order_id,
            sent_at=self.sent_at,
            attempts=self.attempts,
            error=self.error,
        )

    def sent_event(self) -> MessageSent:
        """Announce that the mail server took it."""
        return MessageSent(object=self._snapshot(), changed=["/status", "/sent_at", "/attempts"])

    def failed_event(self) -> MessageFailed:
        """Announce that it was given up."""
        changed = ["/status", "/error"] + (["/attempts"] if self.attempts else [])
        return MessageFailed(object=self._snapshot(), changed=changed)
