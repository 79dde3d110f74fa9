"""How orders count. No I/O."""

from collections import Counter
from collections.abc import Iterable
from datetime import UTC, date
from uuid import UUID

from common.events.contracts.orders import OrderCancelled, OrderPlaced, OrderSnapshot

Sales = dict[tuple[UUID, date], int]
"""Units by product and UTC day of the order."""


def sales_of(events: Iterable[OrderPlaced | OrderCancelled]) -> Sales:
    """Add up what orders sold, less what was cancelled or given back.

    A cancelled order takes its units back from the day on which it was placed, wherever that lies.
    """
    sales: Counter[tuple[UUID, date]] = Counter()
    for event in events:
        sign = _sign(event.object) * (-1 if isinstance(event, OrderCancelled) else 1)
        day = event.object.placed_at.astimezone(UTC).date()
        for line in event.object.lines:
            if line.product_id is not None:
                sales[line.product_id, day] += sign * line.quantity
    return {key: units for key, units in sales.items() if units}


def _sign(order: OrderSnapshot) -> int:
    return -1 if order.kind == "return" else 1
