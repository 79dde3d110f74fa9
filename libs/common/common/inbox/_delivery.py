"""From records to effects: claims, handlers and offsets in one transaction, and what happens when one fails.

It promises that an event's effect, its claim and the offset behind it commit together, that a record which cannot be
applied stops at most its own partition, and for good only as a row that can be redriven. It knows PostgreSQL alone;
Kafka is the runner's.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, cast
from uuid import UUID

import structlog

from common.context import use_context
from common.database import Database, UnitOfWork
from common.events import Event, EventContract, Tombstone, UnknownEvent, decode_record
from common.inbox._consumer import Consumer, Handler, SetHandler
from common.inbox._context import context_of
from common.inbox._records import Batch, Place, Record
from common.inbox._store import bury, claim_and_advance
from common.inbox._verdicts import Verdict, described, verdict_on
from common.telemetry import Metrics
from common.telemetry import metrics as told

log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryLimits:
    """How patient a group is; times in seconds."""

    transient_pauses: tuple[float, ...] = (0.2, 1.0, 5.0, 15.0, 30.0)  # the last one again and again
    unknown_pauses: tuple[float, ...] = (0.05, 0.2, 0.5, 1.0)  # a partition waits 2 s for a bug, no more
    deaths_in_a_row: int = 20
    deaths_in_window: int = 50  # 5 % of the window
    window: int = 1_000
    transaction: float = 55.0  # before PostgreSQL ends a session that idles in its transaction (60 s)

    @property
    def unknown_tries(self) -> int:
        """Tries before an error that nobody can classify makes a dead letter."""
        return len(self.unknown_pauses) + 1


@dataclass(frozen=True, slots=True)
class Hold:
    """A partition has to wait ``seconds`` and goes on at ``record``, which is not applied."""

    place: Place
    record: Record
    seconds: float


class GroupHalted(Exception):
    """So many events failed that the fault is probably the handler's: the group stops before it buries more."""


class DatabaseAway(Exception):
    """No transaction could be begun."""


@dataclass(slots=True)
class _Trouble:
    """What the first unapplied record of a partition has met so far."""

    offset: int
    transient: int = 0
    unknown: int = 0


@dataclass(slots=True)
class Breaker:
    """Counts what became of handled events, to tell a bad event from a bad deploy."""

    limits: DeliveryLimits
    _in_a_row: int = 0
    _window: deque[bool] = field(default_factory=deque)
    _dead_in_window: int = 0

    def alive(self, count: int) -> None:
        """Note applied events."""
        if count:
            self._in_a_row = 0
        for _ in range(min(count, self.limits.window)):
            self._note(dead=False)

    def dead(self) -> None:
        """Note a dead letter."""
        self._in_a_row += 1
        self._note(dead=True)

    def _note(self, *, dead: bool) -> None:
        self._window.append(dead)
        self._dead_in_window += dead
        if len(self._window) > self.limits.window:
            self._dead_in_window -= self._window.popleft()

    @property
    def refuses(self) -> bool:
        """Whether one more dead letter would be too many."""
        return self._in_a_row >= self.limits.deaths_in_a_row or self._dead_in_window >= self.limits.deaths_in_window

    def reset(self) -> None:
        """Start counting anew, after someone has looked."""
        self._in_a_row = self._dead_in_window = 0
        self._window.clear()


@dataclass(slots=True)
class _Applied:
    """What one transaction did, for the metrics."""

    events: list[Event[EventContract]] = field(default_factory=list)
    handled: int = 0
    duplicates: int = 0


