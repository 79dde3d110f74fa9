"""Jobs are queued with their cause, run at least once, and are never lost."""

import asyncio
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from pydantic import BaseModel

from common.context import RequestContext, current_context, use_context
from common.database import Database
from common.scheduling import Backoff, HandBack, Job, JobRun, JobRunner, enqueue_all, parked_jobs, requeue_parked
from common.scheduling._queue import Queue
from common.service import Runtime

Eventually = Callable[[Callable[[], Awaitable[bool]]], Awaitable[None]]

SOON = timedelta(milliseconds=20)
NEVER = timedelta(hours=1)
CUT_ALL_OTHERS = """
SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()
"""
WAITING = """
SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'
"""
AT_ONCE = Backoff(first=timedelta(milliseconds=1), longest=timedelta(milliseconds=2))


class Note(BaseModel):
    what: str


async def note(payload: Note, run: JobRun) -> None:
    async with run.uow() as uow:
        await uow.execute("INSERT INTO done VALUES ($1)", payload.what)


NOTE = Job("note", note, Note)


@asynccontextmanager
async def running(runtime: Runtime, *jobs: Job[Any], **times: Any) -> AsyncIterator[JobRunner]:  # noqa: ANN401 - the runner's own
    """Run ``jobs`` beside the block."""
    runner = JobRunner(runtime.database, jobs, runtime, **({"poll": SOON} | times))
    task = asyncio.create_task(runner.run())
    try:
        yield runner
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def queue(database: Database, job: Job[Any], *whats: str) -> None:
    async with database.uow() as uow:
        for what in whats:
            uow.enqueue(job, Note(what=what))


async def done(database: Database) -> list[str]:
    return [row["what"] for row in await database.uow().single("SELECT what FROM done ORDER BY what")]


async def left(database: Database) -> list[tuple[str, int]]:
    rows = await database.uow().single("SELECT status::text, attempts FROM pgqueuer ORDER BY id")
    return [(row["status"], row["attempts"]) for row in rows]


@pytest.fixture
def empty(database: Database, eventually: Eventually) -> Callable[[], Awaitable[None]]:
    """Wait until no job is left."""

    async def nothing_left() -> bool:
        return not await left(database)

    return lambda: eventually(nothing_left)


async def test_a_job_runs_with_its_payload_and_is_gone(
    database: Database, runtime: Runtime, empty: Callable[[], Awaitable[None]]
) -> None:
    await queue(database, NOTE, "a", "b")

    async with running(runtime, NOTE):
        await empty()

    assert await done(database) == ["a", "b"]


async def test_a_job_of_work_that_was_rolled_back_never_runs(
    database: Database, runtime: Runtime, empty: Callable[[], Awaitable[None]]
) -> None:
    async def work() -> None:
        async with database.uow() as uow:
            uow.enqueue(NOTE, Note(what="undone"))
            raise RuntimeError("undone")

    with pytest.raises(RuntimeError, match="undone"):
        await work()
    await queue(database, NOTE, "kept")

    async with running(runtime, NOTE):
        await empty()

    assert await done(database) == ["kept"]


async def test_jobs_of_one_transaction_take_one_statement(database: Database) -> None:
    statements: list[str] = []
    async with database.uow() as uow:
        uow.connection.add_query_logger(lambda query: statements.append(query.query))
        uow.enqueue(NOTE, Note(what="a"))
        uow.enqueue(NOTE, Note(what="b"))

    assert len([each for each in statements if "pgqueuer" in each]) == 1


async def test_a_wake_starts_a_job_without_waiting_for_the_poll(
    database: Database, runtime: Runtime, empty: Callable[[], Awaitable[None]]
) -> None:
    async with running(runtime, NOTE, poll=NEVER) as runner:
        database.after_enqueue.append(runner.wake)
        await queue(database, NOTE, "first")
        await empty()
        await queue(database, NOTE, "second")
        await empty()

    assert await done(database) == ["first", "second"]


