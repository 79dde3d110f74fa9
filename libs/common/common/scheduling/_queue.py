"""pgqueuer's durable queue: its tables and statements, run on our connections.

Its QueueManager is not used: that keeps a connection in LISTEN for as long as the process lives, and without the notify
trigger nothing wakes it before its next poll. The loop in ``_runner`` polls too, and can be woken from within.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final
from uuid import uuid4

import asyncpg
from pgqueuer.adapters.drivers.asyncpg import AsyncpgDriver
from pgqueuer.adapters.persistence.qb import QueryBuilderEnvironment, QueryQueueBuilder, QuerySchedulerBuilder
from pgqueuer.adapters.persistence.queries import Queries
from pgqueuer.domain.models import Job as QueuedJob
from pgqueuer.domain.models import TracebackRecord
from pgqueuer.domain.settings import DBSettings, Durability
from pgqueuer.domain.types import Channel, JobId, QueueEntrypoint, QueueManagerId
from pgqueuer.ports.repository import EntrypointExecutionParameter
from pydantic import BaseModel

from common.context import RequestContext, child_traceparent, current_context
from common.scheduling._job import Job

if TYPE_CHECKING:
    from common.database import Database

# Every name is given: left to itself pgqueuer reads them from the environment, bare ones such as FUNCTION included.
NAMES: Final = DBSettings(
    prefix="",
    db_schema=None,
    channel=Channel("ch_pgqueuer"),
    function="fn_pgqueuer_changed",
    statistics_table="pgqueuer_statistics",
    queue_status_type="pgqueuer_status",
    queue_table="pgqueuer",
    queue_table_log="pgqueuer_log",
    trigger="tg_pgqueuer_changed",
    schedules_table="pgqueuer_schedules",
    durability=Durability.durable,
)
_ENVIRONMENT: Final = QueryBuilderEnvironment(NAMES)
_QUEUE: Final = QueryQueueBuilder(NAMES)
_SCHEDULES: Final = QuerySchedulerBuilder(NAMES)

NEVER = timedelta(days=36_500)  # pgqueuer would take dead workers' jobs again uncounted; TAKE_BACK counts

# A job whose process stopped reporting: queued again and counted as a failed attempt, so that one which kills its
# process is parked in the end. SKIP LOCKED: whoever is writing the job's outcome at this moment wins.
TAKE_BACK = """
WITH known AS (
    SELECT * FROM unnest($2::text[], $3::int[]) AS k(entrypoint, max_attempts)
), silent AS (
    SELECT q.id, q.attempts + 1 >= k.max_attempts AS last
    FROM pgqueuer AS q JOIN known AS k USING (entrypoint)
    WHERE q.status = 'picked' AND q.heartbeat < now() - $1::interval
    FOR UPDATE OF q SKIP LOCKED
), taken AS (
    UPDATE pgqueuer AS q
    SET status = (CASE WHEN s.last THEN 'failed' ELSE 'queued' END)::pgqueuer_status,
        attempts = q.attempts + 1, updated = now(), execute_after = now(), queue_manager_id = NULL
    FROM silent AS s WHERE q.id = s.id
    RETURNING q.id, q.entrypoint, q.priority, q.status, q.attempts
), noted AS (
    INSERT INTO pgqueuer_log (job_id, status, entrypoint, priority, traceback)
    SELECT id, status, entrypoint, priority, jsonb_build_object(
        'job_id', id, 'timestamp', now(), 'exception_type', 'ProcessDied',
        'exception_message', 'The process that ran the job stopped reporting.', 'traceback', '',
        'additional_context', NULL)
    FROM taken
)
SELECT id, entrypoint, status::text = 'failed' AS parked, attempts FROM taken
"""

HAND_BACK = """
WITH handed AS (
    UPDATE pgqueuer SET status = 'queued', updated = now(), execute_after = now() + $3, queue_manager_id = NULL
    WHERE id = ANY($1::bigint[]) AND queue_manager_id = $2 AND status = 'picked'
    RETURNING id, entrypoint, priority
)
INSERT INTO pgqueuer_log (job_id, status, entrypoint, priority)
SELECT id, 'queued', entrypoint, priority FROM handed
"""

PARKED = """
SELECT q.id, q.entrypoint, q.attempts, q.created, q.updated, q.payload, coalesce(l.error, '') AS error
FROM pgqueuer AS q LEFT JOIN LATERAL (
    SELECT concat_ws(': ', traceback->>'exception_type', traceback->>'exception_message') AS error
    FROM pgqueuer_log WHERE job_id = q.id AND traceback IS NOT NULL ORDER BY created DESC LIMIT 1
) AS l ON true
WHERE q.status = 'failed' ORDER BY q.id LIMIT $1
"""
COUNT_PARKED = "SELECT entrypoint, count(*) AS parked FROM pgqueuer WHERE status = 'failed' GROUP BY entrypoint"

PRUNE_LOG = """
DELETE FROM pgqueuer_log WHERE id = ANY (ARRAY(
    SELECT id FROM pgqueuer_log WHERE created < now() - $1::interval ORDER BY created LIMIT 5000
))
"""


def _on(connection: asyncpg.Connection) -> Queries:
    return Queries(AsyncpgDriver(connection), qbe=_ENVIRONMENT, qbq=_QUEUE, qbs=_SCHEDULES)


async def enqueue_all(connection: asyncpg.Connection, pending: Sequence[tuple[Job[Any], BaseModel]]) -> None:
    """Queue ``pending`` in the connection's transaction, in one statement; nothing runs before it commits."""
    if not pending:
        return
    headers = _travelling_with(current_context())
    await _on(connection).enqueue(
        [job.name for job, _ in pending],
        [payload.model_dump_json().encode() for _, payload in pending],
        [0] * len(pending),
        headers=[headers] * len(pending),
    )


