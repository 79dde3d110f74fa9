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
    ("search-finds-products-where-they-are", "UPDATE search_document SET channels = '{}'"),
    ("search-finds-products-where-they-are", "UPDATE search_document SET categories = '{}'"),
    ("search-finds-products-where-they-are", "UPDATE search_document SET amounts[1] = amounts[1] + 1"),
    ("facets-are-what-products-have", "UPDATE search_document SET facets = facets[2:]"),
    (
        "facets-are-what-products-have",
        "UPDATE search_document SET number_values = ARRAY[1.5] WHERE cardinality(number_facets) = 1",
    ),
    ("facets-are-what-products-have", "DELETE FROM search_facet"),
    ("search-shows-the-stock-that-was-told", "UPDATE search_document SET stock = 2"),
    (
        "search-shows-the-stock-that-was-told",
        "INSERT INTO stock_level SELECT id, sku, id, 3, NULL, 1 FROM variant WHERE live",
    ),
    ("popularity-follows-from-sales", "UPDATE search_document SET popularity = 7"),
    ("popularity-follows-from-sales", "INSERT INTO product_sales SELECT id, '2026-01-01', 2 FROM product"),
    ("codes-are-those-of-the-search-rows", "DELETE FROM search_code"),
    ("codes-are-those-of-the-search-rows", "INSERT INTO search_code SELECT 'stray', product_id FROM search_document"),
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
    attributes = [
        {"name": "Material", "type": "choice", "value": "Oak"}, {"name": "Weight", "type": "number", "value": 300}
    ]  # fmt: skip
    await make_product(categories=["kitchen"], variants=variants, attributes=attributes)
    await run_import("Handle,Title,Variant SKU,Variant Price\nspoon,Spoon,SPOON,1\nfork,Fork,FORK,x\n")


async def test_a_sound_shop_breaks_nothing(shop: None, database: Database) -> None:
    assert await run_invariants(database, SERVICE.invariants) == []


class _TakenBackError(Exception):
    """Ends a unit of work whose damage is not to stay."""


@pytest.mark.parametrize(("name", "damage"), DAMAGE)
async def test_damage_is_found(name: str, damage: str, shop: None, database: Database) -> None:
    (checked,) = [each for each in SERVICE.invariants if each.name == name]
    with pytest.raises(_TakenBackError):
        async with database.uow() as uow:
            await uow.execute(damage)
            check = checked.check
            assert await (uow.fetch(check) if isinstance(check, str) else check(uow))
            raise _TakenBackError


async def test_each_invariant_has_its_damage() -> None:
    assert {each.name for each in SERVICE.invariants} == {name for name, _ in DAMAGE}
