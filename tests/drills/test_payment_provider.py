"""A provider that is slow, mute, or does its work and loses the answer: one charge, one order, or neither."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncio
import asyncpg

from common.testing.suite import until
from tests.drills.books import all_ended, unbalanced
from tests.shop import Shop

CHARGES = """
SELECT c.state, c.authorised FROM sandbox_charge AS c JOIN checkout AS o ON o.id = c.key
WHERE o.cart_id = $1::text::uuid
"""
ORDERS = "SELECT id::text, total FROM orders WHERE cart_id = $1::text::uuid"
WAITING = """
SELECT count(*) AS waiting FROM pg_stat_activity
WHERE datname = current_database() AND wait_event_type = 'Lock' AND query LIKE $1
"""


@asynccontextmanager
async def closed_books(shop: Shop) -> AsyncIterator[None]:
    """The provider answers nobody during the block: its books are locked."""
    connection = await asyncpg.connect(shop.suite.databases["orders"])
    try:
        async with connection.transaction():
            await connection.execute("LOCK TABLE sandbox_charge IN ACCESS EXCLUSIVE MODE")
            yield
    finally:
        await connection.close()


async def asked(shop: Shop, statement: str) -> None:
    """Wait until the provider has been asked and cannot answer."""

    async def waits() -> bool:
        (row,) = await shop.suite.rows("orders", WAITING, f"%{statement}%sandbox_charge%")
        return bool(row["waiting"])

    await until(waits)


async def test_charged_and_answer_lost_is_one_charge_and_one_order(shop: Shop) -> None:
    """The provider is asked what became of it before anything is given up."""
    sku = await shop.stocked(2)
    cart = await shop.cart({sku: 1})

    answer = await shop.check_out(cart, card="timeout_after")

    assert answer.status_code == 201, answer.text
    (order,) = await shop.suite.rows("orders", ORDERS, cart.id)
    assert order["id"] == answer.json()["id"]
    assert [tuple(row) for row in await shop.suite.rows("orders", CHARGES, cart.id)] == [("authorised", order["total"])]
    await shop.moved(sku, reserved=0, allocated=1)


async def test_never_heard_of_is_no_charge_and_no_order(shop: Shop) -> None:
    """The stock is free again, and the shopper may try another card, or the same one later."""
    sku = await shop.stocked(2)
    cart = await shop.cart({sku: 1})

    answer = await shop.check_out(cart, card="timeout_before")

    assert (answer.status_code, answer.json()["type"]) == (503, "/problems/payment-unanswered")
    assert await shop.suite.rows("orders", ORDERS, cart.id) == []
    await shop.moved(sku, reserved=0, allocated=0)
    assert not [row for row in await shop.suite.rows("orders", CHARGES, cart.id) if row["state"] == "authorised"]
    assert (await shop.check_out(cart)).status_code == 201
    assert await unbalanced_of(shop, cart.id) == []


async def test_a_slow_provider_is_waited_for(shop: Shop) -> None:
    """One charge and one order, in its own time; the same key meanwhile is told to wait."""
    sku = await shop.stocked(2)
    cart = await shop.cart({sku: 1})
    async with closed_books(shop):
        under_way = asyncio.create_task(shop.check_out(cart, key="slow-and-steady"))
        await asked(shop, "INSERT INTO")
        early = await shop.check_out(cart, key="slow-and-steady")
    answer = await under_way

    assert (early.status_code, early.json()["type"]) == (409, "/problems/request-in-progress")
    assert answer.status_code == 201, answer.text
    assert await unbalanced_of(shop, cart.id) == []
    await shop.moved(sku, reserved=0, allocated=1)


async def test_a_mute_provider_leaves_one_order_or_a_void(shop: Shop) -> None:
    """It answers neither the charge nor the question what became of it; whatever it did is given back or is an order."""
    sku = await shop.stocked(2)
    cart = await shop.cart({sku: 1})
    async with closed_books(shop):
        under_way = asyncio.create_task(shop.check_out(cart))
        await asked(shop, "SELECT state")
    answer = await under_way

    assert answer.status_code in {201, 503}, answer.text
    await all_ended(shop)
    placed = len(await shop.suite.rows("orders", ORDERS, cart.id))
    assert placed == (answer.status_code == 201)
    assert await unbalanced_of(shop, cart.id) == []
    await shop.moved(sku, reserved=0, allocated=placed)


async def unbalanced_of(shop: Shop, cart_id: str) -> list[dict[str, object]]:
    """What does not agree between the provider's books and ours, of one cart."""
    rows = await shop.suite.rows("orders", "SELECT id::text FROM checkout WHERE cart_id = $1::text::uuid", cart_id)
    ours = {row["id"] for row in rows}
    return [row for row in await unbalanced(shop) if row["id"] in ours]
