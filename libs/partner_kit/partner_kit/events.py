"""Events as the shop sends them, made up: structured CloudEvents about orders of nobody."""

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

Json = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class SampleEvent:
    """One event. ``subject`` is the order, ``sequence`` counts that order's events."""

    id: str = field(default_factory=lambda: str(uuid4()))
    type: str = "order.placed"
    subject: str = field(default_factory=lambda: str(uuid4()))
    sequence: int = 1
    data: Json | None = None
    more: Json = field(default_factory=dict)

    def document(self) -> Json:
        """The event as JSON."""
        now = datetime.now(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
        return {
            "specversion": "1.0",
            "id": self.id,
            "source": "/services/orders",
            "type": self.type,
            "subject": self.subject,
            "time": now,
            "timestamp": now,
            "sequence": f"{self.sequence:020d}",
            "dataschema": f"/contracts/events/{self.type}/1.0.json",
            "datacontenttype": "application/json",
            "correlationid": "partner-kit",
            **self.more,
            "data": self.data if self.data is not None else self._order(),
        }

    def _order(self) -> Json:
        return {
            "object": {
                "id": self.subject,
                "number": "PARTNER-KIT",
                "status": "open",
                "payment_status": "authorised",
                "fulfilment_status": "none",
                "channel": "web",
                "currency": "EUR",
                "lines": [{"id": str(uuid4()), "sku": "MUG-BLUE", "title": "Enamel mug, blau", "quantity": 2}],
                "total": {"amount": 3488, "currency": "EUR"},
                "version": self.sequence,
            },
            "changed": [] if self.sequence == 1 else ["/status"],
        }

    def body(self) -> bytes:
        """The bytes that are sent."""
        return json.dumps(self.document(), ensure_ascii=False, separators=(",", ":")).encode()
