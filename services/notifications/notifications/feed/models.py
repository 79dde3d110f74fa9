"""An event as partners get it."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from common.events import Event, structured


@dataclass(frozen=True, slots=True)
class LoggedEvent:
    """An event in structured form, serialised once: ``body`` whole, ``public_body`` without personal data."""

    event_id: UUID
    type: str
    subject: UUID
    sequence: int
    happened_at: datetime
    body: bytes
    public_body: bytes

    @classmethod
    def of(cls, event: Event[Any]) -> "LoggedEvent":
        """Write down what came over Kafka."""
        return cls(
            event_id=event.id,
            type=event.type,
            subject=event.subject,
            sequence=event.sequence,
            happened_at=event.time,
            body=structured(event, personal_data=True),
            public_body=structured(event, personal_data=False),
        )
