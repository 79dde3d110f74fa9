"""The consumer group's process: fetches from Kafka, has the delivery apply it, and keeps both alive.

``getmany`` is silent when the broker is away and aiokafka can lie wedged without a sign, so the broker is asked on its
own, and a consumer that gets no further although there is something to read is replaced by a new one.
"""

import asyncio
import contextlib
from collections.abc import Mapping
from dataclasses import dataclass

import structlog
from aiokafka import TopicPartition
from aiokafka.errors import KafkaError

from common.database import Database
from common.inbox._consumer import Consumer
from common.inbox._delivery import Delivery, DeliveryLimits, GroupHalted
from common.inbox._session import RECORDS_IN_A_LIST, RECORDS_ONE_BY_ONE, KafkaNames, Rounds, Session
from common.inbox._store import open_letters, stored_offsets
from common.kafka import is_being_cancelled
from common.telemetry import Metrics
from common.telemetry import metrics as told

log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class RunnerTimes:
    """Seconds."""

    poll: float = 0.2  # how long a fetch waits for records; also how soon a stop is noticed
    fetch: float = 90.0  # a fetch that takes longer hangs: a rebalance (60 s) may lie in between
    commit: float = 0.5
    probe: float = 5.0  # between two questions to the broker
    probe_first: float = 0.5  # the same until the group has caught up
    probe_answer: float = 3.0
    probes_failed: int = 3  # then the consumer is replaced
    stalled: float = 30.0  # records to read, and none read
    start: float = 15.0
    restart: float = 1.0  # between two consumers
    finish: float = 5.0  # for the batch in hand when stopped
    leave: float = 3.0  # for closing the consumer
    halted: float = 2.0  # between two looks whether someone has dealt with the dead letters


class ConsumerWedged(Exception):
    """The consumer has to be replaced."""


