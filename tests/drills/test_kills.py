"""Whatever is killed in the middle of checkouts: no unit is sold twice, nobody pays twice, nothing is lost."""

import asyncio
import time

import pytest

from common.testing import Platform
from tests.support.books import all_ended, placed_once, unbalanced
from tests.support.shop import Shop
from tests.support.stream import Stream

PLENTY = 100_000
BROKER_AWAY_SECONDS = 10.0
VICTIMS = (("orders",), ("inventory",), ("gateway",), ("catalog", "metrics", "notifications"))


@pytest.fixture(scope="module")
async def sku(frail_shop: Shop) -> str:
    """Something that does not run out."""
    return await frail_shop.stocked(PLENTY)


async def in_order(shop: Shop, stream: Stream, sku: str) -> None:
    """What must hold after a drill, whatever it was."""
    await all_ended(shop)
    assert await unbalanced(shop) == []
    assert await placed_once(shop, stream.placed)
    assert await shop.complaints() == []
    (row,) = await shop.suite.rows("orders", "SELECT sum(quantity)::int AS sold FROM order_line WHERE sku = $1", sku)
    await shop.moved(sku, reserved=0, allocated=row["sold"], on_hand=PLENTY)
    assert await shop.deadlocks() == 0


async def test_whatever_is_killed_in_the_middle_of_checkouts_nothing_is_lost(
    frail_shop: Shop, own_platform: Platform, sku: str
) -> None:
    """Each service once with SIGKILL and started again, then PostgreSQL restarted under all of them.

    Eight shoppers buy all the while; what was cut short is finished or undone. Nobody has to be started anew because
    the database was.
    """
    suite = frail_shop.suite
    async with Stream(frail_shop, sku) as stream:
        for victims in VICTIMS:
            await stream.more(8)
            for name in victims:
                suite.kill(name)
            await suite.start(*victims)
            await frail_shop.move_time("PT1M")  # past the deadline of whatever was cut short
        await stream.more(8)
        running = suite.pids()
        await asyncio.to_thread(own_platform.restart_postgres)
        await stream.more(8)

    await in_order(frail_shop, stream, sku)
    assert len(stream.placed) > 8 * (len(VICTIMS) + 2)
    assert suite.pids() == running
    assert (await frail_shop.nobody.get("/v1/status"))["status"] == "ready"


async def test_a_broker_that_stands_still_for_ten_seconds_stops_nobody(
    frail_shop: Shop, own_platform: Platform, sku: str
) -> None:
    """Shoppers go on buying all the while, none is told of it, and afterwards every event arrives."""
    async with Stream(frail_shop, sku) as stream:
        await stream.more(4)
        own_platform.kafka_process.pause()
        stopped_at = time.monotonic()
        before = sum(stream.trouble.values())
        try:
            while time.monotonic() < stopped_at + BROKER_AWAY_SECONDS:
                await asyncio.wait_for(stream.more(1), timeout=5)
            assert sum(stream.trouble.values()) == before, stream.trouble
        finally:
            own_platform.kafka_process.resume()
        await stream.more(4)

    await in_order(frail_shop, stream, sku)
