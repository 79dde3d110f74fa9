"""What must hold of the log: content with what the service does, and damage by hand is found."""

from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta

import pytest
import pytest_asyncio

from common.database import Database, uuid7
from common.events.contracts.orders import OrderCancelled, OrderPlaced
from common.invariants import run_invariants
from common.testing import TestClock as MovedClock
from notifications.invariants import INVARIANTS
from notifications.testing import order_event

Deliver = Callable[..., Awaitable[object]]

PUT_ASIDE = """
INSERT INTO dead_letter (id, consumer, event_id, type, topic, partition, "offset", key, headers, error, attempts,
    status, created_at)
SELECT gen_random_uuid(), 'notifications.feed', event_id, type, 'orders.order.v1', 0, 0, subject, '{}', 'x', 1,
    $1, logged_at
FROM event_log ORDER BY position LIMIT 1
"""


async def broken(database: Database) -> set[str]:
    """The names of the log's invariants that do not hold."""
    found = await run_invariants(database, INVARIANTS)
    return {violation.invariant for violation in found if "log" in violation.invariant}


@pytest_asyncio.fixture(autouse=True, loop_scope="session")
async def _one_order(deliver: Deliver, database: Database) -> AsyncIterator[None]:
    """An order's first two events, and no trace behind the test."""
    order = uuid7()
    await deliver(order_event(OrderPlaced, order_id=order))
    await deliver(order_event(OrderCancelled, order_id=order))
    assert await broken(database) == set()
    yield
    async with database.acquire() as connection:
        await connection.execute("DELETE FROM event_log; DELETE FROM inbox; DELETE FROM dead_letter")
        await connection.execute("UPDATE event_log_floor SET position = 0, logged_before = '-infinity'")


@pytest.mark.parametrize(
    ("damage", "name"),
    [
        ("DELETE FROM event_log WHERE type = 'order.placed'", "every-event-that-came-is-in-the-log"),
        ("DELETE FROM inbox WHERE consumer = 'notifications.feed'", "every-event-in-the-log-came"),
        ("UPDATE event_log SET sequence = 3 - sequence", "the-log-keeps-the-order-of-each-subject"),
        ("UPDATE event_log SET sequence = 1", "the-log-keeps-the-order-of-each-subject"),
        ("UPDATE event_log_floor SET position = (SELECT min(position) FROM event_log)", "the-log-holds-what-it-says"),
        ("UPDATE event_log SET logged_at = logged_at - interval '32 days'", "the-log-holds-what-it-says"),
    ],
)
async def test_damage_to_the_log_is_found(damage: str, name: str, database: Database) -> None:
    async with database.acquire() as connection:
        await connection.execute(damage)

    assert await broken(database) == {name}


@pytest.mark.parametrize("status", ["open", "discarded"])
async def test_a_dead_letter_is_missing_with_reason(status: str, database: Database) -> None:
    async with database.acquire() as connection:
        await connection.execute(PUT_ASIDE, status)
        await connection.execute("DELETE FROM event_log WHERE type = 'order.placed'")

    assert await broken(database) == set()


async def test_a_redriven_letter_is_in_the_log_however_late(database: Database) -> None:
    async with database.acquire() as connection:
        await connection.execute(PUT_ASIDE, "redriven")
        await connection.execute("UPDATE event_log SET sequence = 3 - sequence")
        assert await broken(database) == set()
        await connection.execute("DELETE FROM event_log WHERE type = 'order.placed'")

    assert await broken(database) == {"every-event-that-came-is-in-the-log"}


async def test_what_is_past_its_thirty_days_is_missing_with_reason(
    database: Database, clock: MovedClock, run_sweep: Callable[[str], Awaitable[int]]
) -> None:
    clock.advance(timedelta(days=31))

    assert await run_sweep("forget-old-events") == 2
    assert await broken(database) == set()
