"""Projects products again, in batches that readers and writers pass between."""

from collections.abc import Sequence
from uuid import UUID

from catalog.products.indexing import forget_unused
from catalog.products.repository import ProductRepository
from common.database import Database, UnitOfWork

BATCH = 200

NEXT = "SELECT id FROM product WHERE deleted_at IS NULL AND ($1::uuid IS NULL OR id > $1) ORDER BY id LIMIT $2"
MISSING = """
SELECT p.id FROM product AS p
WHERE p.deleted_at IS NULL AND NOT EXISTS (SELECT FROM search_document AS d WHERE d.product_id = p.id)
ORDER BY p.id LIMIT $1
"""


async def project_all(database: Database, *, shop_currency: str) -> int:
    """Write what readers get of every live product; return how many there are."""
    after: UUID | None = None
    count = 0
    while True:
        async with database.uow() as uow:
            ids = [row["id"] for row in await uow.fetch(NEXT, after, BATCH)]
            count += await _project(uow, ids, shop_currency)
        if len(ids) < BATCH:
            break
        after = ids[-1]
    async with database.uow() as uow:
        await forget_unused(uow)
    return count


async def project_missing(database: Database, *, shop_currency: str) -> int:
    """Write what readers get of products that search has no row of: after an upgrade that emptied its table."""
    count = 0
    while True:
        async with database.uow() as uow:
            ids = [row["id"] for row in await uow.fetch(MISSING, BATCH)]
            found = await _project(uow, ids, shop_currency)
        count += found
        if found < BATCH:
            return count


async def _project(uow: UnitOfWork, ids: Sequence[UUID], shop_currency: str) -> int:
    repository = ProductRepository(uow, shop_currency=shop_currency)
    products = await repository.load(ids, lock=True)
    if products:
        wanted = {each for one in products.values() for each in one.category_ids}
        await repository.project(list(products.values()), await repository.categories(wanted))
    return len(products)
