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


@pytest.fixture(scope="module")
async def sku(frail_shop: Shop) -> str:
    """Something that does not run out."""
    return await frail_shop.stocked(PLENTY)


T0=time.monotonic()
def P(w): print(w, round(time.monotonic()-T0,2))

async def in_order(shop: Shop, stream: Stream, sku: str) -> None:
    """What must hold after a drill, whatever it was."""
    await all_ended(shop); P("ended")
    assert await unbalanced(shop) == []
    assert await placed_once(shop, stream.placed)
    P("placed")
    assert await shop.complaints() == []
    P("complaints")
    (row,) = await shop.suite.rows("orders", "SELECT sum(quantity)::int AS sold FROM order_line WHERE sku = $1", sku)
    await shop.moved(sku, reserved=0, allocated=row["sold"], on_hand=PLENTY)
    assert await shop.deadlocks() == 0


@pytest.mark.parametrize(
    "victims",
    [("orders",), ("inventory",), ("gateway",), ("catalog", "metrics", "notifications")],
    ids="+".join,
)
async def test_a_service_killed_in_the_middle_of_checkouts_loses_nothing(
    frail_shop: Shop, sku: str, victims: tuple[str, ...]
) -> None:
    """Killed with SIGKILL while eight shoppers buy, started again: what it was doing is finished or undone."""
    suite = frail_shop.suite
    async with Stream(frail_shop, sku) as stream:
        P("a"); await stream.more(8); P("8")
        for name in victims:
            suite.kill(name)
        await suite.start(*victims); P("restarted")
        await frail_shop.move_time("PT1M")  # past the deadline of whatever was cut short
        P("a"); await stream.more(8); P("8")

    P("stopped"); print(stream.trouble); await in_order(frail_shop, stream, sku)


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

    P("stopped"); print(stream.trouble); await in_order(frail_shop, stream, sku)


async def test_a_database_that_starts_anew_loses_nothing(frail_shop: Shop, own_platform: Platform, sku: str) -> None:
    """PostgreSQL is restarted under all six services while eight shoppers buy; none of them has to be started again."""
    before = frail_shop.suite.pids()
    async with Stream(frail_shop, sku) as stream:
        P("a"); await stream.more(8); P("8")
        await asyncio.to_thread(own_platform.restart_postgres); P("pg")
        P("a"); await stream.more(8); P("8")

    P("stopped"); print(stream.trouble); await in_order(frail_shop, stream, sku)
    assert frail_shop.suite.pids() == before
    assert (await frail_shop.nobody.get("/v1/status"))["status"] == "ready"
