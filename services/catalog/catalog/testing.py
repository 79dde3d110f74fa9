"""Factories and fakes for tests; production code may not import this."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID, uuid4

from catalog.clients.inventory import MAX_LINES, LocationUnknownError, StockCount
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
