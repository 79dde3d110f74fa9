"""Where the services' databases are, and connections to them that cannot write."""

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import asyncpg

Row = Mapping[str, Any]

SERVICES = ("catalog", "inventory", "orders", "metrics", "notifications", "gateway")
ROLE = "verify"
CONNECT_SECONDS = 10.0
STATEMENT_SECONDS = 60.0


class NoDatabasesError(Exception):
    """Nobody said where the databases are; the message says what to do."""


def variable_of(service: str) -> str:
    """The environment variable that names a service's database."""
    return f"{service.upper()}_DATABASE_URL"


def find_urls(environment: Mapping[str, str], data_dir: Path) -> dict[str, str]:
    """The databases named by ``<SERVICE>_DATABASE_URL``, else those of the suite that runs on ``data_dir``.

    Raises:
        NoDatabasesError: neither, or not all of them.
    """
    named = {name: environment[variable_of(name)] for name in SERVICES if environment.get(variable_of(name))}
    if len(named) == len(SERVICES):
        return named
    if named:
        missing = ", ".join(variable_of(name) for name in SERVICES if name not in named)
        raise NoDatabasesError(f"Not set: {missing}. Name every database or none.")
    run, secret = data_dir / "run.json", data_dir / "secrets" / f"{ROLE}.password"
    if not run.exists() or not secret.exists():
        raise NoDatabasesError(f"Nothing runs on {data_dir.resolve()}. Start it with `make run`, or set {_example()}.")
    address = json.loads(run.read_text())["postgres"]
    return {name: f"postgresql://{ROLE}:{secret.read_text()}@{address}/{name}" for name in SERVICES}


def _example() -> str:
    return f"{variable_of(SERVICES[0])} and its like"


class Databases:
    """A connection to each service's database."""

    def __init__(self, connections: Mapping[str, asyncpg.Connection]) -> None:
        self._connections = connections

    @classmethod
    @asynccontextmanager
    async def open(cls, urls: Mapping[str, str]) -> AsyncIterator["Databases"]:
        """Connect for the block. Whatever the role may do, the session is read-only."""
        async with AsyncExitStack() as stack:
            connections = {}
            for name, url in urls.items():
                connection = await asyncpg.connect(
                    url,
                    timeout=CONNECT_SECONDS,
                    command_timeout=STATEMENT_SECONDS,
                    server_settings={"default_transaction_read_only": "on", "application_name": "verify"},
                )
                stack.push_async_callback(connection.close)
                connections[name] = connection
            yield cls(connections)

    async def fetch(self, service: str, sql: str, *args: object) -> list[Row]:
        """Run one statement in a service's database and return its rows."""
        return [dict(row) for row in await self._connections[service].fetch(sql, *args)]

    async def value(self, service: str, sql: str, *args: object) -> Any:  # noqa: ANN401 - whatever the column holds
        """Run one statement in a service's database and return its first value."""
        return await self._connections[service].fetchval(sql, *args)
