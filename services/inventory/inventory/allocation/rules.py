"""What a batch of order events asks for, and what a parcel takes from where. No I/O.

The end of a batch does not depend on the order in which its events came: an order is allocated, its parcels leave, and
a cancellation gives back what has not left.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from common.events import Event
from common.events.contracts.orders import OrderCancelled, OrderPlaced, OrderShipped, OrderSnapshot, Parcel


@dataclass(slots=True)
class Order:
    """What a batch says about one order. ``event``: the last of it."""

    snapshot: OrderSnapshot
    event: Event[Any]
    goes_out: bool = False  # placed or shipped: it needs its stock, hold or not
    is_cancelled: bool = False
    parcels: list[Parcel] = field(default_factory=list)

    @property
    def wanted(self) -> dict[str, int]:
        """Units ordered, by SKU."""
        return units_by_sku((line.sku, line.quantity) for line in self.snapshot.lines)


def units_by_sku(lines: Any) -> dict[str, int]:  # noqa: ANN401 - any iterable of (sku, quantity)
    """Add up units of the same SKU, sorted by SKU."""
    sums: dict[str, int] = {}
    for sku, quantity in lines:
        sums[sku] = sums.get(sku, 0) + quantity
    return dict(sorted(sums.items()))


def orders_in(events: Sequence[Event[Any]]) -> dict[UUID, Order]:
    """Sum a batch up by order."""
    orders: dict[UUID, Order] = {}
    for event in events:
        order = orders.setdefault(event.subject, Order(snapshot=event.data.object, event=event))
        order.event = event
        match event.data:
            case OrderPlaced():
                order.goes_out = True
            case OrderShipped(parcel=parcel):
                order.goes_out = True
                order.parcels.append(parcel)
            case OrderCancelled():
                order.is_cancelled = True
    return orders


@dataclass(slots=True, kw_only=True)
class Line:
    """Units of a SKU allocated to an order. ``cancelled``: what has not shipped is no longer the order's."""

    order_id: UUID
    sku: str
    level_id: UUID
    quantity: int
    shipped: int
    cancelled: bool

    @property
    def still_allocated(self) -> int:
        """Units that count as allocated on the level."""
        return 0 if self.cancelled else max(0, self.quantity - self.shipped)

    def ship(self, quantity: int) -> int:
        """Send units out; returns how many of them had been allocated."""
        before = self.still_allocated
        self.shipped += quantity
        return before - self.still_allocated
