"""Sweeps: small recurring work that compares columns with the business time.

A sweep asks for what is due by ``uow.now`` and does it; that it runs each second is not what makes anything due. One
process at a time runs a sweep: the others find its lock taken and skip.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from common.context import RequestContext, use_context
from common.scheduling._ending import finish_in_hand
from common.telemetry import logger, metrics

if TYPE_CHECKING:
    import asyncpg

    from common.database import Database
    from common.service import Runtime

LOG = logger(__name__)

AT_ONCE = 2  # each holds a connection for its lock besides the one it works on; more could use up the pool, waiting
GRACE = timedelta(seconds=8)  # the process gives its loops 10 s to end

# The lock lives in a transaction that does nothing else: it goes with the connection, whatever happens to the process.
BEGIN = "BEGIN READ ONLY; SET LOCAL idle_in_transaction_session_timeout = 0"
TRY_LOCK = "SELECT pg_try_advisory_xact_lock(hashtextextended('sweep:' || $1, 0))"


@dataclass(frozen=True, slots=True)
class Sweep:
    """Work done every so often.

    ``run`` opens its own units of work, takes a bounded number of due rows, and returns how many it acted on. It may
    be cut off anywhere and is simply called again.
    """

    name: str
    every: timedelta
    run: Callable[["Runtime"], Awaitable[int]]


class SweepRunner:
    """Runs a service's sweeps, each in one process at a time."""

    def __init__(
        self,
        database: "Database",
        sweeps: Sequence[Sweep],
        runtime: "Runtime",
        *,
        grace: timedelta = GRACE,
    ) -> None:
        if len({sweep.name for sweep in sweeps}) != len(sweeps):
            raise ValueError(f"two sweeps share a name: {sorted(sweep.name for sweep in sweeps)}")
        self._database = database
        self._sweeps = sweeps
        self._runtime = runtime
        self._grace = grace
        self._places = asyncio.Semaphore(AT_ONCE)
        self._in_hand: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Sweep until cancelled; then the sweeps in hand get ``grace`` to finish."""
        if not self._sweeps:
            await asyncio.Event().wait()
        try:
            async with asyncio.TaskGroup() as group:
                for sweep in self._sweeps:
                    group.create_task(self._repeat(sweep), name=f"sweep {sweep.name}")
        finally:
            await finish_in_hand(self._in_hand, grace=self._grace)

    async def _repeat(self, sweep: Sweep) -> None:
        """Sweep at the interval's pace; a sweep that takes longer delays the next, which then comes at once."""
        clock = asyncio.get_running_loop().time
        while True:
            next_at = clock() + sweep.every.total_seconds()
            task = asyncio.create_task(self._sweep(sweep))
            self._in_hand.add(task)
            task.add_done_callback(self._in_hand.discard)
            await asyncio.shield(task)
            await asyncio.sleep(max(0.0, next_at - clock()))

    async def _sweep(self, sweep: Sweep) -> None:
        with use_context(RequestContext()):
            try:
                async with self._places, self._database.acquire() as connection:
                    await self._run_if_free(sweep, connection)
            except Exception:  # whatever it raises, the next tick tries again
                self._runtime.metrics.count(metrics.SWEEPS_FAILED, sweep.name)
                LOG.exception("sweep.failed", sweep=sweep.name)

    async def _run_if_free(self, sweep: Sweep, connection: "asyncpg.Connection") -> None:
        await connection.execute(BEGIN)
        try:
            if await connection.fetchval(TRY_LOCK, sweep.name):
                swept = await sweep.run(self._runtime)
                LOG.debug("sweep.ended", sweep=sweep.name, rows=swept)
        finally:
            await connection.execute("ROLLBACK")
