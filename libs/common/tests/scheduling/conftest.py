"""Real PostgreSQL with the queue's tables in it, a database for each test."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from types import SimpleNamespace
from typing import cast

import asyncpg
import pytest

from common.database import Database
from common.scheduling import queue_ddl
from common.service import Runtime
from common.telemetry import Metrics
from common.testing import Platform

Eventually = Callable[[Callable[[], Awaitable[bool]]], Awaitable[None]]


@pytest.fixture
async def url(platform: Platform) -> str:
    made = await platform.new_database(None)
    connection = await asyncpg.connect(made)
    for statement in queue_ddl():
        await connection.execute(statement)
    await connection.execute("CREATE TABLE done (what text NOT NULL)")
    await connection.close()
    return made


@pytest.fixture
async def database(url: str) -> AsyncIterator[Database]:
    opened = Database.open(url, service="queue-test")
    yield opened
    await opened.close()


@pytest.fixture
def runtime(database: Database) -> Runtime:
    """What runners need of a process, without one."""
    return cast("Runtime", SimpleNamespace(database=database, metrics=Metrics("queue-test")))


@pytest.fixture
def eventually() -> Eventually:
    """Wait until a condition holds; half a minute is for machines with much else to do."""

    async def wait(condition: Callable[[], Awaitable[bool]]) -> None:
        async with asyncio.timeout(30):
            while not await condition():  # noqa: ASYNC110 - other processes change the database
                await asyncio.sleep(0.01)

    return wait