def _travelling_with(context: RequestContext) -> dict[str, str]:
    headers = {"correlation_id": context.correlation_id, "traceparent": context.traceparent}
    if context.causation_id is not None:
        headers["causation_id"] = context.causation_id
    return headers


def context_of(queued: QueuedJob) -> RequestContext:
    """Continue what queued the job: its logs and events carry the same correlation and trace."""
    headers = {name: str(value) for name, value in (queued.headers or {}).items()}
    context = RequestContext(
        causation_id=headers.get("causation_id"), traceparent=child_traceparent(headers.get("traceparent"))
    )
    if (correlation_id := headers.get("correlation_id")) is None:
        return context
    return RequestContext(
        request_id=context.request_id,
        correlation_id=correlation_id,
        causation_id=context.causation_id,
        traceparent=context.traceparent,
    )


@dataclass(frozen=True, slots=True)
class Silenced:
    """A job taken back from a process that stopped reporting."""

    job_id: int
    name: str
    attempts: int
    parked: bool


class Queue:
    """One worker's view of the queue."""

    def __init__(self, database: "Database", jobs: Mapping[str, Job[Any]]) -> None:
        self._database = database
        self._jobs = jobs
        self._worker = QueueManagerId(uuid4())
        self._limits = {
            QueueEntrypoint(job.name): EntrypointExecutionParameter(concurrency_limit=job.concurrency_limit or 0)
            for job in jobs.values()
        }

    async def claim(self, most: int) -> list[QueuedJob]:
        """Take up to ``most`` jobs that are due, oldest first; they are this worker's until it says otherwise."""
        async with self._database.acquire() as connection:
            return await _on(connection).dequeue(
                batch_size=most,
                entrypoints=self._limits,
                queue_manager_id=self._worker,
                global_concurrency_limit=None,
                heartbeat_timeout=NEVER,
            )

    async def finish(self, queued: QueuedJob) -> None:
        """Remove a job that is done; its log rows stay for a week."""
        async with self._database.acquire() as connection:
            await _on(connection).log_jobs([(queued, "successful", None)])

    async def retry(self, queued: QueuedJob, error: Exception, *, after: timedelta) -> None:
        """Queue a failed job again."""
        async with self._database.acquire() as connection:
            await _on(connection).retry_job(queued, after, TracebackRecord.from_exception(error, queued.id))

    async def park(self, queued: QueuedJob, error: Exception) -> None:
        """Keep a job that failed for good, with its traceback, until somebody requeues it."""
        async with self._database.acquire() as connection:
            await _on(connection).log_jobs([(queued, "failed", TracebackRecord.from_exception(error, queued.id))])

    async def hand_back(self, ids: Iterable[int], *, after: timedelta = timedelta(0)) -> None:
        """Queue jobs of this worker again, as if it had not taken them."""
        async with self._database.acquire() as connection:
            await connection.execute(HAND_BACK, list(ids), self._worker, after)

    async def report_alive(self, ids: Iterable[int]) -> None:
        """Say that this worker still runs ``ids``."""
        if held := [JobId(each) for each in ids]:
            async with self._database.acquire() as connection:
                await _on(connection).update_heartbeat(held)

    async def take_back(self, *, silent_for: timedelta) -> list[Silenced]:
        """Take the jobs of workers that have not reported for ``silent_for``."""
        names, limits = list(self._jobs), [job.max_attempts for job in self._jobs.values()]
        async with self._database.acquire() as connection:
            rows = await connection.fetch(TAKE_BACK, silent_for, names, limits)
        return [Silenced(row["id"], row["entrypoint"], row["attempts"], row["parked"]) for row in rows]

    async def prune_log(self, *, older_than: timedelta) -> None:
        """Forget what happened to jobs long ago."""
        async with self._database.acquire() as connection:
            await connection.execute(PRUNE_LOG, older_than)

    async def count_parked(self) -> dict[str, int]:
        """Count parked jobs by name; names without any are left out."""
        async with self._database.acquire() as connection:
            return {row["entrypoint"]: row["parked"] for row in await connection.fetch(COUNT_PARKED)}


@dataclass(frozen=True, slots=True)
class ParkedJob:
    """A job that nobody tries any more, and what it failed of."""

    id: int
    name: str
    attempts: int
    queued_at: datetime
    parked_at: datetime
    payload: bytes
    error: str


async def parked_jobs(database: "Database", *, limit: int = 100) -> list[ParkedJob]:
    """List parked jobs, oldest first."""
    async with database.acquire() as connection:
        rows = await connection.fetch(PARKED, limit)
    return [
        ParkedJob(
            id=row["id"],
            name=row["entrypoint"],
            attempts=row["attempts"],
            queued_at=row["created"],
            parked_at=row["updated"],
            payload=row["payload"] or b"",
            error=row["error"],
        )
        for row in rows
    ]


async def requeue_parked(database: "Database", ids: Sequence[int]) -> None:
    """Queue parked jobs again, their attempts back at zero; ids of other jobs are left alone."""
    async with database.acquire() as connection:
        await _on(connection).requeue_jobs([JobId(each) for each in ids])