class ConsumerRunner:
    """Runs one group in this process until cancelled."""

    def __init__(
        self,
        consumer: Consumer,
        database: Database,
        *,
        bootstrap_servers: str,
        namespace: str,
        instance: str,
        metrics: Metrics,
        limits: DeliveryLimits | None = None,
        times: RunnerTimes | None = None,
    ) -> None:
        self._consumer = consumer
        self._database = database
        self._bootstrap_servers = bootstrap_servers
        self._metrics = metrics
        self._times = times or RunnerTimes()
        topics = {topic.name_in(namespace): topic for topic in consumer.topics}
        self._names = KafkaNames(
            group=f"{namespace}.{consumer.group}" if namespace else consumer.group,
            member=f"{instance}-{consumer.group}",
            topics=topics,
        )
        self._delivery = Delivery(
            consumer,
            database,
            metrics=metrics,
            physical_group=self._names.group,
            topic_names={topic.name: name for name, topic in topics.items()},
            limits=limits,
        )
        self._stopping = asyncio.Event()
        self._halted = False
        self._letters_when_halted: int | None = None  # None while the database could not be asked
        self._targets: dict[TopicPartition, int] | None = None
        self._progress_at = 0.0
        self._broker_was_away = False
        self.caught_up = asyncio.Event()
        if not consumer.projection:
            self.caught_up.set()

    @property
    def group(self) -> str:
        """The group's name in the inbox."""
        return self._consumer.group

    @property
    def halted(self) -> bool:
        """Whether too many events failed, so that the whole group waits for people."""
        return self._halted

    @property
    def broker_away(self) -> bool:
        """Whether the broker did not answer when it was last looked for."""
        return self._broker_was_away

    def resume(self) -> None:
        """Let a halted group go on. Redriving or discarding one of its dead letters does the same, from any process."""
        if self.halted:
            log.warning("consumer.group_resumed", consumer=self.group)
        self._halted, self._letters_when_halted = False, None
        self._delivery.breaker.reset()
        self._metrics.set(told.CONSUMER_PAUSED, 0, self.group)

    async def run(self) -> None:
        """Consume until cancelled; then finish the batch in hand and leave."""
        self._stopping.clear()
        self._metrics.set(told.CONSUMER_PAUSED, 0, self.group)
        worker = asyncio.create_task(self._keep_consuming(), name=self._names.member)
        try:
            await asyncio.shield(worker)
        except asyncio.CancelledError:
            self._stopping.set()
            await asyncio.wait({worker}, timeout=self._times.finish + self._times.leave)
            raise
        finally:
            if not worker.done():
                worker.cancel()
                await asyncio.wait({worker}, timeout=1)

    async def _keep_consuming(self) -> None:
        while not self._stopping.is_set():
            try:
                await self._consume()
            except asyncio.CancelledError:
                if is_being_cancelled():
                    raise  # else aiokafka, closing itself, has cancelled a future that we waited for
                self._tell_once(ConsumerWedged("aiokafka cancelled a wait of ours"))
            except Exception as error:  # noqa: BLE001 - whatever ended this consumer, the group goes on with a new one
                self._tell_once(error)
            await self._pause(self._times.restart)

    def _tell_once(self, error: Exception) -> None:
        if isinstance(error, (KafkaError, OSError, TimeoutError, ConsumerWedged)):
            if not self._broker_was_away:
                log.warning("consumer.broker_away", consumer=self.group, error=repr(error))
            self._broker_was_away = True
        else:
            log.error("consumer.failed", consumer=self.group, exc_info=error)

    async def _pause(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._stopping.wait()

    # -- one consumer's life ------------------------------------------------------------------------------------------

    async def _consume(self) -> None:
        session = Session(
            self._names,
            self._bootstrap_servers,
            records_per_partition=RECORDS_IN_A_LIST if self._consumer.set_based else RECORDS_ONE_BY_ONE,
        )
        tasks: list[asyncio.Task[None]] = []
        committing: asyncio.Task[None] | None = None
        try:
            async with asyncio.timeout(self._times.start):
                await session.start()
            self._progress_at = asyncio.get_running_loop().time()
            tasks = [
                asyncio.create_task(self._turn_until_stopped(session)),
                asyncio.create_task(self._watch(session)),
            ]
            committing = asyncio.create_task(self._commit(session))
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            for task in tasks:
                task.cancel()
            session.ended.set()
            if committing is not None:
                await asyncio.wait([*tasks, committing], timeout=self._times.leave)
            await self._leave(session)

    async def _leave(self, session: Session) -> None:
        try:
            async with asyncio.timeout(self._times.leave):
                await session.consumer.stop()
        except (TimeoutError, KafkaError, OSError) as error:
            log.warning("consumer.left_without_farewell", consumer=self.group, error=repr(error))
            await session.abandon()

    async def _turn_until_stopped(self, session: Session) -> None:
        while not self._stopping.is_set():
            await self._turn(session)

    async def _turn(self, session: Session) -> None:
        """Fetch once and apply what came."""
        loop = asyncio.get_running_loop()
        if self.halted:
            await self._look_whether_resumed()
        if session.needs_positions and not self.halted:
            await self._position(session)
        session.release_due(loop.time())
        async with asyncio.timeout(self._times.fetch):
            fetched = await session.fetch(session.seconds_to_release(loop.time(), self._times.poll))
        if fetched:
            await self._deliver(session, session.take_over(fetched))

    async def _position(self, session: Session) -> None:
        """Seek the new partitions to where our own table says; without the database they stay paused."""
        try:
            stored = await stored_offsets(self._database, self._names.group)
        except Exception as error:  # noqa: BLE001 - the database is away, and comes back
            log.warning("consumer.offsets_unknown", consumer=self.group, error=repr(error))
            await self._pause(self._times.restart)
            return
        session.position_all(stored)

    async def _deliver(self, session: Session, rounds: Rounds) -> None:
        loop = asyncio.get_running_loop()
        while session.busy and not self._stopping.is_set():
            async with session.in_hand(rounds) as batches:
                if not batches:
                    continue
                try:
                    holds = await self._delivery.deliver(batches)
                except GroupHalted as reason:
                    await self._halt(session, reason)
                    break
                for hold in holds:
                    session.hold(hold.record, until=loop.time() + hold.seconds)
                for batch in batches:
                    session.advance(batch)
                self._progress_at = loop.time()
        session.nothing_in_hand()

    # -- too many dead letters ----------------------------------------------------------------------------------------

    async def _halt(self, session: Session, reason: GroupHalted) -> None:
        session.reposition()
        self._metrics.set(told.CONSUMER_PAUSED, 1, self.group)
        self._halted = True
        self._letters_when_halted = await self._count_letters()
        log.critical(
            "consumer.group_halted",
            consumer=self.group,
            open_dead_letters=self._letters_when_halted,
            reason=str(reason),
            way_out="mend the handler and restart, or redrive or discard one of the group's dead letters",
        )

    async def _count_letters(self) -> int | None:
        try:
            return await open_letters(self._database, self.group)
        except Exception as error:  # noqa: BLE001 - the database is away, and comes back
            log.warning("consumer.letters_unknown", consumer=self.group, error=repr(error))
            return None

    async def _look_whether_resumed(self) -> None:
        """Go on once there is one letter fewer; a database that does not answer says nothing of that."""
        await self._pause(self._times.halted)
        count = await self._count_letters()
        if count is None:
            return
        if self._letters_when_halted is None:
            self._letters_when_halted = count
        elif count < self._letters_when_halted:
            self.resume()
        else:
            self._letters_when_halted = count  # another process of the group has put more aside

    # -- the broker's side --------------------------------------------------------------------------------------------

    async def _commit(self, session: Session) -> None:
        """Let a commit in flight come to its end: cancelled, aiokafka would complain of it later."""
        while not session.ended.is_set():
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._times.commit):
                    await session.ended.wait()
            await session.commit()

    async def _watch(self, session: Session) -> None:
        """Ask the broker how far the topics reach.

        Raises ConsumerWedged when it does not answer, or answers and we get no further.
        """
        failed = 0
        while True:
            await asyncio.sleep(self._times.probe if self.caught_up.is_set() else self._times.probe_first)
            try:
                async with asyncio.timeout(self._times.probe_answer):
                    ends = await self._ask_for_ends(session)
            except (TimeoutError, KafkaError, OSError) as error:
                failed += 1
                if failed >= self._times.probes_failed:
                    raise ConsumerWedged(f"the broker did not answer {failed} times: {error!r}") from error
                continue
            failed = 0
            if self._broker_was_away:
                log.info("consumer.broker_back", consumer=self.group)
                self._broker_was_away = False
            await self._measure(session, ends)

    async def _ask_for_ends(self, session: Session) -> dict[TopicPartition, int]:
        partitions = session.positioned
        if partitions:
            ends: dict[TopicPartition, int] = await session.consumer.end_offsets(list(partitions))
            return ends
        await session.consumer.topics()
        return {}

    async def _measure(self, session: Session, ends: Mapping[TopicPartition, int]) -> None:
        """Compare where the effects stand with where the topics end, for the lag and the first catching up.

        A halted group stands nowhere until it goes on: its last known lag stays to be seen.
        """
        if self.halted:
            self._progress_at = asyncio.get_running_loop().time()
            return
        lags = {}
        for partition, end in ends.items():
            if partition in session.positioned:
                lags[partition] = max(0, end - await session.stands_at(partition))
        self._tell_lag(lags, session)
        self._note_caught_up(ends, lags, session)
        self._check_progress(session, {partition for partition, lag in lags.items() if lag})

    def _check_progress(self, session: Session, behind: set[TopicPartition]) -> None:
        """Replace a consumer that reads nothing although there is something to read, and nothing of it is held."""
        now = asyncio.get_running_loop().time()
        unread = [partition for partition in behind if not session.is_held(partition)]
        if session.busy or not unread:
            self._progress_at = now
        elif now - self._progress_at > self._times.stalled:
            raise ConsumerWedged(f"nothing was read for {now - self._progress_at:.0f} s of {sorted(map(str, unread))}")

    def _tell_lag(self, lags: Mapping[TopicPartition, int], session: Session) -> None:
        by_topic = dict.fromkeys((topic.name for topic in self._names.topics.values()), 0)
        for partition, lag in lags.items():
            by_topic[self._names.topics[partition.topic].name] += lag
        for topic, records in by_topic.items():
            self._metrics.set(told.LAG_RECORDS, records, self.group, topic)
        now = self._database.clock.now()
        ages = [
            (now - session.up_to(partition, now, behind=lag > 0)).total_seconds() for partition, lag in lags.items()
        ]
        self._metrics.set(told.LAG_SECONDS, max([0.0, *ages]), self.group)

    def _note_caught_up(
        self, ends: Mapping[TopicPartition, int], lags: Mapping[TopicPartition, int], session: Session
    ) -> None:
        """A projection is ready once it has what the topics held when it first looked."""
        if self.caught_up.is_set() or session.needs_positions or not session.assigned_once.is_set():
            return
        if set(ends) != session.positioned:  # asked before a rebalance
            return
        if self._targets is None:
            self._targets = dict(ends)
        reached = {partition: ends[partition] - lag for partition, lag in lags.items()}
        if all(reached.get(partition, target) >= target for partition, target in self._targets.items()):
            log.info("consumer.caught_up", consumer=self.group)
            self.caught_up.set()
