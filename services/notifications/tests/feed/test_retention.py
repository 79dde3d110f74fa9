"""30 days of business time, and a cursor behind which something is gone says so."""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from datetime import timedelta

import pytest_asyncio

from common.database import Database
from common.testing import Api
from common.testing import TestClock as MovedClock
from notifications.feed import retention
from notifications.feed.models import LoggedEvent
from notifications.testing import logged

Append = Callable[[Sequence[LoggedEvent]], Awaitable[None]]
Sweep = Callable[[str], Awaitable[int]]

SWEEP = "forget-old-events"


@pytest_asyncio.fixture(autouse=True, loop_scope="session")
async def _past(database: Database, append: Append, clock: MovedClock) -> AsyncIterator[None]:
    """Each test begins with an empty log, whatever was there before."""
    async with database.acquire() as connection:
        await connection.execute("DELETE FROM event_log")
    yield


async def cursor(reader: Api) -> str:
    """Where the log ends."""
    end: str = (await reader.get("/v1/events?after=latest")).json()["next"]
    return end


async def test_events_go_after_thirty_days_and_no_younger_one(
    append: Append, partner: Api, clock: MovedClock, run_sweep: Sweep
) -> None:
    await append([logged(), logged()])
    clock.advance(timedelta(days=20))
    await append([young := logged()])
    assert await run_sweep(SWEEP) == 0

    clock.advance(timedelta(days=11))

    assert await run_sweep(SWEEP) == 2
    (left,) = (await partner.get("/v1/events")).json()["items"]
    assert left["id"] == str(young.event_id)


async def test_a_cursor_behind_which_something_is_gone_is_told_so(
    append: Append, partner: Api, clock: MovedClock, run_sweep: Sweep
) -> None:
    """And what to do: nobody is left to believe that nothing happened."""
    before = await cursor(partner)
    await append([logged()])
    at_its_end = await cursor(partner)
    clock.advance(timedelta(days=31))
    await run_sweep(SWEEP)

    for path in (f"/v1/events?after={before}", f"/v1/events/stream?after={before}"):
        gone = await partner.get(path)
        assert (gone.status_code, gone.json()["type"]) == (410, "/problems/cursor-too-old")
        assert gone.json()["oldest"] == at_its_end
    assert (await partner.get(f"/v1/events?after={at_its_end}")).json() == {"items": [], "next": at_its_end}
    assert (await partner.get("/v1/events")).json() == {"items": [], "next": at_its_end}


async def test_positions_go_on_in_an_emptied_log(
    append: Append, partner: Api, clock: MovedClock, run_sweep: Sweep
) -> None:
    await append([logged()])
    before = await cursor(partner)
    clock.advance(timedelta(days=31))
    await run_sweep(SWEEP)

    await append([new := logged()])

    (seen,) = (await partner.get(f"/v1/events?after={before}")).json()["items"]
    assert seen["id"] == str(new.event_id)


async def test_many_old_events_go_in_batches(append: Append, partner: Api, clock: MovedClock, run_sweep: Sweep) -> None:
    count = retention.DELETE_BATCH + 1
    await append([logged() for _ in range(count)])
    clock.advance(timedelta(days=31))
    await append([logged()])

    assert await run_sweep(SWEEP) == count
    assert len((await partner.get("/v1/events")).json()["items"]) == 1
