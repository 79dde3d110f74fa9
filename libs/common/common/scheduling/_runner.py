"""Runs queued jobs, each at least once.

A job is taken from the queue, run, and removed when its handler returns. Whoever runs jobs reports every few seconds
which it still has; a process that falls silent loses them to the others. What it must never do: let a job vanish.
Failures are retried, then parked where people see them.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from pgqueuer.domain.models import Job as QueuedJob

from common.context import use_context
from common.scheduling._ending import finish_in_hand
from common.scheduling._job import HandBack, Job, JobRun
from common.scheduling._queue import Queue, context_of
from common.telemetry import logger, metrics

if TYPE_CHECKING:
    from common.database import Database
    from common.service import Runtime

LOG = logger(__name__)

AT_ONCE = 4  # half of a process's connections: requests keep the others
POLL = timedelta(seconds=1)  # for jobs queued by other processes, and retries that fall due
REPORT_EVERY = timedelta(seconds=4)
SILENT_FOR = timedelta(seconds=15)  # three reports missed; with POLL a dead process's job starts again within 20 s
GRACE = timedelta(seconds=8)  # the process gives its loops 10 s to end; handing back takes the rest
PRUNE_EVERY = timedelta(minutes=10)
LOG_KEPT_FOR = timedelta(days=7)
TRIES_TO_RECORD = 3


class JobRunner:
    """Runs a service's jobs in this process."""

    def __init__(
        self,
        database: "Database",
        jobs: Sequence[Job[Any]],
        runtime: "Runtime",
        *,
        at_once: int = AT_ONCE,
        poll: timedelta = POLL,
        report_every: timedelta = REPORT_EVERY,
        silent_for: timedelta = SILENT_FOR,
        grace: timedelta = GRACE,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._jobs = {job.name: job for job in jobs}
        if len(self._jobs) != len(jobs):
            raise ValueError(f"two jobs share a name: {sorted(job.name for job in jobs)}")
        self._database = database
        self._runtime = runtime
        self._queue = Queue(database, self._jobs)
        self._at_once, self._poll, self._grace, self._jitter = at_once, poll, grace, jitter
        self._report_every, self._silent_for = report_every, silent_for
        self._running: dict[int, asyncio.Task[None]] = {}
        self._may_be_more = False
        self._returning: set[asyncio.Task[None]] = set()
        self._woken = asyncio.Event()
        self._stop = asyncio.Event()

    def wake(self) -> None:
        """Look at the queue now: something was queued in this process. Goes into ``Database.after_enqueue``."""
        self._woken.set()

    async def run(self) -> None:
        """Run jobs until cancelled; then take no more, and give those in hand ``grace`` to finish.

        What does not finish in time is cancelled and handed back to the queue.
        """
        if not self._jobs:
            await asyncio.Event().wait()
        self._stop.clear()
        keeper = asyncio.create_task(self._keep_house(), name="jobs: report and take back")
        try:
            while True:
                await self._take_and_start()
        finally:
            self._stop.set()
            try:
                await finish_in_hand(self._running.values(), grace=self._grace)
            finally:
                keeper.cancel()
                await asyncio.gather(keeper, return_exceptions=True)

    # -- taking -------------------------------------------------------------------------------------------------------

    async def _take_and_start(self) -> None:
        """Fill the free places, then rest until woken or the next poll."""
        self._woken.clear()
        if free := self._at_once - len(self._running):
            self._may_be_more = True  # also for a job that ends while we ask
            taken = await self._claim(free)
            self._may_be_more = len(taken) == free
            for queued in taken:
                self._start(queued)
        await self._rest()

    async def _claim(self, most: int) -> list[QueuedJob]:
        claiming = asyncio.create_task(self._queue.claim(most))
        try:
            return await asyncio.shield(claiming)
        except asyncio.CancelledError:  # the statement may have committed: nobody else would know for SILENT_FOR
            await asyncio.wait({claiming})
            if claiming.exception() is None and (taken := claiming.result()):
                await self._record("hand-back", lambda: self._queue.hand_back(queued.id for queued in taken))
            raise
        except Exception:  # the database is away: the next poll asks again
            LOG.exception("jobs.claim_failed")
            return []

    async def _rest(self) -> None:
        try:
            async with asyncio.timeout(self._poll.total_seconds()):
                await self._woken.wait()
        except TimeoutError:
            return

    def _start(self, queued: QueuedJob) -> None:
        earlier = self._running.get(queued.id)
        if earlier is not None:  # its outcome is written but its task not over, or it was taken back from us
            earlier.add_done_callback(lambda _: self._return(queued))
            return
        task = asyncio.create_task(self._run(queued), name=f"job {queued.entrypoint} {queued.id}")
        self._running[queued.id] = task
        task.add_done_callback(lambda _: self._ended(queued))

    def _return(self, queued: QueuedJob) -> None:
        """Queue a job again that was taken while an earlier try of it still ran here; a finished one has no row."""
        task = asyncio.create_task(self._hand_back(queued), name=f"return job {queued.id}")
        self._returning.add(task)
        task.add_done_callback(self._returned)

    def _returned(self, task: asyncio.Task[None]) -> None:
        self._returning.discard(task)
        self.wake()

    def _ended(self, queued: QueuedJob) -> None:
        del self._running[queued.id]
        if self._may_be_more or self._jobs[queued.entrypoint].concurrency_limit:
            self.wake()

    # -- running ------------------------------------------------------------------------------------------------------

    async def _run(self, queued: QueuedJob) -> None:
        job, attempt = self._jobs[queued.entrypoint], queued.attempts + 1
        run = JobRun(
            runtime=self._runtime, database=self._database, job_id=queued.id, attempt=attempt, _stop=self._stop
        )
        with use_context(context_of(queued)):
            try:
                await job.handler(job.payload_model.model_validate_json(queued.payload or b""), run)
            except HandBack as handed:
                await self._hand_back(queued, after=handed.after)
            except asyncio.CancelledError as error:
                if not self._stop.is_set():  # not by us: the handler met a cancelled task of its own
                    await self._failed(job, queued, RuntimeError(f"the handler was cancelled from within: {error}"))
                    return
                await self._hand_back(queued)
                raise
            except Exception as error:  # noqa: BLE001 - whatever a handler raises is retried, then parked
                await self._failed(job, queued, error)
            else:
                await self._record("finish", lambda: self._queue.finish(queued))

    async def _hand_back(self, queued: QueuedJob, *, after: timedelta = timedelta(0)) -> None:
        LOG.info("job.handed_back", job=queued.entrypoint, job_id=queued.id)
        await self._record("hand-back", lambda: self._queue.hand_back([queued.id], after=after))

    async def _failed(self, job: Job[Any], queued: QueuedJob, error: Exception) -> None:
        attempt = queued.attempts + 1
        self._runtime.metrics.count(metrics.JOBS_FAILED, job.name)
        if attempt >= job.max_attempts:
            await self._park(job, queued, error)
            return
        after = job.backoff.delay(attempt, jitter=self._jitter)
        LOG.warning(
            "job.failed",
            job=job.name,
            job_id=queued.id,
            attempt=attempt,
            retry_after_seconds=round(after.total_seconds(), 3),
            exc_info=error,
        )
        await self._record("retry", lambda: self._queue.retry(queued, error, after=after))

    async def _park(self, job: Job[Any], queued: QueuedJob, error: Exception) -> None:
        LOG.error("job.parked", job=job.name, job_id=queued.id, attempt=queued.attempts + 1, exc_info=error)
        await self._record("park", lambda: self._queue.park(queued, error))
        await self._record("count", self._count_parked)

    async def _record(self, what: str, write: Callable[[], Awaitable[None]]) -> None:
        """Write a job's outcome. If the database stays away the job is left to be taken back, and runs again."""
        for attempt in range(1, TRIES_TO_RECORD + 1):
            try:
                await write()
            except Exception:
                LOG.exception("job.outcome_not_written", outcome=what, attempt=attempt)
                await asyncio.sleep(self._poll.total_seconds())
            else:
                return

    # -- keeping house ------------------------------------------------------------------------------------------------

    async def _keep_house(self) -> None:
        """Report what runs here, take back what runs nowhere, forget the old LOG."""
        clock = asyncio.get_running_loop().time
        prune_at = clock()
        while True:
            try:
                await self._queue.report_alive(self._running)
                await self._take_back()
                await self._count_parked()
                if clock() >= prune_at:
                    await self._queue.prune_log(older_than=LOG_KEPT_FOR)
                    prune_at = clock() + PRUNE_EVERY.total_seconds()
            except Exception:  # the database is away; without these reports others take the jobs
                LOG.exception("jobs.report_failed")
            await asyncio.sleep(self._report_every.total_seconds())

    async def _take_back(self) -> None:
        for silenced in await self._queue.take_back(silent_for=self._silent_for):
            LOG.warning(
                "job.parked" if silenced.parked else "job.taken_back",
                job=silenced.name,
                job_id=silenced.job_id,
                attempt=silenced.attempts,
                error="the process that ran it stopped reporting",
            )
            self._runtime.metrics.count(metrics.JOBS_FAILED, silenced.name)
            self.wake()

    async def _count_parked(self) -> None:
        parked = await self._queue.count_parked()
        for name in self._jobs:
            self._runtime.metrics.set(metrics.JOBS_PARKED, parked.get(name, 0), name)
