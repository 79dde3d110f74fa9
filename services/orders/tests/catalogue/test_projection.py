"""The read model is the same however its events come: twice, late, out of order."""

import itertools
from collections.abc import Awaitable, Callable
from uuid import UUID

import pytest

from common.database import Database, uuid7
from common.events import CATALOG_PRODUCT, Tombstone
from common.events.contracts.catalog import ProductDeleted, ProductUpdated
from orders.catalogue.handlers import forget_product
from orders.testing import a_product, a_variant

Deliver = Callable[..., Awaitable[UUID]]


async def variants(database: Database, product_id: UUID) -> dict[str, str]:
    async with database.acquire() as connection:
        rows = await connection.fetch("SELECT sku, prices FROM variant WHERE product_id = $1", product_id)
    return {row["sku"]: row["prices"] for row in rows}


ORDERS = list(itertools.permutations([1, 2, 3]))


@pytest.mark.parametrize("order", ORDERS)
async def test_any_order_of_events_leaves_the_last_state(
    deliver: Deliver, database: Database, order: tuple[int, ...]
) -> None:
    suffix = "".join(map(str, order))
    first, second, third = (a_variant(f"{name}-{suffix}") for name in ("A", "B", "C"))
    product = a_product(first)
    states = {1: [first], 2: [first, second], 3: [second, third]}
    for sequence in (*order, *order):  # each twice
        snapshot = product.model_copy(update={"variants": states[sequence]})
        await deliver(ProductUpdated(object=snapshot, changed=[]), sequence=sequence)
    assert set(await variants(database, product.id)) == {f"B-{suffix}", f"C-{suffix}"}


async def test_a_deleted_product_does_not_come_back(deliver: Deliver, database: Database) -> None:
    product = a_product(a_variant("DELETED"))
    await deliver(ProductDeleted(object=product, changed=[]), sequence=2)
    await deliver(ProductUpdated(object=product, changed=[]), sequence=1)
    assert await variants(database, product.id) == {}


async def test_a_tombstone_deletes_too(deliver: Deliver, database: Database) -> None:
    product = a_product(a_variant("ENTOMBED"))
    await deliver(ProductUpdated(object=product, changed=[]), sequence=1)
    async with database.uow() as uow:
        tombstone = Tombstone(topic=CATALOG_PRODUCT, key=product.id, id=uuid7(), sequence=3, time=uow.now)
        await forget_product(tombstone, uow)
    assert await variants(database, product.id) == {}
    await deliver(ProductUpdated(object=product, changed=[]), sequence=2)
    assert await variants(database, product.id) == {}


async def test_a_sku_may_move_to_another_product_in_any_order(deliver: Deliver, database: Database) -> None:
    old = a_product(a_variant("MOVED"))
    new = a_product(a_variant("MOVED"))
    await deliver(ProductUpdated(object=new, changed=[]), sequence=1)
    await deliver(ProductUpdated(object=old, changed=[]), sequence=1)  # late
    await deliver(ProductUpdated(object=old.model_copy(update={"variants": []}), changed=[]), sequence=2)
    assert set(await variants(database, new.id)) == {"MOVED"}
    assert await variants(database, old.id) == {}
