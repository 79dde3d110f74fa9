"""The projection of SKUs: newer events win, whatever comes twice, late, or as a tombstone."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from uuid import UUID, uuid4

import pytest

from common.database import Database, uuid7
from common.events import CATALOG_PRODUCT, Tombstone
from common.events.contracts.catalog import ProductCreated, ProductDeleted, ProductUpdated
from inventory.products.handlers import forget_skus
from inventory.testing import product_event

Deliver = Callable[..., Awaitable[UUID]]
Titles = Callable[[UUID], Awaitable[dict[str, str]]]


@pytest.fixture
def titles(database: Database) -> Titles:
    """A product's SKUs and their titles."""

    async def read(product_id: UUID) -> dict[str, str]:
        async with database.acquire() as connection:
            rows = await connection.fetch("SELECT sku, title FROM known_sku WHERE product_id = $1", product_id)
        return {row["sku"]: row["title"] for row in rows}

    return read


async def test_a_late_event_does_not_bring_back_what_was(deliver: Deliver, titles: Titles, sku: str) -> None:
    product_id = uuid4()
    new = product_event(ProductUpdated, product_id, title="Cup", variants={sku: "Blue"})
    old = product_event(ProductCreated, product_id, title="Mug", variants={f"{sku}-old": "Blue"})

    await deliver(new, sequence=2)
    await deliver(old, sequence=1)
    await deliver(new, sequence=2)

    assert await titles(product_id) == {sku: "Cup"}


async def test_variants_are_told_apart_where_there_are_several(deliver: Deliver, titles: Titles, sku: str) -> None:
    product_id = uuid4()
    variants = {sku: "Blue", f"{sku}-r": "Red"}

    await deliver(product_event(ProductCreated, product_id, title="Mug", variants=variants))

    assert await titles(product_id) == {sku: "Mug, Blue", f"{sku}-r": "Mug, Red"}


async def test_a_deleted_product_is_forgotten_for_good(deliver: Deliver, titles: Titles, sku: str) -> None:
    product_id = uuid4()
    await deliver(product_event(ProductCreated, product_id, title="Mug", variants={sku: "Blue"}), sequence=1)

    await deliver(product_event(ProductDeleted, product_id, title="Mug", variants={sku: "Blue"}), sequence=3)
    await deliver(product_event(ProductUpdated, product_id, title="Mug", variants={sku: "Blue"}), sequence=2)

    assert await titles(product_id) == {}


async def test_a_tombstone_forgets_where_the_deletion_was_compacted_away(
    deliver: Deliver, titles: Titles, database: Database, sku: str
) -> None:
    product_id = uuid4()
    await deliver(product_event(ProductCreated, product_id, title="Mug", variants={sku: "Blue"}), sequence=1)
    tombstone = Tombstone(topic=CATALOG_PRODUCT, key=product_id, id=uuid7(), sequence=3, time=datetime.now(UTC))

    async with database.uow() as uow:
        await forget_skus(tombstone, uow)

    assert await titles(product_id) == {}
