"""The unit of work: one use case, one transaction.

``async with uow:`` begins, and commits on leaving the block, before any answer is sent. State, outbox rows, jobs and
the idempotency row commit together; nobody inside commits. What it must never do: let anything leave the process
while the transaction is open.
"""

from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

import asyncpg
import orjson
from pydantic import BaseModel
from sqlalchemy.pool import PoolProxiedConnection

from common.answers import Answer, answer_of, problem_answer
from common.context import current_context
from common.database._engine import READ_OFFSET, Database, connection_lost, driver_connection
from common.database._ids import uuid7
from common.idempotency import KEPT_FOR, STORE, STORED_PROBLEMS, IdempotencyScope, claim_key
from common.problems import Problem

if TYPE_CHECKING:
    from uuid import UUID

    from common.events import EventContract, Topic
    from common.scheduling import Job

SAVEPOINT = "unit_of_work"

INSERT_OUTBOX = """
WITH pending AS (
    SELECT p.* FROM unnest($2::uuid[], $3::bigint[], $4::text[], $5::bytea[])
    WITH ORDINALITY AS p(key, nth, headers, value, place)
), numbered AS (
    UPDATE {table} AS a SET {column} = a.{column} + c.events
    FROM (SELECT key, count(*) AS events FROM pending GROUP BY key) AS c
    WHERE a.{id_column} = c.key
    RETURNING a.{id_column} AS key, a.{column} - c.events AS last
)
INSERT INTO outbox (topic, key, sequence, headers, value, created_at)
SELECT $1, p.key, n.last + p.nth,
    p.headers::jsonb || jsonb_build_object('ce_sequence', lpad((n.last + p.nth)::text, 20, '0')), p.value, $6
FROM pending AS p JOIN numbered AS n USING (key) ORDER BY p.place
"""


