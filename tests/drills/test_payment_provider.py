"""A provider that is slow, mute, or does its work and loses the answer: one charge, one order, or neither."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg

from common.testing.suite import until
from tests.support.books import all_ended, unbalanced
from tests.support.shop import Shop

CHARGES = """
SELECT c.state, c.authorised FROM sandbox_charge AS c JOIN checkout AS o ON o.id = c.key
WHERE o.cart_id = $1::text::uuid
"""
ORDERS = "SELECT id::text, total FROM orders WHERE cart_id = $1::text::uuid"
HANGS = """
CREATE FUNCTION hang_on() RETURNS trigger LANGUAGE plpgsql SET lock_timeout = 0 AS $$
BEGIN PERFORM pg_advisory_xact_lock(4711); RETURN NEW; END
$$;
CREATE TRIGGER hangs BEFORE INSERT ON sandbox_charge FOR EACH ROW EXECUTE FUNCTION hang_on()
"""
WAITING = """
SELECT count(*) AS waiting FROM pg_stat_activity
WHERE datname = current_database() AND wait_event_type = 'Lock' AND query LIKE '%INSERT INTO sandbox_charge%'
"""


@asynccontextmanager
async def silence(shop: Shop) -> AsyncIterator[None]:
    """The provider does nothing that it is told during the block, and then all of it, unless nobody waits any more."""
    connection = await asyncpg.connect(shop.suite.databases["orders"])
    try:
        await connection.execute("SELECT pg_advisory_lock(4711)")
        await connection.execute(HANGS)
        yield
        await connection.execute("SELECT pg_advisory_unlock(4711)")
        await connection.execute("DROP TRIGGER hangs ON sandbox_charge; DROP FUNCTION hang_on")
    finally:
        await connection.close()


async def told(shop: Shop) -> None:
    """Wait until the provider has been told something."""

    async def waits() -> bool:
        (row,) = await shop.suite.rows("orders", WAITING)
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
    async with silence(shop):
        under_way = asyncio.create_task(shop.check_out(cart, key="slow-and-steady"))
        await told(shop)
        early = await shop.check_out(cart, key="slow-and-steady")
    answer = await under_way

    assert (early.status_code, early.json()["type"]) == (409, "/problems/request-in-progress")
    assert answer.status_code == 201, answer.text
    assert await unbalanced_of(shop, cart.id) == []
    await shop.moved(sku, reserved=0, allocated=1)


async def test_a_mute_provider_leaves_a_void_and_no_order(shop: Shop) -> None:
    """It does not answer in time, nor to being told to give back: that is said again until it has."""
    sku = await shop.stocked(2)
    cart = await shop.cart({sku: 1})
    async with silence(shop):
        answer = await shop.check_out(cart)
        assert (answer.status_code, answer.json()["type"]) == (503, "/problems/payment-unanswered")

    await all_ended(shop)
    assert await shop.suite.rows("orders", ORDERS, cart.id) == []
    assert [tuple(row) for row in await shop.suite.rows("orders", CHARGES, cart.id)] == [("voided", 0)]
    await shop.moved(sku, reserved=0, allocated=0)
    assert (await shop.check_out(cart)).status_code == 201


async def unbalanced_of(shop: Shop, cart_id: str) -> list[dict[str, object]]:
    """What does not agree between the provider's books and ours, of one cart."""
    rows = await shop.suite.rows("orders", "SELECT id::text FROM checkout WHERE cart_id = $1::text::uuid", cart_id)
    ours = {row["id"] for row in rows}
    return [row for row in await unbalanced(shop) if row["id"] in ours]
