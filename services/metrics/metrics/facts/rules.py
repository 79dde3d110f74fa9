"""From facts to bookings: arithmetic without I/O.

A booking belongs to a UTC quarter-hour, since every time zone of the world is a multiple of that off UTC: a shop's day
is a sum of whole quarter-hours wherever it is.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from common.events import Event
from common.events.contracts.orders import OrderCancelled, OrderPlaced, OrderSnapshot

QUARTER_HOUR = timedelta(minutes=15)


def quarter_hour_of(moment: datetime) -> datetime:
    """Return the beginning of the UTC quarter-hour that ``moment`` (aware, UTC) lies in."""
    return moment.replace(minute=moment.minute - moment.minute % 15, second=0, microsecond=0)


@dataclass(frozen=True, slots=True, order=True)
class SalesKey:
    """Where a sale is booked."""

    bucket: datetime
    channel: str
    currency: str


@dataclass(frozen=True, slots=True, order=True)
class ProductKey:
    """Where a line of a sale is booked."""

    bucket: datetime
    channel: str
    currency: str
    sku: str


@dataclass(slots=True)
class Sums:
    """What is added to a booking; amounts in minor units, with tax and shipping."""

    orders: int = 0
    gross: int = 0
    units: int = 0
    cancelled_orders: int = 0
    cancelled: int = 0


@dataclass(slots=True)
class ProductSums:
    """What is added to a product's booking; amounts in minor units, with tax."""

    product_id: str
    title: str
    units: int = 0
    gross: int = 0
    cancelled_units: int = 0
    cancelled: int = 0


@dataclass(slots=True)
class Bookings:
    """The sums of one batch of facts."""

    sales: dict[SalesKey, Sums] = field(default_factory=lambda: defaultdict(Sums))
    products: dict[ProductKey, ProductSums] = field(default_factory=dict)

    def place(self, order: OrderSnapshot) -> None:
        """Book an order at its placement."""
        bucket = quarter_hour_of(order.placed_at)
        sums = self.sales[SalesKey(bucket, order.channel, order.currency)]
        sums.orders += 1
        sums.gross += order.total.amount
        sums.units += sum(line.quantity for line in order.lines)
        for line, booked in self._lines(bucket, order):
            booked.units += line.quantity
            booked.gross += line.total.amount

    def cancel(self, order: OrderSnapshot, at: datetime) -> None:
        """Book a cancellation when it happened, not when the order was placed."""
        bucket = quarter_hour_of(at)
        sums = self.sales[SalesKey(bucket, order.channel, order.currency)]
        sums.cancelled_orders += 1
        sums.cancelled += order.total.amount
        for line, booked in self._lines(bucket, order):
            booked.cancelled_units += line.quantity
            booked.cancelled += line.total.amount

    def _lines(self, bucket: datetime, order: OrderSnapshot) -> Iterable[tuple[Any, ProductSums]]:
        for line in order.lines:
            key = ProductKey(bucket, order.channel, order.currency, line.sku)
            yield line, self.products.setdefault(key, ProductSums(str(line.product_id), line.title))


def sales_of(events: Sequence[Event[Any]]) -> Bookings:
    """Add up what the orders among ``events`` mean for the figures; all other facts are only kept."""
    bookings = Bookings()
    for event in events:
        data = event.data
        if isinstance(data, OrderPlaced):
            bookings.place(data.object)
        elif isinstance(data, OrderCancelled):
            bookings.cancel(data.object, data.object.cancelled_at or event.time)
    return bookings