class UnitOfWork:
    """A transaction on one connection, with what is to be announced and queued when it commits."""

    def __init__(
        self, database: Database, *, idempotency: IdempotencyScope | None, lock_timeout_ms: int | None
    ) -> None:
        self.database = database
        self._idempotency = idempotency
        self._lock_timeout_ms = lock_timeout_ms
        self._pooled: PoolProxiedConnection | None = None
        self._connection: asyncpg.Connection | None = None
        self._now: datetime | None = None
        self._events: list[tuple[Topic, UUID, dict[str, str], bytes | None]] = []
        self._jobs: list[tuple[Job[Any], BaseModel]] = []
        self._answer: Answer[Any] | None = None
        self._on_commit: list[Callable[[], None]] = []

    # -- time -------------------------------------------------------------------------------------------------------

    @property
    def now(self) -> datetime:
        """Business time, the same in the whole unit of work."""
        if self._now is None:
            if self.database.test_clock:
                raise RuntimeError("enter the unit of work, or await read_clock, before asking it for the time")
            self._now = self.database.clock.now()
        return self._now

    async def read_clock(self) -> None:
        """Read the test offset for a unit of work that is never entered (see ``single``)."""
        if self._now is None and self.database.test_clock:
            async with self.database.acquire() as connection:
                await self._read_offset(connection)

    async def _read_offset(self, connection: asyncpg.Connection) -> None:
        offset_ms = await connection.fetchval(READ_OFFSET)
        self._now = self.database.clock.now() + timedelta(milliseconds=offset_ms)

    # -- the transaction --------------------------------------------------------------------------------------------

    @property
    def connection(self) -> asyncpg.Connection:
        """The asyncpg connection, inside the block."""
        if self._connection is None:
            raise RuntimeError("this unit of work is not entered")
        return self._connection

    async def __aenter__(self) -> Self:
        if self._pooled is not None:
            raise RuntimeError("a unit of work is entered once at a time")
        self._pooled = await self.database.checkout()
        self._connection = driver_connection(self._pooled)
        try:
            await self._begin(self._connection)
        except BaseException as error:
            await self._roll_back(error)
            raise
        return self

    async def _begin(self, connection: asyncpg.Connection) -> None:
        begin = "BEGIN"
        if self._lock_timeout_ms is not None:
            begin += f"; SET LOCAL lock_timeout = {self._lock_timeout_ms}"
        await connection.execute(begin)
        if self.database.test_clock and self._now is None:
            await self._read_offset(connection)
        if self._idempotency is not None:
            await claim_key(connection, self._idempotency, not_before=self.now - KEPT_FOR)
            await connection.execute(f"SAVEPOINT {SAVEPOINT}")

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if error is None:
            await self._commit()
        elif isinstance(error, Problem) and error.status in STORED_PROBLEMS and self._idempotency is not None:
            await self._keep_refusal(error)
        else:
            await self._roll_back(error)

    async def _commit(self) -> None:
        published, queued = bool(self._events), bool(self._jobs)
        try:
            await self._write_outbox()
            await self._write_jobs()
            if self._idempotency is not None and self._answer is not None:
                await self._store(self._idempotency, self._answer)
            await self.connection.execute("COMMIT")
        except BaseException as error:
            await self._roll_back(error)
            raise
        listeners = self._on_commit
        await self._release()
        self._wake(listeners)
        if published:
            self._wake(self.database.after_publish)
        if queued:
            self._wake(self.database.after_enqueue)

    async def _keep_refusal(self, problem: Problem) -> None:
        """Undo the work, keep its answer under the key."""
        if self._idempotency is None:
            return
        try:
            await self.connection.execute(f"ROLLBACK TO SAVEPOINT {SAVEPOINT}")
            await self._store(self._idempotency, problem_answer(problem))
            await self.connection.execute("COMMIT")
        except BaseException as error:
            await self._roll_back(error)
            raise
        await self._release()

    async def _roll_back(self, error: BaseException) -> None:
        """End the transaction, or the connection where that fails: what is given back to the pool is clean.

        After a cancellation the driver may still be talking to the server, and a BEGIN or COMMIT may be on its way
        that it has not heard of yet: such a connection is not used again.
        """
        pooled, connection = self._pooled, self._connection
        if pooled is None or connection is None:
            return
        try:
            if not connection.is_closed() and connection.is_in_transaction():
                await connection.execute("ROLLBACK", timeout=2)
            if not isinstance(error, Exception) or connection_lost(error):
                pooled.invalidate()
        except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError):
            pooled.invalidate()
        except BaseException:
            pooled.invalidate()
            raise
        finally:
            await self._release()

    async def _release(self) -> None:
        pooled, connection = self._pooled, self._connection
        self._pooled = self._connection = None
        self._events, self._jobs, self._on_commit = [], [], []
        if pooled is None or connection is None or not pooled.is_valid:
            return
        if connection.is_closed() or connection.is_in_transaction():
            pooled.invalidate()
        else:
            pooled.close()

    @staticmethod
    def _wake(listeners: Iterable[Any]) -> None:
        for listener in listeners:
            listener()

    @asynccontextmanager
    async def savepoint(self) -> AsyncIterator[None]:
        """Undo the block alone when it raises: its statements, events and jobs."""
        events, jobs = len(self._events), len(self._jobs)
        name = f"part_{events}_{jobs}_{id(object())}"
        await self.connection.execute(f"SAVEPOINT {name}")
        try:
            yield
        except BaseException:
            del self._events[events:], self._jobs[jobs:]
            await self.connection.execute(f"ROLLBACK TO SAVEPOINT {name}")
            raise
        await self.connection.execute(f"RELEASE SAVEPOINT {name}")

    @property
    def entered(self) -> bool:
        """Whether the block is entered: statements then belong to one transaction."""
        return self._pooled is not None

    @asynccontextmanager
    async def if_keyed(self) -> AsyncIterator[None]:
        """Enter the block only where an Idempotency-Key must be kept with the work.

        For use cases of one statement, which needs no transaction around it (see ``single``).
        """
        if self._idempotency is None:
            yield
        else:
            async with self:
                yield

    # -- SQL text ---------------------------------------------------------------------------------------------------

    async def fetch(self, sql: str, *args: object) -> list[asyncpg.Record]:
        """Run a statement in the transaction and return its rows."""
        rows: list[asyncpg.Record] = await self.connection.fetch(sql, *args)
        return rows

    async def fetchrow(self, sql: str, *args: object) -> asyncpg.Record | None:
        """Run a statement in the transaction and return its first row."""
        return await self.connection.fetchrow(sql, *args)

    async def fetchval(self, sql: str, *args: object) -> Any:  # noqa: ANN401 - whatever the column holds
        """Run a statement in the transaction and return its first value."""
        return await self.connection.fetchval(sql, *args)

    async def execute(self, sql: str, *args: object) -> str:
        """Run a statement in the transaction and return PostgreSQL's tag, such as ``UPDATE 1``."""
        return await self.connection.execute(sql, *args)

    async def executemany(self, sql: str, rows: Iterable[Sequence[object]]) -> None:
        """Run a statement for each of ``rows``, in one round trip."""
        await self.connection.executemany(sql, rows)

    async def single(self, sql: str, *args: object) -> list[asyncpg.Record]:
        """Run one statement as its own transaction, outside the block: one round trip, no BEGIN and no COMMIT."""
        if self._pooled is not None:
            raise RuntimeError("a single statement is its own transaction; inside the block use fetch")
        async with self.database.acquire() as connection:
            rows: list[asyncpg.Record] = await connection.fetch(sql, *args)
            return rows

    async def single_row(self, sql: str, *args: object) -> asyncpg.Record | None:
        """Run one statement as its own transaction and return its first row."""
        rows = await self.single(sql, *args)
        return rows[0] if rows else None

    # -- what commits with the work -----------------------------------------------------------------------------------

    def publish(self, event: "EventContract") -> None:
        """Announce ``event`` when this commits; it takes the next sequence of its aggregate's row.

        The caller holds that row locked, or has inserted it.
        """
        from common.events import headers_for, serialise  # noqa: PLC0415 - contracts are only needed by publishers

        context = current_context()
        headers = headers_for(
            event,
            event_id=uuid7(),
            source=f"/services/{self.database.service}",
            time=self.now,
            correlation_id=context.correlation_id,
            causation_id=context.causation_id,
            traceparent=context.traceparent,
        )
        self._events.append((event.topic, event.subject, headers, serialise(event)))

    def publish_tombstone(self, topic: "Topic", key: "UUID") -> None:
        """Let compaction forget ``key``: a record without value, after the event of the deletion.

        The row that numbers the topic's events must still be there.
        """
        from common.events import tombstone_headers  # noqa: PLC0415 - as above

        context = current_context()
        headers = tombstone_headers(
            topic,
            key,
            event_id=uuid7(),
            source=f"/services/{self.database.service}",
            time=self.now,
            correlation_id=context.correlation_id,
            causation_id=context.causation_id,
            traceparent=context.traceparent,
        )
        self._events.append((topic, key, headers, None))

    def enqueue(self, job: "Job[Any]", payload: BaseModel) -> None:
        """Queue ``job`` when this commits. It runs at least once."""
        self._jobs.append((job, payload))

    def on_commit(self, listener: Callable[[], None]) -> None:
        """Call ``listener`` once this has committed: to wake whoever looks at what it wrote, and for nothing else."""
        self._on_commit.append(listener)

    async def _write_outbox(self) -> None:
        by_topic: dict[str, list[tuple[UUID, dict[str, str], bytes | None]]] = {}
        for topic, key, headers, value in self._events:
            by_topic.setdefault(topic.name, []).append((key, headers, value))
        for name, rows in by_topic.items():
            await self._write_topic(name, rows)

    async def _write_topic(self, topic: str, rows: list[tuple["UUID", dict[str, str], bytes | None]]) -> None:
        aggregate = self.database.aggregates[topic]
        seen: Counter[UUID] = Counter()
        nth = []
        for key, _, _ in rows:
            seen[key] += 1
            nth.append(seen[key])
        tag = await self.connection.execute(
            INSERT_OUTBOX.format(table=aggregate.table, column=aggregate.column, id_column=aggregate.id_column),
            topic,
            [key for key, _, _ in rows],
            nth,
            [orjson.dumps(headers).decode() for _, headers, _ in rows],
            [value for _, _, value in rows],
            self.database.clock.now(),
        )
        if tag != f"INSERT 0 {len(rows)}":
            raise RuntimeError(f"{topic}: an event's aggregate has no row in {aggregate.table}")

    async def _write_jobs(self) -> None:
        if self._jobs:
            from common.scheduling import enqueue_all  # noqa: PLC0415 - the runner there opens units of work

            await enqueue_all(self.connection, self._jobs)

    # -- the answer ---------------------------------------------------------------------------------------------------

    def answer(
        self, view: BaseModel | bytes | None, *, status: int = 200, headers: Mapping[str, str] | None = None
    ) -> Answer[Any]:
        """Make the answer now, from the state that commits; a retry under the same key gets these bytes."""
        self._answer = answer_of(view, status=status, headers=headers)
        return self._answer

    async def _store(self, scope: IdempotencyScope, answer: Answer[Any]) -> None:
        await self.connection.execute(
            STORE,
            scope.principal,
            scope.key,
            scope.fingerprint,
            answer.status_code,
            orjson.dumps(answer.kept_headers()).decode(),
            bytes(answer.body),
            self.now,
        )
