"""Bodies of the reservation routes, which orders calls."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from inventory.reservations.models import Reservation
from inventory.values import Sku, SomeUnits


class WantedLine(BaseModel):
    """Units of a SKU, from whichever location has them."""

    model_config = ConfigDict(extra="forbid")

    sku: Sku
    quantity: SomeUnits


class NewReservation(BaseModel):
    """What a checkout wants held; lines of one SKU are added up."""

    model_config = ConfigDict(extra="forbid")

    id: UUID
    lines: list[WantedLine] = Field(min_length=1, max_length=500)
    ttl_seconds: Annotated[int, Field(strict=True, ge=1, le=86_400)] = 900

    def wanted(self) -> dict[str, int]:
        """Return the units asked for, by SKU."""
        sums: dict[str, int] = {}
        for line in self.lines:
            sums[line.sku] = sums.get(line.sku, 0) + line.quantity
        return sums


class LineView(BaseModel):
    """Units held at one location."""

    sku: str
    location_id: UUID
    quantity: int


class ReservationView(BaseModel):
    """A hold and what it holds."""

    id: UUID
    state: str
    lines: list[LineView]
    expires_at: datetime | None = Field(description="Null once confirmed: it no longer ends by time.")

    @classmethod
    def of(cls, reservation: Reservation) -> "ReservationView":
        """Show a hold."""
        return cls(
            id=reservation.id,
            state=reservation.state,
            lines=[
                LineView(sku=line.sku, location_id=line.location_id, quantity=line.quantity)
                for line in reservation.lines
            ],
            expires_at=reservation.expires_at,
        )


class ConfirmedView(BaseModel):
    """The hold stands without a time limit."""

    id: UUID
    state: Literal["confirmed"] = "confirmed"


class ReleasedView(BaseModel):
    """Nothing is held under this id, and nothing ever will be."""

    id: UUID
    state: Literal["released"] = "released"
