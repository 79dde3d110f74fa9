"""SQL of the copy of stock, and of what search says of it.

A level that nobody has told of counts as nothing for sale: a checkout could not hold its units either. A SKU adds up
its locations, none of them below 0; a product is as available as its best variant.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from uuid import UUID

from catalog.products.indexing import TAKE_LOCK
from common.database import UnitOfWork

TAKE_NEWER = """
INSERT INTO stock_level AS s (id, sku, location_id, available, reorder_point, sequence)
SELECT n.* FROM unnest($1::uuid[], $2::text[], $3::uuid[], $4::bigint[], $5::bigint[], $6::bigint[]) AS n ORDER BY 1
ON CONFLICT (id) DO UPDATE SET sku = excluded.sku, location_id = excluded.location_id, available = excluded.available,
    reorder_point = excluded.reorder_point, sequence = excluded.sequence
WHERE s.sequence < excluded.sequence
RETURNING s.sku
"""
SHOW = """
UPDATE search_document AS d SET stock = n.stock
FROM (
    SELECT of_sku.product_id, stock_of_product(of_sku.product_id) AS stock
    FROM (SELECT DISTINCT product_id FROM variant WHERE sku = ANY ($1::text[]) AND live) AS of_sku
) AS n
WHERE d.product_id = n.product_id AND d.stock <> n.stock
"""


@dataclass(frozen=True, slots=True)
class Level:
    """The stock of a SKU at a location, as an event told it."""

    id: UUID
    sku: str
    location_id: UUID
    available: int
    reorder_point: int | None
    sequence: int


class AvailabilityRepository:
    """What catalogue knows of stock, in one unit of work."""

    def __init__(self, uow: UnitOfWork) -> None:
        self._uow = uow

    async def take_newer(self, levels: Sequence[Level]) -> set[str]:
        """Note levels, each once; returns the SKUs of those that are newer than what was known."""
        await self._uow.execute(TAKE_LOCK)
        rows = await self._uow.fetch(
            TAKE_NEWER,
            [level.id for level in levels],
            [level.sku for level in levels],
            [level.location_id for level in levels],
            [level.available for level in levels],
            [level.reorder_point for level in levels],
            [level.sequence for level in levels],
        )
        return {row["sku"] for row in rows}

    async def show(self, skus: Collection[str]) -> None:
        """Let search say what there is of the products of these SKUs."""
        await self._uow.execute(SHOW, sorted(skus))
