"""The service under test, and orders to tell it of."""

from collections.abc import Callable
from datetime import datetime
from typing import Any
from uuid import UUID

import pytest

from common.database import uuid7
from common.events.contracts.orders import OrderCancelled, OrderPlaced
from common.service import Service
from metrics.app import SERVICE

MakeOrder = Callable[..., OrderPlaced]


@pytest.fixture(scope="session")
def service() -> Service:
    return SERVICE


def _example() -> dict[str, Any]:
    schema: Any = OrderPlaced.model_config["json_schema_extra"]
    example: dict[str, Any] = schema["examples"][0]
    return example


@pytest.fixture
def placed() -> MakeOrder:
    """Make an ``order.placed``: total and lines in minor units."""

    def make(
        *,
        total: int = 5000,
        at: datetime,
        channel: str = "web",
        currency: str = "EUR",
        lines: dict[str, tuple[int, int]] | None = None,
        order_id: UUID | None = None,
    ) -> OrderPlaced:
        document = _example()["object"]

        def money(amount: int) -> dict[str, Any]:
            return {"amount": amount, "currency": currency}

        parts = [
            dict(document["lines"][0])
            | {"id": str(uuid7()), "sku": sku, "title": f"A {sku}", "quantity": units}
            | {"unit_price": money(amount // units), "total": money(amount), "tax": money(0)}
            for sku, (units, amount) in (lines or {"MUG-BLUE": (2, total)}).items()
        ]
        order = dict(document) | {
            "id": str(order_id or uuid7()),
            "channel": channel,
            "currency": currency,
            "lines": parts,
            "total": money(total),
            "subtotal": money(total),
            "tax": money(0),
            "shipping": money(0),
            "captured": money(0),
            "placed_at": at.isoformat(),
            "cancelled_at": None,
        }
        return OrderPlaced.model_validate({"object": order, "changed": []})

    return make


@pytest.fixture
def cancelled() -> Callable[[OrderPlaced, datetime], OrderCancelled]:
    """Make the ``order.cancelled`` of an order."""

    def make(order: OrderPlaced, at: datetime) -> OrderCancelled:
        snapshot = order.object.model_copy(update={"status": "cancelled", "cancelled_at": at})
        return OrderCancelled(object=snapshot, changed=["/status"], reason="changed my mind")

    return make
