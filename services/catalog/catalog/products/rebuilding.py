"""Projects every product again, in batches that readers and writers pass between."""

from uuid import UUID

from catalog.products.repository import ProductRepository
from common.database import Database

BATCH = 200

NEXT = "SELECT id FROM product WHERE deleted_at IS NULL AND ($1::uuid IS NULL OR id > $1) ORDER BY id LIMIT $2"


async def project_all(database: Database, *, shop_currency: str) -> int:
    """Write what readers get of every live product; return how many there are."""
    after: UUID | None = None
    count = 0
    while True:
        async with database.uow() as uow:
            ids = [row["id"] for row in await uow.fetch(NEXT, after, BATCH)]
            repository = ProductRepository(uow, shop_currency=shop_currency)
            products = await repository.load(ids, lock=True)
            if products:
                wanted = {each for one in products.values() for each in one.category_ids}
                await repository.project(list(products.values()), await repository.categories(wanted))
        count += len(products)
        if len(ids) < BATCH:
            return count
        after = ids[-1]
