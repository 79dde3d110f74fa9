"""From facts to bookings: arithmetic without I/O.

A booking belongs to a UTC quarter-hour, since every time zone of the world is a multiple of that off UTC: a shop's day
is a sum of whole quarter-hours wherever it is.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from common.events import Event
from common.events.contracts.orders import OrderCancelled, OrderLineSnapshot, OrderPlaced, OrderSnapshot

RETURN = "return"
SESSION_ID = re.compile("[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def quarter_hour_of(moment: datetime) -> datetime:
    """Return the beginning of the UTC quarter-hour that ``moment`` (aware, UTC) lies in."""
    return moment.replace(minute=moment.minute - moment.minute % 15, second=0, microsecond=0)


def session_of(order: OrderSnapshot) -> UUID | None:
    """Return the visit that an order names; what was not written as an id of ours is none."""
    named = order.session_id or ""
    return UUID(named) if SESSION_ID.fullmatch(named) else None


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
    returns: int = 0
    refunded: int = 0


@dataclass(slots=True)
class ProductSums:
    """What is added to a product's booking; amounts in minor units, with tax.

    Of two titles or ids in one quarter-hour the greater counts: the same whichever comes first.
    """

    product_id: str | None
    title: str
    units: int = 0
    gross: int = 0
    cancelled_units: int = 0
    cancelled: int = 0
    returned_units: int = 0
    refunded: int = 0


@dataclass(slots=True)
class Bookings:
    """The sums of one batch of facts; ``sessions`` counts the orders of each visit."""

    sales: dict[SalesKey, Sums] = field(default_factory=lambda: defaultdict(Sums))
    products: dict[ProductKey, ProductSums] = field(default_factory=dict)
    sessions: Counter[UUID] = field(default_factory=Counter)

    def place(self, order: OrderSnapshot) -> None:
        """Book an order at its placement."""
        bucket = quarter_hour_of(order.placed_at)
        sums = self.sales[SalesKey(bucket, order.channel, order.currency)]
        sums.orders += 1
        sums.gross += order.total.amount
        sums.units += sum(line.quantity for line in order.lines)
        if (session := session_of(order)) is not None:
            self.sessions[session] += 1
        for line, booked in self._lines(bucket, order):
            booked.units += line.quantity
            booked.gross += line.total.amount

    def take_back(self, order: OrderSnapshot) -> None:
        """Book goods that came back, on the day on which they did: what was given back, and no order."""
        bucket = quarter_hour_of(order.placed_at)
        sums = self.sales[SalesKey(bucket, order.channel, order.currency)]
        sums.returns += 1
        sums.refunded += order.total.amount
        for line, booked in self._lines(bucket, order):
            booked.returned_units += line.quantity
            booked.refunded += line.total.amount

    def cancel(self, order: OrderSnapshot, at: datetime) -> None:
        """Book a cancellation when it happened, not when the order was placed."""
        bucket = quarter_hour_of(at)
        sums = self.sales[SalesKey(bucket, order.channel, order.currency)]
        sums.cancelled_orders += 1
        sums.cancelled += order.total.amount
        for line, booked in self._lines(bucket, order):
            booked.cancelled_units += line.quantity
            booked.cancelled += line.total.amount

    def _lines(self, bucket: datetime, order: OrderSnapshot) -> Iterable[tuple[OrderLineSnapshot, ProductSums]]:
        for line in order.lines:
            key = ProductKey(bucket, order.channel, order.currency, line.sku)
            product_id = None if line.product_id is None else str(line.product_id)
            sums = self.products.setdefault(key, ProductSums(product_id, line.title))
            sums.title = max(sums.title, line.title)
            sums.product_id = max(filter(None, (sums.product_id, product_id)), default=None)
            yield line, sums


def sales_of(events: Sequence[Event[Any]]) -> Bookings:
    """Add up what the orders among ``events`` mean for the figures; all other facts are only kept."""
    bookings = Bookings()
    for event in events:
        data = event.data
        if isinstance(data, OrderPlaced) and data.object.kind == RETURN:
            bookings.take_back(data.object)
        elif isinstance(data, OrderPlaced):
            bookings.place(data.object)
        elif isinstance(data, OrderCancelled) and data.object.kind != RETURN:
            bookings.cancel(data.object, data.object.cancelled_at or event.time)
    return bookings
