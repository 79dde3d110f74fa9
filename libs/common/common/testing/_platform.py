"""Real PostgreSQL and Kafka, started once a run and only when a test asks for them.

``python -m common.testing.shared_platform FILE`` keeps a pair running and writes where it is; with
``TEST_PLATFORM=FILE`` runs use that pair instead of starting their own. Each run has names of its own either way.
"""

import os
import secrets
import tempfile
from contextlib import ExitStack
from functools import cached_property
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import orjson

from common.database import migrate
from quartermaster_local.kafka import Kafka
from quartermaster_local.postgres import Postgres

POSTGRES_SETTINGS = {"full_page_writes": "off", "max_wal_size": "2GB"}
HASTY = {"synchronous_commit": "off"}  # a killed server loses its last commits
PLATFORM_FILE = "TEST_PLATFORM"


class Platform:
    """PostgreSQL and Kafka of a test run, with this run's own databases and topic namespace."""

    def __init__(self, *, durable: bool = False) -> None:
        """With ``durable``, what PostgreSQL has committed outlives its own death, though not the machine's."""
        self._postgres_settings = POSTGRES_SETTINGS if durable else POSTGRES_SETTINGS | HASTY
        self.run = f"t{secrets.token_hex(4)}"
        self._stack = ExitStack()
        self._templates: dict[str, str] = {}
        self._databases = 0
        shared = os.environ.get(PLATFORM_FILE)
        self._shared: dict[str, str] = orjson.loads(Path(shared).read_bytes()) if shared else {}

    @cached_property
    def _folder(self) -> Path:
        return Path(self._stack.enter_context(tempfile.TemporaryDirectory(prefix="quartermaster-")))

    @cached_property
    def postgres_process(self) -> Postgres:
        """The server itself, for drills that stop it; never a shared one."""
        server = Postgres.start(
            self._folder / "postgres",
            superuser_password=secrets.token_urlsafe(),
            fsync=False,
            settings=self._postgres_settings,
        )
        self._stack.callback(server.stop)
        return server

    def restart_postgres(self, *, kill: bool = False) -> None:
        """Stop the server, or ``kill`` it, and start it on the same data and port; never a shared one."""
        before = self.postgres_process
        if kill:
            before.kill()
        else:
            before.stop()
        after = Postgres.start(
            self._folder / "postgres",
            superuser_password=urlsplit(before.dsn()).password or "",
            port=before.port,
            fsync=False,
            settings=self._postgres_settings,
        )
        self._stack.callback(after.stop)
        self.postgres_process = after

    @cached_property
    def kafka_process(self) -> Kafka:
        """The broker itself, for drills that stop it; never a shared one."""
        broker = Kafka.start(self._folder / "kafka")
        self._stack.callback(broker.stop)
        return broker

    def restart_kafka(self) -> None:
        """Kill the broker and start it on the same data and port; never a shared one."""
        before = self.kafka_process
        before.kill()
        after = Kafka.start(self._folder / "kafka", port=before.port)
        self._stack.callback(after.stop)
        self.kafka_process = after

    @cached_property
    def superuser_url(self) -> str:
        """Where PostgreSQL is, as its superuser."""
        return self._shared.get("postgres") or self.postgres_process.dsn()

    @cached_property
    def bootstrap(self) -> str:
        """Where Kafka is."""
        return self._shared.get("kafka") or self.kafka_process.bootstrap

    def publish(self, where: Path | None = None) -> Path:
        """Write down where both are, for other runs to use; returns the file."""
        target = where or self._folder / "platform.json"
        target.touch(mode=0o600)
        target.write_bytes(orjson.dumps({"postgres": self.superuser_url, "kafka": self.bootstrap}))
        return target

    def url_of(self, database: str) -> str:
        """Return the URL of a database, as superuser."""
        parts = urlsplit(self.superuser_url)
        return urlunsplit(parts._replace(path=f"/{database}"))

    async def new_database(self, migrations: str | None) -> str:
        """Make a database, migrated where ``migrations`` names a package, and return its URL.

        Migrations run once a run and package; every further database is a copy, which takes 30 ms.
        """
        self._databases += 1
        name = f"{self.run}_{self._databases}"
        template = await self._template(migrations) if migrations else None
        await self._create(name, template)
        return self.url_of(name)

    async def _template(self, migrations: str) -> str:
        if migrations not in self._templates:
            name = f"{self.run}_{migrations.split('.', maxsplit=1)[0]}_template"
            await self._create(name, None)
            await migrate(self.url_of(name), migrations)
            self._templates[migrations] = name
        return self._templates[migrations]

    async def _create(self, name: str, template: str | None) -> None:
        connection = await asyncpg.connect(self.superuser_url)
        try:
            suffix = f'TEMPLATE "{template}" STRATEGY FILE_COPY' if template else ""
            await connection.execute(f'CREATE DATABASE "{name}" {suffix}')
        finally:
            await connection.close()

    async def drop_databases(self) -> None:
        """Drop this run's databases where the server outlives the run."""
        if "postgres" not in self._shared:
            return
        connection = await asyncpg.connect(self.superuser_url)
        try:
            names = await connection.fetch("SELECT datname FROM pg_database WHERE starts_with(datname, $1)", self.run)
            for (name,) in names:
                await connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)')
        finally:
            await connection.close()

    def close(self) -> None:
        """Stop what this run started."""
        self._stack.close()
