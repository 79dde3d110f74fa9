"""The fixtures; the session fixture ``service`` of a package's conftest says which service is meant."""

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import AbstractAsyncContextManager
from typing import Any
from uuid import UUID

import pytest
import pytest_asyncio
import structlog
from fastapi import FastAPI

from common.context import RequestContext, use_context
from common.database import Database, uuid7
from common.events import Event, EventContract, dataschema_of, serialise, source_of
from common.http.app import create_app
from common.inbox import context_of
from common.scheduling import JobRunner
from common.service import Runtime, Service
from common.testing._api import Api
from common.testing._clock import TestClock
from common.testing._keys import Keyring
from common.testing._platform import PLATFORM_FILE, Platform
from common.testing._probe import EventProbe
from common.testing._statements import StatementCount, StatementCounter

JOBS_DEADLINE_SECONDS = 20.0
DUE_JOBS = "SELECT count(*) FROM pgqueuer WHERE status IN ('queued', 'picked') AND execute_after <= clock_timestamp()"


def pytest_configure(config: pytest.Config) -> None:
    """Log through the standard library, which pytest captures; structlog's default prints local variables."""
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.format_exc_info,
            structlog.processors.KeyValueRenderer(key_order=["event"]),
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
    )


SHARED = pytest.StashKey[Platform]()


@pytest.hookimpl(tryfirst=True)  # before xdist starts its workers, which inherit the environment
def pytest_sessionstart(session: pytest.Session) -> None:
    """Start one PostgreSQL and one Kafka for all workers of a parallel run."""
    config = session.config
    parallel = bool(config.getoption("numprocesses", None)) and not hasattr(config, "workerinput")
    if parallel and PLATFORM_FILE not in os.environ:
        shared = Platform()
        os.environ[PLATFORM_FILE] = str(shared.publish())
        config.stash[SHARED] = shared


def pytest_unconfigure(config: pytest.Config) -> None:
    """Stop what the workers shared."""
    shared = config.stash.get(SHARED, None)
    if shared is not None:
        del os.environ[PLATFORM_FILE]
        shared.close()


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep a file's tests on one worker, which makes its database once, unless a conftest groups them otherwise."""
    for item in items:
        if item.get_closest_marker("xdist_group") is None:
            item.add_marker(pytest.mark.xdist_group(item.location[0]))


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def platform() -> AsyncIterator[Platform]:
    """Real PostgreSQL and Kafka; each starts when it is first asked for."""
    started = Platform()
    yield started
    await started.drop_databases()
    started.close()


@pytest.fixture(scope="session")
def keyring() -> Keyring:
    """Keys of the whole suite."""
    return Keyring()


@pytest.fixture(scope="session")
def service() -> Service:
    """The service under test; overridden by each package."""
    raise LookupError("define a session fixture `service` in the package's conftest.py")


@pytest.fixture(scope="session")
def service_environment() -> Mapping[str, str]:
    """Variables that the service needs beside the common ones; overridden where there are any."""
    return {}


@pytest.fixture(scope="module")
def clock() -> TestClock:
    """Real time of the module, which tests move forward."""
    return TestClock()


@pytest.fixture
def kafka(platform: Platform) -> str:
    """Where the broker is."""
    return platform.bootstrap


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def database_url(platform: Platform, service: Service) -> str:
    """A fresh, migrated database for the module."""
    return await platform.new_database(service.migrations)


def settings_from(service: Service, environment: Mapping[str, str]) -> Any:  # noqa: ANN401 - the service's own Settings
    """Read a service's settings from ``environment`` alone, as its process would."""
    kept = dict(os.environ)
    os.environ.clear()
    os.environ.update(environment)
    try:
        return service.settings()
    finally:
        os.environ.clear()
        os.environ.update(kept)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def runtime(
    service: Service, keyring: Keyring, database_url: str, clock: TestClock, service_environment: Mapping[str, str]
) -> AsyncIterator[Runtime]:
    """An open process of the service, without its loops: tests run those themselves."""
    prefix = service.name.upper()
    environment = {
        f"{prefix}_DATABASE_URL": database_url,
        f"{prefix}_SIGNING_KEY": keyring.private[service.name],
        "TRUSTED_KEYS": keyring.trusted,
        "KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:9",  # nobody listens: what needs a broker asks the platform for one
        "INSTANCE": "test",
    } | dict(service_environment)
    async with Runtime.open(service, settings_from(service, environment), clock=clock) as opened:
        yield opened


