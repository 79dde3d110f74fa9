"""The dispatcher as a process runs it: slots, leases, several processes, what a hanging partner costs the others."""

import asyncio
import statistics
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest_asyncio

from common.database import Database
from common.events.contracts.orders import OrderPlaced
from common.service import Runtime
from common.testing import Api
from common.testing import TestClock as MovedClock
from common.testing.receiver import Receiver, Reply, hang
from notifications.clients.courier import Courier
from notifications.dependencies import Resources
from notifications.testing import order_event
from notifications.webhooks.dispatching import SLOTS, SLOTS_FAILING, Dispatcher
from notifications.webhooks.queue import LEASE

Deliver = Callable[..., Awaitable[UUID]]
Register = Callable[..., Awaitable[dict[str, Any]]]

LEASED = "SELECT count(*) FROM delivery WHERE lease_owner IS NOT NULL"
OPEN = "SELECT count(*) FROM delivery WHERE status = 'pending'"


Process = Callable[..., Dispatcher]


@pytest_asyncio.fixture(loop_scope="session")
async def process(runtime: Runtime) -> AsyncIterator[Process]:
    """Make a dispatcher as another process has one."""
    couriers: list[Courier] = []

    def make(name: str, *, seconds: float = 15.0) -> Dispatcher:
        couriers.append(Courier(Resources.of(runtime.database).guard, total_seconds=seconds))
        return Dispatcher(runtime.database, couriers[-1], instance=name, metrics=runtime.metrics)

    yield make
    for courier in couriers:
        await courier.close()


@asynccontextmanager
async def running(*dispatchers: Dispatcher) -> AsyncIterator[None]:
    """Run them for the block."""
    tasks = [asyncio.create_task(each.run()) for each in dispatchers]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def fetchval(database: Database, sql: str) -> int:
    """Look into the database."""
    async with database.acquire() as connection:
        found: int = await connection.fetchval(sql)
        return found


async def test_a_partner_that_hangs_delays_nobody_else(
    deliver: Deliver, receiver: Receiver, register: Register, runtime: Runtime, dispatcher: Dispatcher
) -> None:
    """One of twenty never answers: the other nineteen have had everything before its first call has ended."""
    receiver.behaviours["/hangs"] = hang
    await register("/hangs")
    for number in range(19):
        await register(f"/{number}")
    committed: dict[str, float] = {}

    async with running(dispatcher):
        for _ in range(30):
            event_id = await deliver(order_event(OrderPlaced))
            committed[str(event_id)] = time.perf_counter()
        await receiver.until(lambda: len(receiver.calls) >= 19 * 30 + SLOTS)

        served = [call for call in receiver.calls if call.path != "/hangs"]
        assert {call.path: 0 for call in served}.keys() == {f"/{number}" for number in range(19)}
        assert len(served) == 19 * 30
        assert len(receiver.to("/hangs")) == SLOTS
        assert await fetchval(runtime.database, "SELECT count(*) FROM delivery_attempt WHERE failure IS NOT NULL") == 0
        for connection in list(receiver._open):  # noqa: SLF001 - the hanging calls end, so that the test does
            connection.abort()
    took = [max(0.0, call.at - committed[call.headers["webhook-id"]]) for call in served]
    print(f"commit to receiver beside one that hangs: p99 {statistics.quantiles(took, n=100)[98] * 1000:.0f} ms")  # noqa: T201 - a figure


async def test_an_endpoint_that_fails_has_few_slots(
    deliver: Deliver, receiver: Receiver, register: Register, runtime: Runtime, clock: MovedClock, process: Process
) -> None:
    """It is known to hang: a hundred like it shall not hold a thousand connections."""
    await register("/hangs")
    receiver.behaviour = lambda _: Reply(500)
    mine = process("a", seconds=0.3)
    await deliver(order_event(OrderPlaced))
    await mine.settle()
    receiver.behaviour = hang
    for _ in range(SLOTS):
        await deliver(order_event(OrderPlaced))
    before = len(receiver.calls)

    async with running(mine):
        await receiver.until(lambda: len(receiver.calls) > before)
        await asyncio.sleep(0)
        assert len(receiver.calls) - before <= SLOTS_FAILING
        assert await fetchval(runtime.database, LEASED) <= SLOTS_FAILING


