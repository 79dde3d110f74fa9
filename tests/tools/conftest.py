"""The services' real tables with a small world in them, for the tests of the tools."""

from collections.abc import AsyncIterator

import asyncpg
import pytest_asyncio

from common.testing import Platform
from tools.verify import SERVICES
from tools.verify.testing import World


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def world_urls(platform: Platform) -> dict[str, str]:
    """A database of each service, migrated by the service's own migrations, and the world in them."""
    urls = {name: await platform.new_database(f"{name}.migrations") for name in SERVICES}
    connections = {name: await asyncpg.connect(url) for name, url in urls.items()}
    await World(connections).build()
    for connection in connections.values():
        await connection.close()
    return urls


@pytest_asyncio.fixture(loop_scope="session")
async def world(world_urls: dict[str, str]) -> AsyncIterator[World]:
    """The world in a transaction of each database, which is rolled back: damage does not last."""
    connections = {name: await asyncpg.connect(url) for name, url in world_urls.items()}
    for connection in connections.values():
        await connection.execute("BEGIN")
    yield World(connections)
    for connection in connections.values():
        await connection.execute("ROLLBACK")
        await connection.close()
