"""`catalog rebuild` mends whatever was lost of the projection, and announces nothing."""

from collections.abc import Awaitable, Callable
from typing import Any

from catalog.app import SERVICE
from catalog.products.rebuilding import project_all
from catalog.testing import money, variant_body
from common.database import Database
from common.invariants import run_invariants
from common.testing import Api, EventProbe

Json = dict[str, Any]
MakeProduct = Callable[..., Awaitable[Json]]


async def test_a_lost_projection_is_written_again(
    api: Api, database: Database, make_product: MakeProduct, probe: EventProbe
) -> None:
    product = await make_product(variants=[variant_body(prices=[money(100), money(90, "USD")])])
    before = (await api.get(f"/v1/products/{product['id']}")).content
    async with database.acquire() as connection:
        await connection.execute("DELETE FROM product_page; DELETE FROM listing; DELETE FROM search_document")
    assert await run_invariants(database, SERVICE.invariants) != []
    assert (await api.get(f"/v1/products/{product['id']}")).status_code == 404

    assert await project_all(database, shop_currency="EUR") == 1

    assert (await api.get(f"/v1/products/{product['id']}")).content == before
    assert await run_invariants(database, SERVICE.invariants) == []
    assert len(await probe.events(key=product["id"])) == 1


async def test_another_shop_currency_comes_first_after_a_rebuild(
    api: Api, database: Database, make_product: MakeProduct
) -> None:
    product = await make_product(title="Coin", variants=[variant_body(prices=[money(100), money(90, "USD")])])

    async def shown() -> Json:
        cards = (await api.get("/v1/products?sort=price")).json()["items"]
        price: Json = next(card["price_from"] for card in cards if card["id"] == product["id"])
        return price

    assert await shown() == money(100)
    await project_all(database, shop_currency="USD")
    async with database.acquire() as connection:
        own = "SELECT price_amount FROM listing WHERE product_id = $1 AND currency = ''"
        assert await connection.fetchval(own, product["id"]) == 90
