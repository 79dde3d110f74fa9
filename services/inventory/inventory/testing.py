"""Factories and fakes for tests of inventory; production code may not import it."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4, uuid5

from common.database import uuid7
from common.events import Event, EventContract, dataschema_of, serialise
from common.events.contracts.catalog import ProductCreated, ProductEvent
from common.events.contracts.orders import OrderCancelled, OrderPlaced, OrderShipped
from common.problems import Unavailable
from inventory.clients.orders import CheckoutState


class FakeCheckouts:
    """Answers what a test told it; ``unknown`` for whatever it was not told of."""

    def __init__(self) -> None:
        self.states: dict[UUID, CheckoutState] = {}
        self.away = False
        self.asked: list[UUID] = []

    async def state_of(self, checkout_id: UUID) -> CheckoutState:
        """Answer, unless orders is away."""
        if self.away:
            raise Unavailable("orders cannot be reached.")
        self.asked.append(checkout_id)
        return self.states.get(checkout_id, "unknown")


def _order(order_id: UUID, lines: Mapping[str, int], **changed: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON
    """The contract's own example of an order, with these lines."""
    example: dict[str, Any] = OrderPlaced.model_json_schema()["examples"][0]["object"]
    line = example["lines"][0]
    made = [
        {**line, "id": str(uuid5(order_id, sku)), "sku": sku, "quantity": quantity} for sku, quantity in lines.items()
    ]
    return {**example, **changed, "id": str(order_id), "lines": made}


def order_placed(order_id: UUID, lines: Mapping[str, int]) -> OrderPlaced:
    """An order came of a checkout."""
    return OrderPlaced.model_validate({"object": _order(order_id, lines), "changed": []})


def order_cancelled(order_id: UUID, lines: Mapping[str, int]) -> OrderCancelled:
    """An order was called off."""
    order = _order(order_id, lines, status="cancelled")
    return OrderCancelled.model_validate({"object": order, "changed": ["/status"], "reason": None})


def order_shipped(
    order_id: UUID, lines: Mapping[str, int], parcel: Mapping[str, int], *, parcel_id: UUID | None = None
) -> OrderShipped:
    """A parcel of an order left."""
    example: dict[str, Any] = OrderShipped.model_json_schema()["examples"][0]["parcel"]
    contents = [
        {"order_line_id": str(uuid5(order_id, sku)), "sku": sku, "quantity": quantity}
        for sku, quantity in parcel.items()
    ]
    return OrderShipped.model_validate(
        {
            "object": _order(order_id, lines),
            "changed": ["/fulfilment_status"],
            "parcel": {**example, "id": str(parcel_id or uuid4()), "lines": contents},
            "remaining": [],
        }
    )


def as_event(data: EventContract) -> Event[Any]:
    """An event as a consumer gets it, from the service that publishes it."""
    return Event(
        id=uuid7(),
        type=data.type,
        source=f"/services/{data.topic.service}",
        subject=data.subject,
        time=datetime.now(UTC),
        sequence=1,
        correlation_id="batch",
        causation_id=None,
        traceparent=None,
        data=data,
        dataschema=dataschema_of(type(data)),
        value=serialise(data),
    )


def product_event(
    kind: type[ProductEvent], product_id: UUID, *, title: str, variants: Mapping[str, str], status: str = "published"
) -> ProductEvent:
    """A product as the catalogue tells of it; ``variants``: SKU -> title."""
    example: dict[str, Any] = ProductCreated.model_json_schema()["examples"][0]["object"]
    variant = example["variants"][0]
    made = [{**variant, "id": str(uuid5(product_id, sku)), "sku": sku, "title": name} for sku, name in variants.items()]
    product = {**example, "id": str(product_id), "title": title, "status": status, "variants": made}
    return kind.model_validate({"object": product, "changed": []})
