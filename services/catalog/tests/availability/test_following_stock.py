"""Search says what can be bought, as inventory last told."""

import asyncio
import itertools
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any
from uuid import UUID

import pytest

from catalog.products.schemas import NewProduct
from catalog.products.service import create_product
from catalog.testing import product_body, stock_changed, variant_body
from common.database import Database, uuid7
from common.testing import Api
from common.testing.suite import until

Json = dict[str, Any]
MakeProduct = Callable[..., Awaitable[Json]]
Deliver = Callable[..., Coroutine[Any, Any, UUID]]

WAITING = """
SELECT count(*) FROM pg_locks
WHERE locktype = 'advisory' AND NOT granted
    AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
"""


async def shown(api: Api, word: str) -> bool | str:
    (card,) = (await api.get(f"/v1/search?q={word}")).json()["items"]
    available: bool | str = card["available"]
    return available


async def test_a_product_without_any_stock_told_of_cannot_be_bought(api: Api, make_product: MakeProduct) -> None:
    await make_product(title="Untold")
    assert await shown(api, "untold") is False


async def test_locations_add_up_and_none_counts_below_zero(
    api: Api, make_product: MakeProduct, deliver: Deliver
) -> None:
    await make_product(title="Summed", variants=[variant_body(sku="SUM-1")])
    here, there = uuid7(), uuid7()
    await deliver(stock_changed("SUM-1", -5, level_id=here))
    assert await shown(api, "summed") is False
    await deliver(stock_changed("SUM-1", 3, level_id=there))
    assert await shown(api, "summed") is True
    await deliver(stock_changed("SUM-1", 3, level_id=there, reorder_point=3))
    assert await shown(api, "summed") == "low"
    await deliver(stock_changed("SUM-1", 2, level_id=here))
    assert await shown(api, "summed") is True
    for level in (here, there):
        await deliver(stock_changed("SUM-1", 0, level_id=level))
    assert await shown(api, "summed") is False


async def test_a_product_is_as_available_as_its_best_variant(
    api: Api, make_product: MakeProduct, deliver: Deliver
) -> None:
    variants = [variant_body(sku=f"BEST-{size}", options={"Size": size}) for size in "SM"]
    await make_product(title="Bestsize", variants=variants)
    await deliver(stock_changed("BEST-S", 1, reorder_point=5))
    assert await shown(api, "bestsize") == "low"
    await deliver(stock_changed("BEST-M", 9))
    assert await shown(api, "bestsize") is True


@pytest.mark.parametrize("order", list(itertools.permutations([1, 2, 3])), ids=str)
async def test_late_and_repeated_events_leave_the_newest_state(
    order: tuple[int, ...], api: Api, make_product: MakeProduct, deliver: Deliver
) -> None:
    sku = f"LATE-{''.join(map(str, order))}"
    await make_product(title=sku, variants=[variant_body(sku=sku)])
    level, units = uuid7(), {1: 5, 2: 0, 3: 7}
    for sequence in (*order, *order):
        await deliver(stock_changed(sku, units[sequence], level_id=level), sequence=sequence)
    assert await shown(api, sku) is True
    await deliver(stock_changed(sku, 0, level_id=level), sequence=4)
    await deliver(stock_changed(sku, 7, level_id=level), sequence=3)
    assert await shown(api, sku) is False


async def test_stock_may_be_told_of_before_the_product(api: Api, make_product: MakeProduct, deliver: Deliver) -> None:
    await deliver(stock_changed("EARLY-1", 4))
    await make_product(title="Earlybird", variants=[variant_body(sku="EARLY-1")])
    assert await shown(api, "earlybird") is True


async def test_stock_that_comes_while_its_product_is_being_saved_is_not_missed(
    api: Api, database: Database, deliver: Deliver
) -> None:
    """Neither transaction sees the other's rows: one must wait for the other."""
    body = NewProduct.model_validate(product_body(title="Meanwhile", variants=[variant_body(sku="MEAN-1")]))
    async with database.uow() as uow:
        await create_product(uow, body.to_draft(), shop_currency="EUR")
        told = asyncio.create_task(deliver(stock_changed("MEAN-1", 4)))

        async def met() -> bool:
            async with database.acquire() as other:
                return told.done() or bool(await other.fetchval(WAITING))

        await until(met)
    await told
    assert await shown(api, "meanwhile") is True


@pytest.mark.parametrize("sort", ["relevance", "price", "newest", "popularity"])
async def test_what_is_sold_out_comes_last_on_every_page_of_every_sort(
    sort: str, api: Api, make_product: MakeProduct, deliver: Deliver
) -> None:
    word = f"ladle{sort}"
    for number in range(6):
        sku = f"{word}-{number}"
        await make_product(title=f"{word} {number}", variants=[variant_body(sku=sku, price=100 * (number + 1))])
        if number % 2:
            await deliver(stock_changed(sku, 5))
    whole = [card["title"] for card in (await api.get(f"/v1/search?q={word}&sort={sort}")).json()["items"]]
    assert {title[-1] for title in whole[:3]} == {"1", "3", "5"}
    pages: list[str] = []
    after = ""
    while len(pages) < 10:
        page = (await api.get(f"/v1/search?q={word}&sort={sort}&limit=2{after}")).json()
        pages += [card["title"] for card in page["items"]]
        if page["next"] is None:
            break
        after = f"&after={page['next']}"
    assert pages == whole
    buyable = (await api.get(f"/v1/search?q={word}&in_stock=true&price_max=500")).json()
    assert {card["title"][-1] for card in buyable["items"]} == {"1", "3"}
    (stock,) = [facet for facet in buyable["facets"] if facet["parameter"] == "in_stock"]
    assert stock["values"] == [{"value": "true", "label": "In stock", "count": 2, "selected": True}]


async def test_a_sku_that_is_sold_out_is_still_found_first(
    api: Api, make_product: MakeProduct, deliver: Deliver
) -> None:
    await make_product(title="Spare lid", variants=[variant_body(sku="LID-9")])
    await make_product(title="Pot with lid", tags=["LID-9"], variants=[variant_body(sku="POT-9")])
    await deliver(stock_changed("POT-9", 5))
    titles = [card["title"] for card in (await api.get("/v1/search?q=lid-9")).json()["items"]]
    assert titles == ["Spare lid", "Pot with lid"]