async def test_more_jobs_than_places_all_run_without_waiting_for_the_poll(
    database: Database, runtime: Runtime, empty: Callable[[], Awaitable[None]]
) -> None:
    whats = [f"{number:02}" for number in range(20)]
    await queue(database, NOTE, *whats)

    async with running(runtime, NOTE, poll=NEVER, at_once=3):
        await empty()

    assert await done(database) == whats


async def test_a_failing_job_is_tried_again_then_parked_with_its_error(
    database: Database, runtime: Runtime, eventually: Eventually
) -> None:
    attempts: list[int] = []

    async def fail(_: Note, run: JobRun) -> None:
        attempts.append(run.attempt)
        raise RuntimeError("no such carrier")

    job = Job("fail", fail, Note, max_attempts=3, backoff=AT_ONCE)
    await queue(database, job, "a")

    async def parked() -> bool:
        return bool(await parked_jobs(database)) and b'jobs_parked{job="fail"} 1.0' in runtime.metrics.exposition()

    async with running(runtime, job):
        await eventually(parked)

    assert attempts == [1, 2, 3]
    (found,) = await parked_jobs(database)
    assert (found.name, found.payload, found.error) == ("fail", b'{"what":"a"}', "RuntimeError: no such carrier")
    assert b'jobs_failed_total{job="fail"} 3.0' in runtime.metrics.exposition()


async def test_a_parked_job_can_be_queued_again(
    database: Database, runtime: Runtime, eventually: Eventually, empty: Callable[[], Awaitable[None]]
) -> None:
    broken, attempts = True, []

    async def sometimes(_: Note, run: JobRun) -> None:
        attempts.append(run.attempt)
        if broken:
            raise RuntimeError("broken")

    job = Job("sometimes", sometimes, Note, max_attempts=2, backoff=AT_ONCE)
    await queue(database, job, "a")

    async def parked() -> bool:
        return bool(await parked_jobs(database))

    async with running(runtime, job):
        await eventually(parked)
        broken = False
        await requeue_parked(database, [each.id for each in await parked_jobs(database)])
        await empty()

    assert attempts == [1, 2, 1]


async def test_a_payload_that_does_not_validate_is_a_failure_like_any_other(
    database: Database, runtime: Runtime, eventually: Eventually
) -> None:
    class Changed(BaseModel):
        other: int

    async def never(payload: Changed, run: JobRun) -> None:
        raise AssertionError(payload, run)

    await queue(database, NOTE, "a")

    async def parked() -> bool:
        return bool(await parked_jobs(database))

    async with running(runtime, Job("note", never, Changed, max_attempts=1)):
        await eventually(parked)

    assert (await parked_jobs(database))[0].error.startswith("ValidationError")


async def test_a_handler_that_is_cancelled_from_within_is_tried_again(
    database: Database, runtime: Runtime, empty: Callable[[], Awaitable[None]]
) -> None:
    attempts: list[int] = []

    async def awaits_a_cancelled_task(_: Note, run: JobRun) -> None:
        attempts.append(run.attempt)
        if run.attempt == 1:
            raise asyncio.CancelledError("somebody else's")

    job = Job("cancelled", awaits_a_cancelled_task, Note, backoff=AT_ONCE)
    await queue(database, job, "a")

    async with running(runtime, job):
        await empty()

    assert attempts == [1, 2]


@pytest.mark.parametrize(("jitter", "seconds"), [(0.0, [1, 2, 4, 8, 10, 10]), (1.0, [0.5, 1, 2, 4, 5, 5])])
def test_rests_double_up_to_the_longest(jitter: float, seconds: list[float]) -> None:
    backoff = Backoff(first=timedelta(seconds=1), longest=timedelta(seconds=10))

    rests = [backoff.delay(attempt, jitter=lambda: jitter).total_seconds() for attempt in range(1, 7)]

    assert rests == seconds
    assert backoff.delay(10_000) <= timedelta(seconds=10)


