"""Factories and fakes for tests; production code may not import this."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

from catalog.clients.inventory import MAX_LINES, LocationUnknownError, StockCount
from common.database import uuid7
from common.events.contracts.inventory import StockChanged, StockLevelSnapshot, StockMovement
from common.events.contracts.orders import ImportSource, OrderCancelled, OrderLineSnapshot, OrderPlaced, OrderSnapshot
from common.money import Money
from common.problems import Unavailable

Json = dict[str, Any]


def money(amount: int, currency: str = "EUR") -> Json:
    """Write an amount of minor units as the API does."""
    return {"amount": amount, "currency": currency}


def variant_body(*, sku: str | None = None, price: int = 1999, **members: Any) -> Json:  # noqa: ANN401 - JSON
    """Make the body of an ordinary variant."""
    return {"sku": sku or f"SKU-{uuid4().hex[:10]}", "prices": [money(price)], **members}


def product_body(*, title: str = "Enamel mug", status: str = "published", **members: Any) -> Json:  # noqa: ANN401 - JSON
    """Make the body of an ordinary product: one variant, published."""
    return {"title": title, "status": status, "variants": [variant_body()], **members}


NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


def stock_changed(
    sku: str, available: int, *, level_id: UUID | None = None, reorder_point: int | None = None
) -> StockChanged:
    """Make what inventory says when a level has ``available`` units; without ``level_id``, of a location of its own."""
    level = StockLevelSnapshot(
        id=level_id or uuid7(),
        sku=sku,
        location_id=uuid7(),
        on_hand=max(available, 0),
        reserved=0,
        allocated=0,
        safety=max(-available, 0),
        available=available,
        reorder_point=reorder_point,
        version=1,
        updated_at=NOW,
    )
    movement = StockMovement(kind="adjustment", quantity=available, reason="delivery", reference=None)
    return StockChanged(object=level, changed=["/available"], movement=movement)


def order_placed(
    units: Mapping[str | None, int], *, placed_at: datetime = NOW, kind: str = "sale", imported: bool = False
) -> OrderPlaced:
    """Make what orders says of an order; ``units`` by product id, None for a SKU that is no product here."""
    nothing = Money(amount=0, currency="EUR")
    lines = [
        OrderLineSnapshot(
            id=uuid7(), sku="SKU", product_id=UUID(product) if product else None, variant_id=None, title="Thing",
            quantity=quantity, unit_price=nothing, tax_rate_basis_points=1900, tax=nothing, total=nothing,
            shipped_quantity=0,
        )
        for product, quantity in units.items()
    ]  # fmt: skip
    order = OrderSnapshot(
        id=uuid7(), number="1001", kind=kind, channel="web", status="open", payment_status="authorised",
        imported_from=ImportSource(source="old", external_id="1") if imported else None,
        fulfilment_status="none", customer_id=None, email=None, shipping_address=None, billing_address=None,
        lines=lines, currency="EUR", prices_include_tax=True, subtotal=nothing, shipping=nothing, shipping_option=None,
        tax=nothing, total=nothing, captured=nothing, placed_at=placed_at, version=1, session_id=None,
        cancelled_at=None, cancellation_reason=None,
    )  # fmt: skip
    return OrderPlaced(object=order, changed=[])


def order_cancelled(placed: OrderPlaced) -> OrderCancelled:
    """Make what orders says when that order is cancelled."""
    order = placed.object.model_copy(update={"status": "cancelled"})
    return OrderCancelled(object=order, changed=["/status"], reason=None)


class FakeInventory:
    """Inventory in memory: counts by location and SKU, each key taking effect once.

    ``away`` calls fail as if inventory could not be reached; ``loses_answers`` are carried out without an answer.
    """

    def __init__(self, *locations: UUID) -> None:
        self.locations = set(locations)
        self.stock: dict[tuple[UUID, str], int] = {}
        self.keys: set[str] = set()
        self.calls = 0
        self.repeated = 0
        self.away = 0
        self.loses_answers = 0

    async def has_location(self, location_id: UUID) -> bool:
        """Tell whether the location was given."""
        self._be_reached()
        return location_id in self.locations

    async def set_stock(self, location_id: UUID, lines: Sequence[StockCount], *, reference: str) -> None:
        """Set counts, each key once."""
        self._be_reached()
        if location_id not in self.locations:
            raise LocationUnknownError(location_id)
        if len(lines) > MAX_LINES or not reference:
            raise ValueError(f"{len(lines)} lines for {reference!r}")
        for line in lines:
            if line.key in self.keys:
                self.repeated += 1
                continue
            self.keys.add(line.key)
            self.stock[location_id, line.sku] = line.count
        if self.loses_answers:
            self.loses_answers -= 1
            raise Unavailable("The answer was lost.")

    def _be_reached(self) -> None:
        self.calls += 1
        if self.away:
            self.away -= 1
            raise Unavailable("Inventory is away.")
