"""How far a parcel got, and what is taken from the buyer for it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from orders.ordering.models import OrderLine

EXCEPTION: Final = "exception"
DELIVERED: Final = "delivered"
WAY: Final = ("label_created", "picked_up", "in_transit", "out_for_delivery", DELIVERED)
"""The way of a parcel. An exception can happen anywhere on it before the end."""

RANK: Final = {status: rank for rank, status in enumerate(WAY)}


@dataclass(frozen=True, slots=True)
class Progress:
    """Where a parcel is: its status and since when, and the furthest point of the way, which never goes back."""

    status: str
    furthest: str
    at: datetime


def advance(present: Progress, status: str, at: datetime) -> Progress:
    """Take a scan into account; a late one, which tells of less than is known, changes nothing.

    An exception counts if it is the latest word, and is over with the next scan that is later and not behind.
    """
    if present.furthest == DELIVERED:
        return present
    if status == EXCEPTION:
        return Progress(EXCEPTION, present.furthest, at) if at >= present.at else present
    if RANK[status] > RANK[present.furthest]:
        if present.status == EXCEPTION and at < present.at and status != DELIVERED:
            return Progress(EXCEPTION, status, present.at)
        return Progress(status, status, at)
    if present.status == EXCEPTION and status == present.furthest and at > present.at:
        return Progress(status, status, at)
    return present


def capture_for(
    lines: Sequence[OrderLine], units: Mapping[UUID, int], *, total: int, shipping: int, captured_before: int
) -> int:
    """What to take for a parcel, given the lines as they were before it; minor units.

    A line's frozen total is spread over its units so that any split adds up to it; shipping goes with the first parcel,
    and the last one takes whatever remains of the order's total, so that all captures are the total to the cent.
    """
    if all(units.get(line.id, 0) == line.open_quantity for line in lines):
        return total - captured_before
    goods = sum(
        _share(line, line.shipped_quantity + units.get(line.id, 0)) - _share(line, line.shipped_quantity)
        for line in lines
    )
    first = all(line.shipped_quantity == 0 for line in lines)
    return goods + (shipping if first else 0)


def _share(line: OrderLine, units: int) -> int:
    """Part of the line's total that its first ``units`` units stand for."""
    return line.total * units // line.quantity