async def test_a_job_whose_process_was_killed_runs_again(
    url: str, database: Database, runtime: Runtime, eventually: Eventually, empty: Callable[[], Awaitable[None]]
) -> None:
    await queue(database, NOTE, "a")
    worker = await asyncio.create_subprocess_exec(
        sys.executable, str(Path(__file__).with_name("hanging_worker.py")), url
    )

    async def taken() -> bool:
        return await done(database) == ["a taken"]

    try:
        await eventually(taken)
    finally:
        worker.kill()
        await worker.wait()

    async with running(runtime, NOTE, report_every=SOON, silent_for=timedelta(milliseconds=300)):
        await empty()

    assert await done(database) == ["a", "a taken"]


async def test_a_job_that_kills_its_process_is_parked_in_the_end(database: Database, runtime: Runtime) -> None:
    job = Job("note", note, Note, max_attempts=2)
    await queue(database, job, "deadly")
    outcomes = []
    for _ in range(2):
        dying = Queue(database, {"note": job})
        assert len(await dying.claim(1)) == 1
        outcomes += await Queue(database, {"note": job}).take_back(silent_for=timedelta(0))

    assert [(each.attempts, each.parked) for each in outcomes] == [(1, False), (2, True)]
    (found,) = await parked_jobs(database)
    assert found.error.startswith("ProcessDied")


async def test_a_long_job_is_not_taken_from_a_process_that_lives(
    database: Database, runtime: Runtime, eventually: Eventually, empty: Callable[[], Awaitable[None]]
) -> None:
    started, release = [], asyncio.Event()

    async def long(_: Note, run: JobRun) -> None:
        started.append(run.attempt)
        await release.wait()

    job = Job("long", long, Note)
    await queue(database, job, "a")
    times = {"report_every": SOON, "silent_for": timedelta(milliseconds=200)}

    async def old_enough() -> bool:
        age = await database.uow().single_row("SELECT now() - updated > interval '1 second' AS old FROM pgqueuer")
        return age is not None and bool(age["old"])

    async with running(runtime, job, **times), running(runtime, job, **times):
        await eventually(old_enough)
        release.set()
        await empty()

    assert started == [1]


async def test_two_processes_run_each_job_once(
    database: Database, runtime: Runtime, empty: Callable[[], Awaitable[None]]
) -> None:
    whats = [f"{number:03}" for number in range(200)]
    await queue(database, NOTE, *whats)

    async with running(runtime, NOTE), running(runtime, NOTE):
        await empty()

    assert await done(database) == whats


async def test_a_limit_holds_over_all_processes(
    database: Database, runtime: Runtime, empty: Callable[[], Awaitable[None]]
) -> None:
    now, most = 0, 0

    async def count(_: Note, run: JobRun) -> None:
        nonlocal now, most
        now += 1
        most = max(most, now)
        await note(_, run)
        now -= 1

    job = Job("count", count, Note, concurrency_limit=2)
    await queue(database, job, *(f"{number:02}" for number in range(30)))

    async with running(runtime, job), running(runtime, job):
        await empty()

    assert (most, len(await done(database))) == (2, 30)


async def test_a_stop_lets_the_job_in_hand_finish_and_takes_no_other(
    database: Database, runtime: Runtime, eventually: Eventually
) -> None:
    seen: list[str] = []
    stopping = asyncio.Event()

    async def finish_when_told(payload: Note, run: JobRun) -> None:
        seen.append(payload.what)
        await stopping.wait()
        assert run.stopping

    job = Job("job", finish_when_told, Note)
    await queue(database, job, "in hand", "next")
    runner = JobRunner(database, [job], runtime, at_once=1, poll=SOON)
    task = asyncio.create_task(runner.run())

    async def started() -> bool:
        return bool(seen)

    await eventually(started)
    task.cancel()
    asyncio.get_running_loop().call_soon(stopping.set)
    with pytest.raises(asyncio.CancelledError):
        await task

    assert seen == ["in hand"]
    assert await left(database) == [("queued", 0)]


