"""Products follow their categories: lists and search at once, pages and events by a job.

When a category is renamed or moved, the lists of categories are rewritten in the same transaction, so that a subtree
is never half there. Pages and events show the category's new path once the job has come by; it works in batches,
since a category may hold the whole shop.
"""

from uuid import UUID

from pydantic import BaseModel

from catalog.products import projection
from catalog.products.indexing import place_below
from catalog.products.models import Change
from catalog.products.repository import ProductRepository
from catalog.products.service import save_changes
from common.database import UnitOfWork
from common.scheduling import Job, JobRun

BATCH = 200  # products; some 100 ms in one transaction

LEAVE_LISTS = """
DELETE FROM listing WHERE category_id <> $2 AND product_id IN (
    SELECT pc.product_id FROM category AS c JOIN product_category AS pc ON pc.category_id = c.id
    WHERE c.ancestors @> ARRAY[$1::uuid]
)
"""
ENTER_LISTS = """
INSERT INTO listing (product_id, category_id, currency, published, channels, sort_time, price_rank, price_amount,
    title_key, vendor, product_type, tags, updated_at)
SELECT l.product_id, scope.id, l.currency, l.published, l.channels, l.sort_time, l.price_rank, l.price_amount,
    l.title_key, l.vendor, l.product_type, l.tags, l.updated_at
FROM listing AS l CROSS JOIN LATERAL (
    SELECT DISTINCT above.id FROM product_category AS pc JOIN category AS c ON c.id = pc.category_id
    CROSS JOIN LATERAL unnest(c.ancestors) AS above(id) WHERE pc.product_id = l.product_id
) AS scope
WHERE l.category_id = $2 AND l.product_id IN (
    SELECT pc.product_id FROM category AS c JOIN product_category AS pc ON pc.category_id = c.id
    WHERE c.ancestors @> ARRAY[$1::uuid]
)
"""
NEXT_BELOW = """
SELECT DISTINCT pc.product_id FROM category AS c JOIN product_category AS pc ON pc.category_id = c.id
WHERE c.ancestors @> ARRAY[$1::uuid] AND ($2::uuid IS NULL OR pc.product_id > $2)
ORDER BY pc.product_id LIMIT $3
"""


class ProductsBelow(BaseModel):
    """A category whose products are to show its new place."""

    category_id: UUID


async def refresh_products_below(uow: UnitOfWork, category_id: UUID) -> None:
    """Put the products of a moved subtree into the right lists, and queue the job for their pages."""
    await uow.execute(LEAVE_LISTS, category_id, projection.EVERYTHING)
    await uow.execute(ENTER_LISTS, category_id, projection.EVERYTHING)
    await place_below(uow, category_id)
    uow.enqueue(REFRESH_PRODUCTS, ProductsBelow(category_id=category_id))


async def refresh_products(payload: ProductsBelow, run: JobRun) -> None:
    """Write the pages of a subtree's products anew and announce those whose page changed.

    Run twice, the second finds every page as it should be.
    """
    after: UUID | None = None
    while True:
        async with run.uow() as uow:
            rows = await uow.fetch(NEXT_BELOW, payload.category_id, after, BATCH)
            await _refresh(uow, [row["product_id"] for row in rows], run.runtime.settings.shop_currency)
        if len(rows) < BATCH:
            return
        after = rows[-1]["product_id"]


async def _refresh(uow: UnitOfWork, ids: list[UUID], shop_currency: str) -> None:
    repository = ProductRepository(uow, shop_currency=shop_currency)
    products = await repository.load(ids, lock=True)
    categories = await repository.categories({each for one in products.values() for each in one.category_ids})
    stored = await repository.bodies(list(products))
    changes = []
    for product in products.values():
        body = projection.to_json(projection.document_of(product, categories))
        if stored.get(product.id) != body:
            after = product.copy()
            after.version, after.updated_at = product.version + 1, uow.now
            changes.append(Change(product, after, also=("/categories",)))
    if changes:
        await save_changes(uow, repository, changes, categories)


REFRESH_PRODUCTS = Job("refresh-products", refresh_products, ProductsBelow)
