"""The relay: committed outbox rows go to Kafka in order, at least once, by one leader per service.

It promises that a row is marked only after the broker has it on disk, and that the events of one aggregate arrive in
the order of their sequence. A crash between the two repeats events, which the inbox absorbs. It must never send without
holding the lock's session, nor wait for the broker without a limit.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import asyncpg
import orjson
import structlog
from aiokafka.errors import KafkaError

from common.database import Database
from common.kafka import is_being_cancelled
from common.outbox._retention import DELETE_BATCH, KEPT_FOR, delete_published
from common.outbox._sender import Key, OutboxRow, Sender, Sent
from common.telemetry import Metrics
from common.telemetry import metrics as told

log = structlog.get_logger()

RELAY_LOCK = 0x52454C4159  # "RELAY": one leader per database, and each service has its own
CHANNEL = "outbox"
BATCH = 500  # 20 ms to send; more delays SIGTERM
REFUSED_SECONDS = 5.0  # an event that the broker refuses is tried again after this; its aggregate waits, no other does
SESSION_SETTINGS = {
    "timezone": "UTC",
    # a silent network must end the session, and with it the lock, before a new leader's wait is over
    "tcp_keepalives_idle": "3",
    "tcp_keepalives_interval": "2",
    "tcp_keepalives_count": "3",
}

UNPUBLISHED = """
SELECT id, topic, key, headers, value, created_at FROM outbox WHERE published_at IS NULL ORDER BY id LIMIT $1
"""
UNPUBLISHED_BUT = """
SELECT id, topic, key, headers, value, created_at FROM outbox
WHERE published_at IS NULL AND (topic, key) NOT IN (SELECT * FROM unnest($2::text[], $3::uuid[])) ORDER BY id LIMIT $1
"""
ANY_UNPUBLISHED = "SELECT EXISTS (SELECT FROM outbox WHERE published_at IS NULL)"
BACKLOG = "SELECT count(*) AS pending, min(created_at) AS oldest FROM outbox WHERE published_at IS NULL"
MARK = "UPDATE outbox SET published_at = $2 WHERE id = ANY($1::bigint[])"

SESSION_LOST = (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError)
BROKER_AWAY = (OSError, TimeoutError, KafkaError)


@dataclass(frozen=True, slots=True, kw_only=True)
class RelayTimes:
    """Seconds."""

    poll: float = 0.25  # the fallback when a wake-up was lost
    linger: float = 0.005  # the wake-up costs more than the event: 5 ms gather a burst into one pass
    ack: float = 10.0  # how long an answer of the broker is waited for
    takeover: float = 12.0  # longer than a predecessor can still be sending: ``ack``, and its session's end
    settle: float = 1.0  # after an abandoned producer: the broker works off what it already holds
    reconnect: float = 0.5  # between attempts to reach the broker or the database
    candidate: float = 1.0  # how soon a second process notices that nobody leads
    last_pass: float = 3.0  # for what was committed before SIGTERM
    housekeeping: float = 5.0  # between two looks at the backlog
    deletion: float = 60.0  # between two deletions of old rows


class Relay:
    """Leads when it holds the lock, otherwise wakes whoever does.

    ``candidate=False`` only wakes: for a process that serves HTTP while another one relays.
    """

    def __init__(
        self,
        database: Database,
        *,
        service: str,
        bootstrap_servers: str,
        namespace: str,
        instance: str,
        metrics: Metrics,
        times: RelayTimes | None = None,
        candidate: bool = True,
    ) -> None:
        self._database = database
        self._service = service
        self._bootstrap_servers = bootstrap_servers
        self._namespace = namespace
        self._client_id = f"{instance}-relay"
        self._metrics = metrics
        self._times = times or RelayTimes()
        self._candidate = candidate
        self._woken = asyncio.Event()
        self._stopping = asyncio.Event()
        self._sender: Sender | None = None
        self._unsettled = False  # an abandoned producer may have left something at the broker
        self._careful = False  # the last pass failed: send singly, to find out whose fault it is
        self._refused: dict[Key, float] = {}
        self._next_look = self._next_deletion = 0.0
        self._broker_was_away = False
        self.leads = asyncio.Event()

    def wake(self) -> None:
        """Tell it that events were committed. Cheap, and safe from any task of the loop."""
        self._woken.set()

    async def run(self) -> None:
        """Relay until cancelled; then send what is committed, within ``last_pass``, and give the lock back."""
        self._stopping.clear()
        self._database.after_publish.append(self.wake)
        try:
            while True:
                try:
                    async with self._session() as connection:
                        await self._stand_by(connection)
                        await self._lead(connection)
                except SESSION_LOST as error:
                    log.warning("relay.session_lost", service=self._service, error=repr(error))
                await asyncio.sleep(self._times.reconnect)
        finally:
            self._database.after_publish.remove(self.wake)

    @asynccontextmanager
    async def _session(self) -> AsyncIterator[asyncpg.Connection]:
        """Hold a connection outside the pool: it carries the lock, and a full pool must not stop the relay."""
        url = self._database.engine.url.set(drivername="postgresql").render_as_string(hide_password=False)
        connection = await asyncpg.connect(
            url,
            timeout=5,
            command_timeout=5,
            server_settings=SESSION_SETTINGS | {"application_name": f"{self._service} relay"},
        )
        try:
            yield connection
        finally:
            try:
                await connection.close(timeout=1)
            except SESSION_LOST:
                connection.terminate()

    # -- without the lock -------------------------------------------------------------------------------------------

    async def _stand_by(self, connection: asyncpg.Connection) -> None:
        """Return once this process leads; until then pass wake-ups on, a burst as one."""
        while not (self._candidate and await connection.fetchval("SELECT pg_try_advisory_lock($1)", RELAY_LOCK)):
            if await _set_within(self._woken, self._times.candidate):
                await asyncio.sleep(self._times.linger)
                self._woken.clear()
                # autocommit, outside any business transaction: inside one, NOTIFY serialises every commit
                await connection.execute(f"NOTIFY {CHANNEL}")

    # -- with the lock ----------------------------------------------------------------------------------------------

    async def _lead(self, connection: asyncpg.Connection) -> None:
        """Work until the session is lost or the task is cancelled, which lets the pass in hand come to its end."""
        log.info("relay.elected", service=self._service)
        worker = asyncio.create_task(self._work(connection), name=f"{self._service} relay")
        self.leads.set()
        try:
            await asyncio.shield(worker)
        except asyncio.CancelledError:
            if worker.cancelled() and not is_being_cancelled():
                raise ConnectionError("aiokafka cancelled a wait of ours") from None
            self._stopping.set()
            self.wake()
            await asyncio.wait({worker}, timeout=self._times.last_pass)
            raise
        finally:
            self.leads.clear()
            await self._end(worker)

    async def _end(self, worker: "asyncio.Task[None]") -> None:
        clean = worker.done() and not worker.cancelled() and worker.exception() is None
        if not worker.done():
            worker.cancel()
            await asyncio.wait({worker}, timeout=1)
        sender, self._sender = self._sender, None
        if sender is not None:
            await (sender.stop() if clean else sender.abandon())

    async def _work(self, connection: asyncpg.Connection) -> None:
        await connection.add_listener(CHANNEL, lambda *_: self.wake())
        if not await self._predecessor_is_done(connection):
            return
        while True:
            full = await self._pass(connection)
            await self._keep_house(connection)
            if full:
                continue
            if self._stopping.is_set():
                return
            if await _set_within(self._woken, self._times.poll) and not self._stopping.is_set():
                await asyncio.sleep(self._times.linger)
            self._woken.clear()

    async def _predecessor_is_done(self, connection: asyncpg.Connection) -> bool:
        """Wait if there are rows that another leader may be sending at this moment; False when stopped meanwhile.

        What is unpublished at the election is older than this leadership. Were it sent at once, a late re-send by the
        predecessor could arrive after a newer state, and compaction would keep the older one.
        """
        if not await connection.fetchval(ANY_UNPUBLISHED):
            return True
        log.info("relay.predecessor_awaited", service=self._service, seconds=self._times.takeover)
        loop = asyncio.get_running_loop()
        until = loop.time() + self._times.takeover
        while (left := until - loop.time()) > 0:
            await self._look_at_backlog(connection)
            if await _set_within(self._stopping, min(left, self._times.housekeeping)):
                return False
        return True

    async def _pass(self, connection: asyncpg.Connection) -> bool:
        """Send and mark one batch. True when there was a full one, so that more may wait."""
        rows = await self._unpublished(connection)
        if not rows:
            return False
        sender = await self._connected_sender()
        if sender is None:
            return False
        sent = await sender.send(rows, singly=self._careful)
        if sent.acked:
            await connection.execute(MARK, sent.acked, self._database.clock.now())
            self._metrics.count(told.OUTBOX_PUBLISHED, by=len(sent.acked))
        await self._draw_conclusions(sent)
        return len(rows) == BATCH and bool(sent.acked)

    async def _unpublished(self, connection: asyncpg.Connection) -> list[OutboxRow]:
        now = asyncio.get_running_loop().time()
        self._refused = {key: until for key, until in self._refused.items() if until > now}
        if self._refused:
            topics, keys = [topic for topic, _ in self._refused], [key for _, key in self._refused]
            rows = await connection.fetch(UNPUBLISHED_BUT, BATCH, topics, keys)
        else:
            rows = await connection.fetch(UNPUBLISHED, BATCH)
        return [
            OutboxRow(row["id"], row["topic"], row["key"], orjson.loads(row["headers"]), row["value"]) for row in rows
        ]

    async def _connected_sender(self) -> Sender | None:
        if self._sender is not None:
            return self._sender
        sender = Sender(
            bootstrap_servers=self._bootstrap_servers,
            namespace=self._namespace,
            client_id=self._client_id,
            ack_timeout=self._times.ack,
        )
        try:
            await sender.start()
        except BROKER_AWAY as error:
            if not self._broker_was_away:
                log.warning("relay.broker_away", service=self._service, error=repr(error))
            self._broker_was_away = True
            await asyncio.sleep(self._times.reconnect)
            return None
        if self._broker_was_away:
            log.info("relay.broker_back", service=self._service)
        self._broker_was_away = False
        if self._unsettled:
            await asyncio.sleep(self._times.settle)
            self._unsettled = False
        self._sender = sender
        return sender

    async def _draw_conclusions(self, sent: Sent) -> None:
        until = asyncio.get_running_loop().time() + REFUSED_SECONDS
        for (topic, key), reason in sent.refused.items():
            log.error("relay.event_refused", service=self._service, topic=topic, key=str(key), reason=reason)
            self._refused[topic, key] = until
        self._careful = sent.broken is not None and not sent.unknown
        if sent.broken is not None:
            log.warning("relay.producer_abandoned", service=self._service, reason=sent.broken)
            self._unsettled = self._unsettled or sent.unknown
            sender, self._sender = self._sender, None
            if sender is not None:
                await sender.abandon()

    # -- what is left over ------------------------------------------------------------------------------------------

    async def _keep_house(self, connection: asyncpg.Connection) -> None:
        now = asyncio.get_running_loop().time()
        if now >= self._next_look:
            await self._look_at_backlog(connection)
            self._next_look = now + self._times.housekeeping
        if now >= self._next_deletion:
            deleted = await delete_published(connection, before=self._database.clock.now() - KEPT_FOR)
            self._next_deletion = now + (0 if deleted == DELETE_BATCH else self._times.deletion)

    async def _look_at_backlog(self, connection: asyncpg.Connection) -> None:
        row = await connection.fetchrow(BACKLOG)
        pending, oldest = (row["pending"], row["oldest"]) if row is not None else (0, None)
        age = (self._database.clock.now() - oldest).total_seconds() if oldest is not None else 0.0
        self._metrics.set(told.OUTBOX_PENDING, pending)
        self._metrics.set(told.OUTBOX_AGE, max(0.0, age))


async def _set_within(event: asyncio.Event, seconds: float) -> bool:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await event.wait()
    return event.is_set()