@pytest.fixture(scope="module")
def database(runtime: Runtime) -> Database:
    """The module's database."""
    return runtime.database


@pytest.fixture(scope="module")
def counter(database: Database) -> StatementCounter:
    """Listens from the first connection on; asked for by ``app`` so that it is never late."""
    return StatementCounter(database)


@pytest.fixture(scope="module")
def app(service: Service, runtime: Runtime, counter: StatementCounter) -> FastAPI:
    """The service's app on the module's database."""
    return create_app(service, runtime)


@pytest.fixture(scope="module")
def api(app: FastAPI, keyring: Keyring, service: Service) -> Api:
    """A client without credential; ``api.as_user(scopes=…)`` and the like speak as somebody."""
    return Api(app, keyring, service.name, None)


@pytest.fixture(scope="module")
def probe(database: Database) -> EventProbe:
    """What the service has announced."""
    return EventProbe(database)


@pytest.fixture
def statements(counter: StatementCounter) -> Callable[[], AbstractAsyncContextManager[StatementCount]]:
    """Count what is sent to PostgreSQL inside an ``async with`` block."""
    return counter.counting


Deliver = Callable[..., Awaitable[UUID]]


@pytest.fixture
def deliver(service: Service, runtime: Runtime) -> Deliver:
    """Hand an event to this service's consumers, through their inbox, as the runtime does; returns its id."""
    sequences: dict[UUID, int] = {}

    async def hand_over(data: EventContract, *, sequence: int | None = None, event_id: UUID | None = None) -> UUID:
        key = data.subject
        sequences[key] = sequence if sequence is not None else sequences.get(key, 0) + 1
        event = Event(
            id=event_id or uuid7(),
            type=data.type,
            source=source_of(data.topic.name.split(".", maxsplit=1)[0]),
            subject=key,
            time=runtime.clock.now(),
            sequence=sequences[key],
            correlation_id="test",
            causation_id=None,
            traceparent=None,
            data=data,
            dataschema=dataschema_of(type(data)),
            value=serialise(data),
        )
        await _apply(runtime, service, event)
        return event.id

    return hand_over


CLAIM = """
INSERT INTO inbox (consumer, event_id, received_at) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING RETURNING event_id
"""


async def _apply(runtime: Runtime, service: Service, event: Event[Any]) -> None:
    for consumer in service.consumers:
        handler: Any = consumer.handlers.get(type(event.data))
        if handler is None:
            continue
        with use_context(context_of(event)):
            async with runtime.database.uow() as uow:
                if await uow.fetchval(CLAIM, consumer.group, event.id, uow.now) is not None:
                    await handler([event] if consumer.set_based else event, uow)


@pytest.fixture
def run_jobs(service: Service, runtime: Runtime) -> Callable[[], Awaitable[None]]:
    """Run the queued jobs that are due, with the service's own runner, until none is left."""

    async def until_done() -> None:
        runner = JobRunner(runtime.database, service.jobs, runtime)
        task = asyncio.create_task(runner.run())
        try:
            async with asyncio.timeout(JOBS_DEADLINE_SECONDS):
                while await _due_jobs(runtime):
                    runner.wake()
                    await asyncio.sleep(0.01)
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    return until_done


async def _due_jobs(runtime: Runtime) -> int:
    async with runtime.database.acquire() as connection:
        count: int = await connection.fetchval(DUE_JOBS)
    return count


@pytest.fixture
def run_sweep(service: Service, runtime: Runtime) -> Callable[[str], Awaitable[int]]:
    """Run one of the service's sweeps once; returns how many rows it acted on."""
    sweeps = {sweep.name: sweep for sweep in service.sweeps}

    async def once(name: str) -> int:
        return await sweeps[name].run(runtime)

    return once


@pytest.fixture(autouse=True)
def _no_leftover_context() -> Iterator[None]:
    """Each test starts a correlation of its own."""
    with use_context(RequestContext()):
        yield
