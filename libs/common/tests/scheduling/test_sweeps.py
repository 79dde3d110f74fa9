"""A sweep runs at its pace, in one process at a time, and gets over its failures."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest

from common.database import Database
from common.scheduling import Sweep, SweepRunner
from common.service import Runtime

Eventually = Callable[[Callable[[], Awaitable[bool]]], Awaitable[None]]

SOON = timedelta(milliseconds=10)


@asynccontextmanager
async def running(runtime: Runtime, *sweeps: Sweep, grace: timedelta = timedelta(seconds=5)) -> AsyncIterator[None]:
    task = asyncio.create_task(SweepRunner(runtime.database, sweeps, runtime, grace=grace).run())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_a_sweep_is_repeated(runtime: Runtime, eventually: Eventually) -> None:
    runs = 0

    async def count(_: Runtime) -> int:
        nonlocal runs
        runs += 1
        return 0

    async def three() -> bool:
        return runs >= 3

    async with running(runtime, Sweep("count", SOON, count)):
        await eventually(three)


async def test_two_processes_never_run_one_sweep_together(runtime: Runtime, eventually: Eventually) -> None:
    now, most, runs = 0, 0, 0

    async def work(given: Runtime) -> int:
        nonlocal now, most, runs
        now += 1
        most = max(most, now)
        async with given.database.uow() as uow:
            await uow.execute("INSERT INTO done VALUES ('x')")
        now -= 1
        runs += 1
        return 1

    async def ten() -> bool:
        return runs >= 10

    sweep = Sweep("work", SOON, work)
    async with running(runtime, sweep), running(runtime, sweep):
        await eventually(ten)

    assert most == 1


async def test_another_process_takes_over(runtime: Runtime, eventually: Eventually) -> None:
    by: list[str] = []

    def sweep(name: str) -> Sweep:
        async def work(_: Runtime) -> int:
            by.append(name)
            return 0

        return Sweep("work", SOON, work)

    async def second() -> bool:
        return "second" in by

    async with running(runtime, sweep("second")):
        async with running(runtime, sweep("first")):
            pass
        await eventually(second)


async def test_a_failure_is_counted_and_the_next_tick_tries_again(runtime: Runtime, eventually: Eventually) -> None:
    runs = 0

    async def fail_once(_: Runtime) -> int:
        nonlocal runs
        runs += 1
        if runs == 1:
            raise RuntimeError("once")
        return 0

    async def again() -> bool:
        return runs >= 2

    async with running(runtime, Sweep("fail", SOON, fail_once)):
        await eventually(again)

    assert b'sweeps_failed_total{sweep="fail"} 1.0' in runtime.metrics.exposition()


async def test_more_sweeps_than_connections_do_not_wait_for_each_other_for_ever(
    runtime: Runtime, eventually: Eventually
) -> None:
    ran: set[int] = set()

    def sweep(number: int) -> Sweep:
        async def work(given: Runtime) -> int:
            async with given.database.uow() as uow:
                await uow.execute("SELECT 1")
            ran.add(number)
            return 0

        return Sweep(f"sweep-{number}", timedelta(seconds=30), work)

    async def all_ran() -> bool:
        return len(ran) == 20

    async with running(runtime, *map(sweep, range(20))):
        await eventually(all_ran)


async def test_a_stop_lets_the_sweep_in_hand_finish(
    database: Database, runtime: Runtime, eventually: Eventually
) -> None:
    steps: list[str] = []
    stopping = asyncio.Event()

    async def slow(_: Runtime) -> int:
        steps.append("started")
        await stopping.wait()
        steps.append("finished")
        return 0

    async def started() -> bool:
        return bool(steps)

    task = asyncio.create_task(SweepRunner(database, [Sweep("slow", SOON, slow)], runtime).run())
    await eventually(started)
    task.cancel()
    asyncio.get_running_loop().call_soon(stopping.set)
    with pytest.raises(asyncio.CancelledError):
        await task

    assert steps == ["started", "finished"]


async def test_a_sweep_that_does_not_end_in_time_is_cut_off_and_frees_its_lock(
    runtime: Runtime, eventually: Eventually
) -> None:
    started, swept = False, False

    async def hang(_: Runtime) -> int:
        nonlocal started
        started = True
        await asyncio.Event().wait()
        return 0

    async def sweep(_: Runtime) -> int:
        nonlocal swept
        swept = True
        return 0

    async def is_started() -> bool:
        return started

    async def is_swept() -> bool:
        return swept

    async with running(runtime, Sweep("same", SOON, hang), grace=SOON):
        await eventually(is_started)
    async with running(runtime, Sweep("same", SOON, sweep)):
        await eventually(is_swept)


async def test_two_sweeps_of_one_name_are_refused(runtime: Runtime) -> None:
    async def work(_: Runtime) -> int:
        return 0

    with pytest.raises(ValueError, match="share a name"):
        SweepRunner(runtime.database, [Sweep("a", SOON, work), Sweep("a", SOON, work)], runtime)
