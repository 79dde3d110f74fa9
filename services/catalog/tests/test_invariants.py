"""Every invariant is content with a sound shop, and finds the damage that it is there for."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from catalog.app import SERVICE
from catalog.testing import money, variant_body
from common.database import Database
from common.invariants import run_invariants
from common.testing import Api

Json = dict[str, Any]
MakeProduct = Callable[..., Awaitable[Json]]

DAMAGE = [
    ("pages-are-what-the-products-are", "UPDATE product SET version = version + 1"),
    ("pages-are-what-the-products-are", "DELETE FROM product_page"),
    ("pages-are-what-the-products-are", "UPDATE product_page SET published = NOT published"),
    ("pages-sell-what-the-rows-say", "UPDATE variant_price SET amount = amount + 1"),
    ("pages-sell-what-the-rows-say", "DELETE FROM variant_price"),
    ("lists-show-every-product-where-it-belongs", "DELETE FROM listing WHERE currency = 'USD'"),
    ("lists-show-every-product-where-it-belongs", "DELETE FROM product_category"),
    ("every-product-can-be-found", "DELETE FROM search_document"),
    ("a-sku-stands-for-one-live-variant", "DROP INDEX uq_variant_sku; UPDATE variant SET sku = 'SAME'"),
    ("live-variants-have-a-live-product", "UPDATE product SET deleted_at = updated_at"),
    ("variants-choose-each-option-once", "UPDATE variant SET option_values = '{S}'"),
    ("variants-choose-each-option-once", "UPDATE variant SET option_values = '{}'"),
    ("prices-are-in-currencies-that-exist", "UPDATE variant_price SET currency = 'XXX' WHERE currency = 'USD'"),
    (
        "ended-imports-keep-no-file",
        "INSERT INTO import_chunk SELECT id, 0, 'x' FROM product_import",
    ),
    ("refused-rows-have-their-reasons", "DELETE FROM import_error"),
    ("refused-rows-have-their-reasons", "UPDATE product_import SET failed = 9"),
]


@pytest.fixture
async def shop(staff: Api, make_product: MakeProduct, run_import: Callable[..., Awaitable[Json]]) -> None:
    listed = (await staff.get("/v1/products")).json()["items"]
    if listed:
        return
    await staff.post("/v1/categories", json={"title": "Kitchen"})
    variants = [
        variant_body(sku=f"INV-{size}", options={"Size": size}, prices=[money(100), money(120, "USD")]) for size in "SM"
    ]
    await make_product(categories=["kitchen"], variants=variants)
    await run_import("Handle,Title,Variant SKU,Variant Price\nspoon,Spoon,SPOON,1\nfork,Fork,FORK,x\n")


async def test_a_sound_shop_breaks_nothing(shop: None, database: Database) -> None:
    assert await run_invariants(database, SERVICE.invariants) == []


@pytest.mark.parametrize(("name", "damage"), DAMAGE)
async def test_damage_is_found(name: str, damage: str, shop: None, database: Database) -> None:
    (checked,) = [each for each in SERVICE.invariants if each.name == name]
    async with database.acquire() as connection:
        await connection.execute(f"BEGIN; {damage}")
        try:
            assert isinstance(checked.check, str)
            assert await connection.fetch(checked.check)
        finally:
            await connection.execute("ROLLBACK")


async def test_each_invariant_has_its_damage() -> None:
    assert {each.name for each in SERVICE.invariants} == {name for name, _ in DAMAGE}
