"""From queued deliveries to calls, at least once.

One loop a process. Each round is one transaction: it writes down what has ended and claims what is due; the calls are
made after it has committed, each in a task of its own. A round comes when a call has ended, when deliveries were queued
in this process, and each second for those that others queued or that have become due.

An endpoint has its own slots. One that hangs fills them and nothing else, and once it fails has few of them. A claim
takes the next deliveries of a subject with the first, and they are made one after the other: so a subject's events
arrive in their order, and a busy subject does not cost a round for each.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from itertools import groupby
from random import SystemRandom
from uuid import UUID

import asyncpg

from common.clock import Clock, SystemClock
from common.context import RequestContext, use_context
from common.database import Database, conflict_in, connection_lost
from common.problems import Unavailable
from common.telemetry import Metrics, logger
from notifications.clients.courier import Courier, NoReply, Reply
from notifications.metrics import WEBHOOK_ATTEMPTS, WEBHOOK_ENDPOINTS, WEBHOOK_LAG
from notifications.webhooks.models import Claimed, Outcome
from notifications.webhooks.queue import DeliveryQueue
from notifications.webhooks.recording import record
from notifications.webhooks.rules import ERROR_KEPT, THROTTLING, kept_answer, kept_text, retry_after
from notifications.webhooks.signing import headers_for

LOG = logger(__name__)

SLOTS = 8  # calls at once to one endpoint, from one process
SLOTS_FAILING = 2
POLL_SECONDS = 1.0
RUN_SECONDS = 5.0  # a run longer than this gives the rest back: its lease must outlast the last call
GAUGES_EVERY_SECONDS = 10.0
GRACE_SECONDS = 7.0  # for calls in hand at the end; what takes longer is made again by the next process
LAST_WORDS_SECONDS = 2.0
SUCCESS = range(200, 300)
RANDOM = SystemRandom().random
TRANSIENT = (
    Unavailable,
    OSError,
    TimeoutError,
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
)
RESTS = (0.2, 0.5, 1.0, 2.0)  # seconds, between rounds that failed


class Dispatcher:
    """Makes the deliveries that are due, of all endpoints."""

    def __init__(
        self,
        database: Database,
        courier: Courier,
        *,
        instance: str,
        metrics: Metrics,
        random: Callable[[], float] = RANDOM,
        clock: Clock | None = None,
    ) -> None:
        """``clock`` tells real time: it signs. ``instance`` is this process's name among its like."""
        self._database = database
        self._courier = courier
        self._instance = instance
        self._metrics = metrics
        self._random = random
        self._clock = clock or SystemClock()
        self._woken = asyncio.Event()
        self._calls: Counter[UUID] = Counter()
        self._tasks: set[asyncio.Task[None]] = set()
        self._ended: list[Outcome] = []
        self._unbegun: list[UUID] = []
        self._gauges_due = 0.0

    def wake(self) -> None:
        """Say that something may be due."""
        self._woken.set()

    async def run(self) -> None:
        """Dispatch until cancelled; then the calls in hand get a while to end, and what has ended is written down."""
        failures = 0
        try:
            with use_context(RequestContext()):
                await self._begin()
                while True:
                    try:
                        await self._round()
                        await self._set_gauges()
                        failures = 0
                    except TRANSIENT as error:
                        LOG.warning("dispatch.failed", error=type(error).__name__, away=_passing(error))
                        failures += 1
                        await asyncio.sleep(RESTS[min(failures, len(RESTS)) - 1])
                        continue
                    with suppress(TimeoutError):
                        async with asyncio.timeout(POLL_SECONDS):  # wait_for loses a cancellation now and then
                            await self._woken.wait()
        finally:
            await self._end()

    async def settle(self) -> int:
        """Make everything that is due, and what comes of it, until nothing is; returns how many calls that were."""
        made = 0
        while True:
            made += len(self._ended)
            if not await self._round() and not self._tasks and not self._ended:
                return made
            if self._tasks and not self._ended:
                await asyncio.wait(self._tasks, return_when=asyncio.FIRST_COMPLETED)

    # -- rounds -------------------------------------------------------------------------------------------------------

    async def _begin(self) -> None:
        """Free what an earlier process of this name had in hand when it died."""
        while True:
            try:
                async with self._database.uow() as uow:
                    await DeliveryQueue(uow, owner=self._instance).give_back_old()
            except TRANSIENT as error:
                LOG.warning("dispatch.failed", error=type(error).__name__, away=_passing(error))
                await asyncio.sleep(RESTS[-1])
            else:
                return

    async def _round(self) -> int:
        """Write down what has ended, claim what is due and begin it; returns how many lines that are.

        When the transaction fails nothing is lost: what has ended is written down in the next round.
        """
        self._woken.clear()
        claimed = await self._write_down(claim=True)
        runs = [list(run) for _, run in groupby(sorted(claimed, key=_by_line), key=lambda each: each.line)]
        for run in runs:
            self._calls[run[0].endpoint_id] += 1
            task = asyncio.create_task(self._make(run), name=f"deliver to {run[0].endpoint_id}")
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        return len(runs)

    async def _write_down(self, *, claim: bool) -> list[Claimed]:
        ended, unbegun = self._ended, self._unbegun
        self._ended, self._unbegun = [], []
        try:
            async with self._database.uow() as uow:
                queue = DeliveryQueue(uow, owner=self._instance)
                if ended:
                    await record(uow, queue, ended, random=self._random)
                await queue.give_back(unbegun)
                return await queue.claim(+self._calls, slots=SLOTS, slots_failing=SLOTS_FAILING) if claim else []
        except BaseException:
            self._ended[:0], self._unbegun[:0] = ended, unbegun
            raise

    # -- calls --------------------------------------------------------------------------------------------------------

    async def _make(self, run: list[Claimed]) -> None:
        """Make the deliveries of a line in their order, as far as they are taken and the time lasts."""
        begun, made = time.monotonic(), 0
        try:
            for delivery in run:
                if made and time.monotonic() - begun > RUN_SECONDS:
                    break
                made += 1
                outcome = await self._call(delivery)
                self._ended.append(outcome)
                self._metrics.count(WEBHOOK_ATTEMPTS, outcome.word)
                self._woken.set()
                if outcome.failure is not None:
                    break
        finally:
            self._unbegun += [delivery.id for delivery in run[made:]]
            self._calls[run[0].endpoint_id] -= 1
            self._woken.set()

    async def _call(self, delivery: Claimed) -> Outcome:
        at = self._clock.now()
        headers = headers_for(delivery.event_id, delivery.body, keys=delivery.secrets, at=at)
        started = time.monotonic()
        reply = await self._courier.post(delivery.endpoint_id, delivery.url, delivery.body, headers)
        duration_ms = int((time.monotonic() - started) * 1000)
        known = self._known_secrets(delivery)
        match reply:
            case NoReply(failure, reason):
                return Outcome(
                    delivery=delivery,
                    started=started,
                    duration_ms=duration_ms,
                    status=None,
                    failure=failure,
                    error=kept_text(reason, known)[:ERROR_KEPT],
                )
            case Reply(status, asked, content):
                return Outcome(
                    delivery=delivery,
                    started=started,
                    duration_ms=duration_ms,
                    status=status,
                    failure=None if status in SUCCESS else "status",
                    error=None,
                    answer=kept_answer(content, known),
                    rest=retry_after(asked, now=self._clock.now()) if status in THROTTLING else None,
                )

    @staticmethod
    def _known_secrets(delivery: Claimed) -> list[str]:
        """What an answer must not be kept with: the secrets themselves, and a token in the URL's query."""
        query = delivery.url.partition("?")[2]
        return [secret.text.removeprefix("whsec_") for secret in delivery.secrets] + ([query] if query else [])

    # -- the rest -----------------------------------------------------------------------------------------------------

    async def _set_gauges(self) -> None:
        if time.monotonic() < self._gauges_due:
            return
        self._gauges_due = time.monotonic() + GAUGES_EVERY_SECONDS
        async with self._database.uow() as uow:
            queue = DeliveryQueue(uow, owner=self._instance)
            self._metrics.set(WEBHOOK_LAG, await queue.lag_seconds())
            for state, count in (await queue.states()).items():
                self._metrics.set(WEBHOOK_ENDPOINTS, count, state)

    async def _end(self) -> None:
        tasks = list(self._tasks)
        if tasks:
            _, late = await asyncio.wait(tasks, timeout=GRACE_SECONDS)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)
        if self._ended or self._unbegun:
            with suppress(*TRANSIENT):
                async with asyncio.timeout(LAST_WORDS_SECONDS):
                    await self._write_down(claim=False)


def _by_line(delivery: Claimed) -> tuple[tuple[UUID, int, UUID], int]:
    return delivery.line, delivery.place


def _passing(error: Exception) -> bool:
    """Whether the database is away or busy, as it is now and then; anything else wants to be looked at."""
    return isinstance(error, Unavailable | OSError) or connection_lost(error) or conflict_in(error)
