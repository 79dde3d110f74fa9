"""What sells comes first, and what sold lately before what sold once."""

from collections.abc import Awaitable, Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from catalog.app import SERVICE
from catalog.popularity.rules import sales_of
from catalog.products.rebuilding import project_all
from catalog.testing import NOW, order_cancelled, order_placed
from common.database import Database
from common.invariants import run_invariants
from common.testing import Api

Json = dict[str, Any]
MakeProduct = Callable[..., Awaitable[Json]]
Deliver = Callable[..., Awaitable[UUID]]


async def order_of(api: Api, word: str) -> list[str]:
    items = (await api.get(f"/v1/search?q={word}&sort=popularity")).json()["items"]
    return [card["title"].removeprefix(f"{word} ") for card in items]


@pytest.fixture
def shelf(make_product: MakeProduct) -> Callable[[str], Awaitable[list[str]]]:
    """Make three products whose titles begin with a word; returns their ids."""

    async def make(word: str) -> list[str]:
        return [(await make_product(title=f"{word} {name}"))["id"] for name in ("a", "b", "c")]

    return make


async def test_more_units_come_first(api: Api, shelf: Callable[[str], Awaitable[list[str]]], deliver: Deliver) -> None:
    a, b, _ = await shelf("Funnel")
    await deliver(order_placed({a: 1, b: 2}))
    assert await order_of(api, "Funnel") == ["b", "a", "c"]
    await deliver(order_placed({a: 2}))
    assert await order_of(api, "Funnel") == ["a", "b", "c"]


async def test_a_unit_counts_half_after_thirty_days(
    api: Api, shelf: Callable[[str], Awaitable[list[str]]], deliver: Deliver
) -> None:
    a, b, _ = await shelf("Sieve")
    await deliver(order_placed({a: 5}, placed_at=NOW - timedelta(days=60), imported=True))
    await deliver(order_placed({b: 1}))
    assert await order_of(api, "Sieve") == ["a", "b", "c"]  # 5 / 4 against 1
    await deliver(order_placed({b: 1}, placed_at=NOW - timedelta(days=30), imported=True))
    assert await order_of(api, "Sieve") == ["b", "a", "c"]  # 1 + 1 / 2


async def test_an_event_that_comes_twice_counts_once(
    api: Api, shelf: Callable[[str], Awaitable[list[str]]], deliver: Deliver
) -> None:
    a, b, _ = await shelf("Grater")
    placed = order_placed({a: 2})
    event_id = await deliver(placed)
    await deliver(placed, sequence=1, event_id=event_id)
    await deliver(order_placed({b: 3}))
    assert await order_of(api, "Grater") == ["b", "a", "c"]


@pytest.mark.parametrize("undo", ["cancelled", "returned"])
async def test_what_is_taken_back_counts_off(
    undo: str, api: Api, shelf: Callable[[str], Awaitable[list[str]]], deliver: Deliver
) -> None:
    word = f"Peeler{undo}"
    a, b, _ = await shelf(word)
    placed = order_placed({a: 5})
    await deliver(placed)
    await deliver(order_placed({b: 1}))
    assert await order_of(api, word) == ["a", "b", "c"]
    await deliver(order_cancelled(placed) if undo == "cancelled" else order_placed({a: 5}, kind="return"))
    assert await order_of(api, word) == ["b", "c", "a"]


async def test_popularity_is_counted_anew_by_a_rebuild(
    api: Api, shelf: Callable[[str], Awaitable[list[str]]], deliver: Deliver, database: Database
) -> None:
    a, b, c = await shelf("Colander")
    await deliver(order_placed({a: 1, b: 3, c: 2, None: 7}))
    async with database.acquire() as connection:
        await connection.execute("DELETE FROM search_document")
    await project_all(database, shop_currency="EUR")
    assert await order_of(api, "Colander") == ["b", "c", "a"]
    assert await run_invariants(database, SERVICE.invariants) == []


async def test_old_history_orders_products_too(
    api: Api, shelf: Callable[[str], Awaitable[list[str]]], deliver: Deliver
) -> None:
    """Fifteen years fade to nothing against today, and still tell a bestseller from a shelf warmer."""
    a, b, c = await shelf("Skewer")
    then = datetime(2011, 1, 4, tzinfo=UTC)
    await deliver(order_placed({a: 1, b: 900}, placed_at=then, imported=True))
    assert await order_of(api, "Skewer") == ["b", "a", "c"]
    await deliver(order_placed({c: 1}))
    assert await order_of(api, "Skewer") == ["c", "b", "a"]


def test_sales_are_counted_on_the_day_of_the_order_in_utc() -> None:
    product = "019ab3e2-4400-7c00-8d00-102030405060"
    late = datetime.fromisoformat("2026-03-02T00:30:00+02:00")
    placed = order_placed({product: 2}, placed_at=late)
    assert sales_of([placed]) == {(UUID(product), date(2026, 3, 1)): 2}
    assert sales_of([placed, order_cancelled(placed)]) == {}
    assert sales_of([order_cancelled(order_placed({product: 2}, kind="return"))]) == {(UUID(product), NOW.date()): 2}
