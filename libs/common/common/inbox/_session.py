"""One life of an aiokafka consumer: which partitions it has, where each stands, which wait.

aiokafka rebalances in a background task, between any two awaits of ours. So what is in hand is guarded by a lock that a
revocation waits for, and records of a partition that is not positioned from our own table are dropped.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Any

import structlog
from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, TopicPartition
from aiokafka.errors import IllegalStateError, KafkaError

from common.events import Topic
from common.inbox._records import Batch, Place, Record, read_record
from common.kafka import require_broker

log = structlog.get_logger()

RECORDS_ONE_BY_ONE = 100  # a transaction's share of one partition: more holds row locks too long
RECORDS_IN_A_LIST = 500  # where a handler takes lists, the transaction is what costs
RECORDS_PER_FETCH = 600
FETCH_MAX_BYTES = 8 * 1024 * 1024  # per answer; memory is fetched bytes times consumers
METADATA_MS_UNASSIGNED = 2_000  # a topic that is created after the subscription is seen within this
METADATA_MS_ASSIGNED = 60_000
POSITION_SECONDS = 0.5
BROKER_SECONDS = 3.0  # for its first answer


@dataclass(frozen=True, slots=True, kw_only=True)
class KafkaNames:
    """What the group and its topics are called on the broker, and who this member is."""

    group: str
    member: str
    topics: Mapping[str, Topic]  # by physical name


class Session(ConsumerRebalanceListener):  # type: ignore[misc] # aiokafka is untyped
    """The consumer and its partitions. Everything but the two callbacks runs in the runner's own task."""

    def __init__(self, names: KafkaNames, bootstrap_servers: str, *, records_per_partition: int) -> None:
        self._names = names
        self.records_per_partition = records_per_partition
        self.ended = asyncio.Event()
        self._bootstrap_servers = bootstrap_servers
        self.consumer = AIOKafkaConsumer(
            bootstrap_servers=bootstrap_servers,
            group_id=names.group,
            group_instance_id=names.member,  # a restart takes its partitions back at once, not after 30 s
            client_id=names.member,
            auto_offset_reset="earliest",
            enable_auto_commit=False,
            session_timeout_ms=10_000,
            heartbeat_interval_ms=3_000,
            rebalance_timeout_ms=60_000,
            max_poll_interval_ms=300_000,
            metadata_max_age_ms=METADATA_MS_UNASSIGNED,
            fetch_max_bytes=FETCH_MAX_BYTES,
        )
        self._in_hand = asyncio.Lock()
        self._rounds: Rounds | None = None
        self._unpositioned: set[TopicPartition] = set()
        self._held: dict[TopicPartition, float] = {}
        self._next: dict[TopicPartition, int] = {}
        self._uncommitted: dict[TopicPartition, int] = {}
        self._up_to: dict[TopicPartition, datetime] = {}
        self.assigned_once = asyncio.Event()

    async def start(self) -> None:
        """Connect and subscribe. Raises KafkaError or OSError while the broker is away."""
        await require_broker(self._bootstrap_servers, seconds=BROKER_SECONDS)
        await self.consumer.start()
        self.consumer.subscribe(list(self._names.topics), listener=self)

    # -- called by aiokafka's own task ------------------------------------------------------------------------------

    async def on_partitions_revoked(self, revoked: Iterable[TopicPartition]) -> None:
        """Let the batch in hand commit, then forget the partitions."""
        async with self._in_hand:
            for partition in revoked:
                for kept in (self._held, self._next, self._uncommitted, self._up_to):
                    kept.pop(partition, None)
                self._unpositioned.discard(partition)

    async def on_partitions_assigned(self, assigned: Iterable[TopicPartition]) -> None:
        """Keep the new partitions still until they are positioned."""
        partitions = set(assigned)
        if partitions:
            self.consumer.pause(*partitions)
        self._unpositioned |= partitions
        self.assigned_once.set()
        # no setting changes it after the start; left at 2 s, every consumer asks for metadata for ever
        self.consumer._client._metadata_max_age_ms = METADATA_MS_ASSIGNED  # noqa: SLF001 - as said

    # -- called by the runner -----------------------------------------------------------------------------------------

    @property
    def needs_positions(self) -> bool:
        """Whether there are partitions whose offset was not sought yet."""
        return bool(self._unpositioned)

    @property
    def positioned(self) -> set[TopicPartition]:
        """The partitions that are read, or held."""
        return set(self._next)

    def position_all(self, stored: Mapping[tuple[str, int], int]) -> None:
        """Seek the new partitions to the stored offsets; one that the log no longer has leads to its beginning."""
        for partition in set(self._unpositioned):
            offset = stored.get((partition.topic, partition.partition), 0)
            self._unpositioned.discard(partition)
            with contextlib.suppress(IllegalStateError):
                self.consumer.seek(partition, offset)
                self._next[partition] = offset
                self.consumer.resume(partition)

    def reposition(self) -> None:
        """Stop reading everywhere until the offsets are read again."""
        for partition in self.consumer.assignment():
            self._next.pop(partition, None)
            self._held.pop(partition, None)
            with contextlib.suppress(IllegalStateError):
                self.consumer.pause(partition)
            self._unpositioned.add(partition)

    def hold(self, record: Record, *, until: float) -> None:
        """Pause a partition before ``record``; all others go on."""
        partition = self._partition(record.place)
        with contextlib.suppress(IllegalStateError):
            self.consumer.pause(partition)
            self.consumer.seek(partition, record.offset)
            self._next[partition] = record.offset
            self._held[partition] = until
            self._up_to[partition] = record.timestamp

    def release_due(self, now: float) -> None:
        """Resume what has waited long enough."""
        for partition in [partition for partition, until in self._held.items() if until <= now]:
            del self._held[partition]
            with contextlib.suppress(IllegalStateError):
                self.consumer.resume(partition)

    def seconds_to_release(self, now: float, at_most: float) -> float:
        """Tell how long the next fetch may wait."""
        return max(0.0, min([at_most, *(until - now for until in self._held.values())]))

    def is_held(self, partition: TopicPartition) -> bool:
        """Whether the partition waits."""
        return partition in self._held or partition in self._unpositioned

    async def fetch(self, wait: float) -> dict[TopicPartition, list[Any]]:
        """Return what there is, at the latest after ``wait``; a rebalance may take longer."""
        fetched: dict[TopicPartition, list[Any]] = await self.consumer.getmany(
            timeout_ms=int(wait * 1000), max_records=RECORDS_PER_FETCH
        )
        return fetched

    def take_over(self, fetched: Mapping[TopicPartition, Sequence[Any]]) -> "Rounds":
        """Cut what was fetched into transactions."""
        self._rounds = Rounds(self, fetched)
        return self._rounds

    def nothing_in_hand(self) -> None:
        """Forget what is left of a fetch: it will be read again."""
        self._rounds = None

    @property
    def busy(self) -> bool:
        """Whether there is something in hand: read, and not yet applied or given back."""
        return bool(self._rounds)

    @asynccontextmanager
    async def in_hand(self, rounds: "Rounds") -> AsyncIterator[list[Batch]]:
        """Lend the next batches, of partitions that are still ours; a revocation waits until the block ends."""
        async with self._in_hand:
            yield rounds.take()

    def reads(self, partition: TopicPartition) -> bool:
        """Whether the partition is ours, positioned, and does not wait; if not, it will be sought before it is read."""
        return partition in self._next and partition not in self._held

    def cut(self, partition: TopicPartition, records: Iterable[Any]) -> Batch | None:
        """Take over what is not behind us."""
        topic = self._names.topics[partition.topic]
        wanted = tuple(read_record(topic, raw) for raw in records if raw.offset >= self._next[partition])
        return Batch(Place(topic, partition.partition), wanted) if wanted else None

    def advance(self, batch: Batch) -> None:
        """Note that a batch is done."""
        partition = self._partition(batch.place)
        if self.reads(partition):
            self._next[partition] = self._uncommitted[partition] = batch.next
            self._up_to[partition] = batch.records[-1].timestamp

    def _partition(self, place: Place) -> TopicPartition:
        name = next(name for name, topic in self._names.topics.items() if topic == place.topic)
        return TopicPartition(name, place.partition)

    async def stands_at(self, partition: TopicPartition) -> int:
        """Up to where effects stand: behind the last batch, or, with nothing in hand, where the next fetch begins.

        The two differ where compaction or retention has left nothing to apply.
        """
        if not self.busy:
            with contextlib.suppress(TimeoutError, IllegalStateError):
                async with asyncio.timeout(POSITION_SECONDS):
                    return max(self._next.get(partition, 0), int(await self.consumer.position(partition)))
        return self._next.get(partition, 0)

    def up_to(self, partition: TopicPartition, now: datetime, *, behind: bool) -> datetime:
        """Up to when the partition is worked off: now where nothing is left, else the last record's time.

        Kept when nothing is left, so that the first record after a quiet hour is not an hour late.
        """
        if not behind:
            self._up_to[partition] = now
        return self._up_to.setdefault(partition, now)

    async def abandon(self) -> None:
        """End a consumer whose ``stop()`` hangs. Left alive, its tasks would join again and fence the next one."""
        self.consumer._closed = True  # noqa: SLF001 - no public way out that does not wait
        coordinator, fetcher = self.consumer._coordinator, self.consumer._fetcher  # noqa: SLF001 - as above
        names = ("_coordination_task", "_heartbeat_task", "_commit_refresh_task", "_fetch_task")
        for owner in (coordinator, fetcher):
            for task in (getattr(owner, name, None) for name in names):
                if task is not None:
                    task.cancel()
        with contextlib.suppress(TimeoutError, KafkaError, OSError):
            async with asyncio.timeout(1):
                await self.consumer._client.close()  # noqa: SLF001 - as above

    async def commit(self) -> None:
        """Tell Kafka how far we are, for tools that show lag. Our own table is the truth, so failing is nothing."""
        offsets, self._uncommitted = self._uncommitted, {}
        if not offsets:
            return
        try:
            async with asyncio.timeout(1):
                await self.consumer.commit(offsets)
        except (KafkaError, TimeoutError, ValueError) as error:
            log.debug("consumer.courtesy_commit_failed", group=self._names.group, error=repr(error))


class Rounds:
    """What one fetch brought, handed out a transaction at a time."""

    def __init__(self, session: Session, fetched: Mapping[TopicPartition, Sequence[Any]]) -> None:
        self._session = session
        self._left = {partition: iter(records) for partition, records in fetched.items()}

    def __bool__(self) -> bool:
        return bool(self._left)

    def take(self) -> list[Batch]:
        """Return a transaction's share of each partition; a partition that has none left, or must wait, drops out."""
        batches = []
        for partition, records in list(self._left.items()):
            raw = list(islice(records, self._session.records_per_partition))
            if not raw or not self._session.reads(partition):
                del self._left[partition]
            elif (batch := self._session.cut(partition, raw)) is not None:
                batches.append(batch)
        return batches