class Delivery:
    """Applies batches for one consumer group of one process."""

    def __init__(
        self,
        consumer: Consumer,
        database: Database,
        *,
        metrics: Metrics,
        physical_group: str,
        topic_names: Mapping[str, str],
        limits: DeliveryLimits | None = None,
    ) -> None:
        self._consumer = consumer
        self._database = database
        self._metrics = metrics
        self._physical_group = physical_group
        self._topic_names = topic_names
        self._limits = limits or DeliveryLimits()
        self._handlers = {contract.type: handler for contract, handler in consumer.handlers.items()}
        self._troubles: dict[Place, _Trouble] = {}
        self.breaker = Breaker(self._limits)

    # -- batches, from the whole to the single record ----------------------------------------------------------------

    async def deliver(self, batches: Sequence[Batch]) -> list[Hold]:
        """Apply the batches, whole if that goes well. Returns the partitions that must wait; all else is done.

        Raises GroupHalted when the next dead letter would be one too many; offsets then stand before its event.
        """
        try:
            await self._apply(batches)
        except Exception as error:  # noqa: BLE001 - the consumer runtime is where a handler's errors end
            return await self._take_apart(batches, error)
        for batch in batches:
            self._troubles.pop(batch.place, None)
        return []

    async def _take_apart(self, batches: Sequence[Batch], error: Exception) -> list[Hold]:
        """Halve the blame: partition by partition, then record by record. All of it was rolled back."""
        if isinstance(error, DatabaseAway):  # nothing smaller would fare better
            return [self._hold(batch.records[0], error) for batch in batches]
        if len(batches) > 1:
            return [hold for batch in batches for hold in await self.deliver([batch])]
        (batch,) = batches
        if len(batch.records) == 1:
            return await self._settle(batch.records[0], error)
        log.warning(
            "consumer.batch_replayed", consumer=self._consumer.group, records=len(batch.records), error=described(error)
        )
        return await self._deliver_singly(batch)

    async def _deliver_singly(self, batch: Batch) -> list[Hold]:
        for record in batch.records:
            holds = await self.deliver([Batch(batch.place, (record,))])
            if holds:
                return holds
        return []

    async def _settle(self, record: Record, error: Exception) -> list[Hold]:
        """Decide over one record that failed on its own: wait, or put it aside."""
        verdict = verdict_on(error)
        trouble = self._trouble(record)
        if verdict is Verdict.UNKNOWN:
            trouble.unknown += 1
        if verdict is Verdict.TRANSIENT or (
            verdict is Verdict.UNKNOWN and trouble.unknown < self._limits.unknown_tries
        ):
            return [self._hold(record, error, verdict)]
        if self.breaker.refuses:
            raise GroupHalted(f"{record.type} {record.event_id}: {described(error)}")
        try:
            await self._bury(record, error, attempts=max(1, trouble.unknown) + trouble.transient)
        except Exception as failure:  # noqa: BLE001 - the database is away, or refuses the letter: never skip the event
            return [self._hold(record, failure)]
        return []

    def _trouble(self, record: Record) -> _Trouble:
        trouble = self._troubles.get(record.place)
        if trouble is None or trouble.offset != record.offset:
            trouble = self._troubles[record.place] = _Trouble(record.offset)
        return trouble

    def _hold(self, record: Record, error: Exception, verdict: Verdict = Verdict.TRANSIENT) -> Hold:
        trouble = self._trouble(record)
        if verdict is Verdict.TRANSIENT:
            pauses = self._limits.transient_pauses
            seconds = pauses[min(trouble.transient, len(pauses) - 1)]
            trouble.transient += 1
        else:
            seconds = self._limits.unknown_pauses[trouble.unknown - 1]
        log.warning(
            "consumer.partition_paused",
            consumer=self._consumer.group,
            topic=record.place.topic.name,
            partition=record.place.partition,
            offset=record.offset,
            event_id=str(record.event_id),
            type=record.type,
            verdict=verdict.value,
            seconds=seconds,
            error=described(error),
        )
        return Hold(record.place, record, seconds)

    async def _bury(self, record: Record, error: Exception, *, attempts: int) -> None:
        """Put the event aside: its claim, the letter and the offset behind it in one transaction."""
        async with self._transaction() as uow:
            new = await self._claim(uow, [Batch(record.place, (record,))])
            if record.event_id in new or record.is_tombstone:
                await bury(uow, consumer=self._consumer.group, record=record, error=described(error), attempts=attempts)
        self._troubles.pop(record.place, None)
        self.breaker.dead()
        self._metrics.count(told.DEAD_LETTERS, self._consumer.group)
        self._metrics.count(told.EVENTS_PROCESSED, self._consumer.group, self._label(record.type), "dead")
        log.error(
            "event.put_aside",
            consumer=self._consumer.group,
            event_id=str(record.event_id),
            type=record.type,
            attempts=attempts,
            error=described(error),
        )

    # -- one transaction ----------------------------------------------------------------------------------------------

    async def _apply(self, batches: Sequence[Batch]) -> None:
        started = asyncio.get_running_loop().time()
        applied = _Applied()
        async with asyncio.timeout(self._limits.transaction), self._transaction() as uow:
            new = await self._claim(uow, batches)
            steps = [self._step(record, new, applied) for batch in batches for record in batch.records]
            await self._run([step for step in steps if step is not None], uow)
            business_now = uow.now
        took = asyncio.get_running_loop().time() - started
        self.breaker.alive(applied.handled)
        for event in applied.events:
            self._metrics.count(told.EVENTS_PROCESSED, self._consumer.group, event.type, "applied")
            delay = (business_now - event.time).total_seconds() + took
            self._metrics.observe(told.EVENT_DELAY, max(0.0, delay), self._consumer.group)
        if applied.duplicates:
            self._metrics.count(told.INBOX_DUPLICATES, self._consumer.group, by=applied.duplicates)

    @asynccontextmanager
    async def _transaction(self) -> AsyncIterator[UnitOfWork]:
        entered = False
        try:
            async with self._database.uow() as uow:
                entered = True
                yield uow
        except Exception as error:
            if entered:
                raise
            raise DatabaseAway(described(error)) from error

    async def _claim(self, uow: UnitOfWork, batches: Sequence[Batch]) -> set[UUID]:
        return await claim_and_advance(
            uow,
            consumer=self._consumer.group,
            physical_group=self._physical_group,
            topic_names=self._topic_names,
            batches=batches,
        )

    def _step(self, record: Record, new: set[UUID], applied: _Applied) -> Event[EventContract] | Tombstone | None:
        """Read what has an effect here and has not had it; None for all else."""
        if record.is_tombstone:
            if record.place.topic not in self._consumer.tombstones:
                return None
        elif record.event_id not in new:
            applied.duplicates += 1
            return None
        else:
            new.discard(record.event_id)  # the same event may stand twice in one batch
            if record.type and record.type not in self._handlers:
                return None
        message = decode_record(record.place.topic, record.headers, record.key, record.value)
        if isinstance(message, UnknownEvent):
            return None
        applied.handled += 1
        if isinstance(message, Event):
            applied.events.append(message)
        return message

    async def _run(self, messages: Sequence[Event[EventContract] | Tombstone], uow: UnitOfWork) -> None:
        if not self._consumer.set_based:
            for message in messages:
                await apply_one(self._consumer, message, uow)
            return
        for handler, run in _runs(messages, self._handlers):
            if handler is None:
                await apply_one(self._consumer, run[0], uow)
            else:
                await cast("SetHandler", handler)(cast("list[Event[Any]]", run), uow)

    def _label(self, event_type: str) -> str:
        return event_type if event_type in self._handlers else "other"  # a stranger's type is no label


async def apply_one(consumer: Consumer, message: Event[EventContract] | Tombstone, uow: UnitOfWork) -> None:
    """Run the consumer's function for one event, under the event's context."""
    if isinstance(message, Tombstone):
        await consumer.tombstones[message.topic](message, uow)
        return
    handler = consumer.handlers[type(message.data)]
    with use_context(context_of(message)):
        if consumer.set_based:
            await cast("SetHandler", handler)([message], uow)
        else:
            await cast("Handler", handler)(message, uow)


def _runs(
    messages: Sequence[Event[EventContract] | Tombstone], handlers: Mapping[str, Callable[..., Awaitable[None]]]
) -> list[tuple[Callable[..., Awaitable[None]] | None, list[Event[EventContract] | Tombstone]]]:
    """Group consecutive events of one function, so that order across functions stays; a tombstone stands alone."""
    runs: list[tuple[Callable[..., Awaitable[None]] | None, list[Event[EventContract] | Tombstone]]] = []
    for message in messages:
        handler = handlers[message.type] if isinstance(message, Event) else None
        if runs and handler is not None and runs[-1][0] is handler:
            runs[-1][1].append(message)
        else:
            runs.append((handler, [message]))
    return runs