async def test_two_processes_share_the_work_and_make_nothing_twice(
    deliver: Deliver, receiver: Receiver, register: Register, runtime: Runtime, process: Process
) -> None:
    """Each subject in its order all the same."""
    subjects = [uuid4() for _ in range(10)]
    for path in ("/a", "/b", "/c"):
        await register(path)
    for sequence in range(1, 11):
        for subject in subjects:
            await deliver(order_event(OrderPlaced, order_id=subject), sequence=sequence)

    async with running(process("one"), process("two")):
        await receiver.until(lambda: len(receiver.calls) >= 300)

    for path in ("/a", "/b", "/c"):
        for subject in subjects:
            bodies = [call.json() for call in receiver.to(path)]
            seen = [int(str(body["sequence"])) for body in bodies if body["subject"] == str(subject)]
            assert seen == list(range(1, 11))
    assert len(receiver.calls) == 300
    assert await fetchval(runtime.database, OPEN) == 0


async def test_what_a_dead_process_had_in_hand_is_made_by_another_when_its_lease_ends(
    deliver: Deliver, receiver: Receiver, register: Register, runtime: Runtime, clock: MovedClock, process: Process
) -> None:
    """Not before, or two would be at it; and at once by a process of its own name."""
    receiver.behaviour = hang
    await register()
    for _ in range(2):
        await deliver(order_event(OrderPlaced))
    dead = asyncio.create_task(process("dead").settle())
    await receiver.until(lambda: len(receiver.calls) == 2)
    dead.cancel()
    receiver.behaviour = lambda _: Reply()

    assert await process("other").settle() == 0
    clock.advance(LEASE + timedelta(seconds=1))
    assert await process("other").settle() == 2


async def test_a_process_that_comes_back_takes_up_what_it_had_in_hand(
    deliver: Deliver, receiver: Receiver, register: Register, runtime: Runtime, process: Process
) -> None:
    """Without waiting for the lease that it left itself."""
    receiver.behaviour = hang
    await register()
    await deliver(order_event(OrderPlaced))
    dead = asyncio.create_task(process("same").settle())
    await receiver.until(lambda: len(receiver.calls) == 1)
    dead.cancel()
    receiver.behaviour = lambda _: Reply()

    async with running(process("same")):
        await receiver.until(lambda: len(receiver.calls) == 2)


async def test_what_is_due_later_comes_without_anybody_waking(
    deliver: Deliver, receiver: Receiver, register: Register, runtime: Runtime, clock: MovedClock, process: Process
) -> None:
    """By the poll: the time moves for all processes, and queueing wakes only its own."""
    await register()
    async with running(process("poller")):
        await deliver(order_event(OrderPlaced))  # wakes the process's own dispatcher, which does not run
        await receiver.until(lambda: len(receiver.calls) == 1)


async def test_at_its_end_a_process_writes_down_what_has_ended_and_gives_back_the_rest(
    deliver: Deliver, receiver: Receiver, register: Register, runtime: Runtime, process: Process
) -> None:
    """A deploy costs no attempt and no wait."""
    await register()
    order = uuid4()
    for sequence in range(1, 4):
        await deliver(order_event(OrderPlaced, order_id=order), sequence=sequence)
    async with running(process("leaving")):
        await receiver.until(lambda: len(receiver.calls) >= 1)

    assert await fetchval(runtime.database, LEASED) == 0
    made = await fetchval(runtime.database, "SELECT count(*) FROM delivery WHERE status = 'delivered'")
    assert made == len(receiver.calls)


async def test_an_answer_that_comes_after_the_owner_disabled_still_counts(
    deliver: Deliver,
    receiver: Receiver,
    register: Register,
    runtime: Runtime,
    partner: Api,
    process: Process,
) -> None:
    """The partner has the event; nobody shall fetch it again by a replay because a row says otherwise."""
    webhook = await register()
    await deliver(order_event(OrderPlaced))
    disabling: list[asyncio.Task[Any]] = []

    def disable_first(_: object) -> Reply:
        request = partner.patch(
            f"/v1/webhooks/{webhook['id']}", json={"status": "disabled"}, headers={"If-Match": '"1"'}
        )
        disabling.append(asyncio.ensure_future(request))
        return Reply(200, content=b"taken", drip_seconds=0.05)

    receiver.behaviour = disable_first
    await process("late").settle()

    assert (await disabling[0]).status_code == 200
    answer = await partner.get(f"/v1/webhooks/{webhook['id']}/deliveries")
    assert [each["status"] for each in answer.json()["items"]] == ["delivered"]
