"""SQL of sales by day, and of the popularity that search sorts by."""

from uuid import UUID

from catalog.popularity.rules import Sales
from catalog.products.indexing import TAKE_LOCK
from common.database import UnitOfWork

ADD = """
INSERT INTO product_sales AS s (product_id, day, units)
SELECT n.* FROM unnest($1::uuid[], $2::date[], $3::bigint[]) AS n ORDER BY 1, 2
ON CONFLICT (product_id, day) DO UPDATE SET units = s.units + excluded.units
"""
SHOW = """
UPDATE search_document AS d SET popularity = popularity_of_product(d.product_id) WHERE d.product_id = ANY ($1::uuid[])
"""


class PopularityRepository:
    """Sales, in one unit of work."""

    def __init__(self, uow: UnitOfWork) -> None:
        self._uow = uow

    async def add(self, sales: Sales) -> None:
        """Count units, and let search know how the products stand now."""
        await self._uow.execute(TAKE_LOCK)
        products, days = zip(*sales, strict=True)
        await self._uow.execute(ADD, list(products), list(days), list(sales.values()))
        await self._uow.execute(SHOW, _distinct(products))


def _distinct(products: tuple[UUID, ...]) -> list[UUID]:
    return sorted(set(products))