async def test_a_job_that_does_not_end_in_time_is_handed_back_uncounted(
    database: Database, runtime: Runtime, eventually: Eventually
) -> None:
    seen: list[int] = []

    async def hang(_: Note, run: JobRun) -> None:
        seen.append(run.attempt)
        await asyncio.Event().wait()

    job = Job("hang", hang, Note)
    await queue(database, job, "a")

    async def started() -> bool:
        return bool(seen)

    async with running(runtime, job, grace=timedelta(milliseconds=10)):
        await eventually(started)

    assert await left(database) == [("queued", 0)]


async def test_a_job_can_hand_itself_back(
    database: Database, runtime: Runtime, empty: Callable[[], Awaitable[None]]
) -> None:
    attempts: list[int] = []

    async def twice(_: Note, run: JobRun) -> None:
        attempts.append(run.attempt)
        if len(attempts) == 1:
            raise HandBack(after=timedelta(milliseconds=1))

    job = Job("twice", twice, Note)
    await queue(database, job, "a")

    async with running(runtime, job):
        await empty()

    assert attempts == [1, 1]


async def test_logs_and_events_of_a_job_keep_the_correlation_of_its_cause(
    database: Database, runtime: Runtime, empty: Callable[[], Awaitable[None]]
) -> None:
    seen: list[RequestContext] = []

    async def look(_: Note, run: JobRun) -> None:
        seen.append(current_context())

    job = Job("look", look, Note)
    cause = RequestContext(causation_id="e-1")
    with use_context(cause):
        await queue(database, job, "a")

    async with running(runtime, job):
        await empty()

    (context,) = seen
    assert (context.correlation_id, context.causation_id, context.trace_id) == (
        cause.correlation_id, "e-1", cause.trace_id,
    )  # fmt: skip
    assert context.request_id != cause.request_id


async def test_jobs_go_on_after_the_database_cut_every_connection(
    url: str, runtime: Runtime, eventually: Eventually
) -> None:
    started: list[str] = []
    release = asyncio.Event()

    async def slow(payload: Note, run: JobRun) -> None:
        started.append(payload.what)
        await release.wait()

    job = Job("slow", slow, Note)
    outside = await asyncpg.connect(url)  # of another process, so to say: it is not cut

    async def taken() -> bool:
        return bool(started)

    async def empty() -> bool:
        return not await outside.fetch("SELECT id FROM pgqueuer")

    await enqueue_all(outside, [(job, Note(what="a"))])
    async with running(runtime, job):
        await eventually(taken)
        await outside.execute(CUT_ALL_OTHERS)
        release.set()
        await eventually(empty)
        await enqueue_all(outside, [(job, Note(what="b"))])
        await eventually(empty)
    await outside.close()

    assert started == ["a", "b"]


async def test_an_outcome_that_could_not_be_written_is_written_again(
    url: str, runtime: Runtime, eventually: Eventually
) -> None:
    started = asyncio.Event()
    release = asyncio.Event()

    async def slow(_: Note, run: JobRun) -> None:
        started.set()
        await release.wait()

    job = Job("slow", slow, Note)
    outside, watcher = await asyncpg.connect(url), await asyncpg.connect(url)

    async def blocked() -> bool:
        return bool(await watcher.fetch(WAITING))

    async def given_up() -> bool:
        return not await blocked()

    async def empty() -> bool:
        return not await watcher.fetch("SELECT id FROM pgqueuer")

    await enqueue_all(outside, [(job, Note(what="a"))])
    async with running(runtime, job):
        await started.wait()
        async with outside.transaction():
            await outside.execute("SELECT FROM pgqueuer FOR UPDATE")
            release.set()
            await eventually(blocked)
            await eventually(given_up)  # lock_timeout
        await eventually(empty)
    await outside.close()
    await watcher.close()


async def test_two_jobs_of_one_name_are_refused(database: Database, runtime: Runtime) -> None:
    with pytest.raises(ValueError, match="share a name"):
        JobRunner(database, [NOTE, NOTE], runtime)
