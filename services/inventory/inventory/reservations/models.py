"""A hold as it stands in its rows."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from common.events.contracts.inventory import ReservationLine, ReservationSnapshot

RESERVING = ("held", "confirmed")  # the states in which its lines count as reserved
OVER = ("released", "expired")


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldLine:
    """Units held at one location."""

    sku: str
    location_id: UUID
    level_id: UUID
    quantity: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Reservation:
    """A hold on stock for a checkout; its id is the checkout's, and later the order's."""

    id: UUID
    state: str
    expires_at: datetime | None
    created_at: datetime
    lines: Sequence[HeldLine] = field(default=())

    def holds(self) -> dict[str, int]:
        """Return what is held, by SKU."""
        return {line.sku: line.quantity for line in self.lines}

    def snapshot(self) -> ReservationSnapshot:
        """Return the hold as events tell it."""
        return ReservationSnapshot(
            id=self.id,
            state=self.state,
            lines=[
                ReservationLine(sku=line.sku, location_id=line.location_id, quantity=line.quantity)
                for line in self.lines
            ],
            expires_at=self.expires_at,
            created_at=self.created_at,
        )
