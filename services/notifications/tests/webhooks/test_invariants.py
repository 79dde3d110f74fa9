"""Each invariant is content with what the service does, and finds damage planted by hand."""

from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
import pytest_asyncio

from common.database import Database
from common.events.contracts.orders import OrderPlaced
from common.invariants import run_invariants
from common.testing import Api
from common.testing import TestClock as MovedClock
from common.testing.receiver import Receiver, Reply
from notifications.testing import order_event
from notifications.webhooks.dispatching import Dispatcher
from notifications.webhooks.invariants import INVARIANTS

Deliver = Callable[..., Awaitable[UUID]]
Register = Callable[..., Awaitable[dict[str, Any]]]
RunSweep = Callable[[str], Awaitable[int]]

STRAY = """
INSERT INTO delivery
    (id, endpoint_id, event_id, replay_no, subject, sequence, type, status, next_attempt_at, created_at)
SELECT uuidv7(), id, id, 0, id, 1, 'order.placed', 'pending', created_at, created_at FROM webhook
WHERE status = 'disabled'
"""

LAPSED = """
UPDATE delivery SET lease_owner = 'dead', lease_until = created_at - interval '1 hour' WHERE status = 'pending'
"""


async def broken(database: Database) -> set[str]:
    """Return the names of the broken ones."""
    return {violation.invariant for violation in await run_invariants(database, INVARIANTS)}


@pytest_asyncio.fixture(loop_scope="session")
async def busy(
    deliver: Deliver,
    dispatcher: Dispatcher,
    receiver: Receiver,
    register: Register,
    partner: Api,
    database: Database,
    clock: MovedClock,
) -> AsyncIterator[None]:
    """Endpoints that took, refuse, and were disabled, with deliveries of every kind."""
    receiver.behaviours["/refuses"] = lambda _: Reply(500)
    await register("/takes")
    await register("/refuses")
    off = f"/v1/webhooks/{(await register('/off'))['id']}"
    clock.advance(timedelta(minutes=1))
    await deliver(order_event(OrderPlaced))
    await dispatcher.settle()
    await partner.patch(off, json={"status": "disabled"}, headers={"If-Match": '"1"'})
    clock.advance(timedelta(minutes=20))
    await deliver(order_event(OrderPlaced))
    await partner.post(f"{off}/enable")
    await partner.post(f"{off}/test")
    await dispatcher.settle()
    version = (await partner.get(off)).headers["etag"]
    await partner.patch(off, json={"status": "disabled"}, headers={"If-Match": version})
    clock.advance(timedelta(minutes=6))
    assert await broken(database) == set()
    yield


@pytest.mark.parametrize(
    ("damage", "name"),
    [
        ("DELETE FROM delivery WHERE status = 'delivered'", "every-event-has-its-deliveries"),
        ("UPDATE delivery SET event_id = uuidv7() WHERE status = 'pending'", "every-event-has-its-deliveries"),
        (LAPSED, "every-lease-is-taken-up"),
        (
            "UPDATE delivery SET attempt = 0 WHERE status = 'delivered'",
            "every-delivery-ends-as-the-schedule-says",
        ),
        ("UPDATE delivery SET attempt = 10 WHERE status = 'pending'", "every-delivery-ends-as-the-schedule-says"),
        (
            "UPDATE delivery SET status = 'exhausted', ended_at = created_at WHERE status = 'pending'",
            "every-delivery-ends-as-the-schedule-says",
        ),
        (STRAY, "nothing-waits-for-a-disabled-endpoint"),
        ("DELETE FROM webhook WHERE status = 'enabled'", "every-delivery-has-its-endpoint"),
        ("DELETE FROM outbox", "every-disabled-endpoint-was-announced"),
    ],
)
async def test_damage_is_found(damage: str, name: str, database: Database, busy: None) -> None:
    """And nothing else is said to be broken."""
    async with database.acquire() as connection:
        await connection.execute(damage)

    assert await broken(database) == {name}


async def test_what_was_queued_while_an_endpoint_was_being_disabled_is_stopped(
    database: Database, busy: None, run_sweep: RunSweep
) -> None:
    """By the sweep, before it counts as damage."""
    async with database.acquire() as connection:
        await connection.execute(STRAY)

    assert await run_sweep("stop-stray-deliveries") == 1
    assert await broken(database) == set()
