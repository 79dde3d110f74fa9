"""Bringing a database to head: one runner at a time, one transaction a revision.

Revisions are dated files in ``<service>/migrations/versions``, shipped inside the package, so that an installed wheel
migrates without the repository.
"""

from collections.abc import Awaitable, Callable
from hashlib import blake2b

from alembic.config import Config
from alembic.runtime.environment import EnvironmentContext
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

DDL_LOCK_TIMEOUT = "3s"  # a migration that waits for a table longer would make everyone behind it wait too


def _scripts(package: str) -> ScriptDirectory:
    config = Config()
    config.set_main_option("script_location", package.replace(".", ":", 1).replace(".", "/"))
    config.set_main_option("path_separator", "os")
    return ScriptDirectory.from_config(config)


def _lock_number(package: str) -> int:
    return int.from_bytes(blake2b(f"migrate {package}".encode(), digest_size=8).digest(), signed=True)


def _upgrade(connection: Connection, package: str) -> None:
    scripts = _scripts(package)
    config = Config()
    with EnvironmentContext(
        config,
        scripts,
        fn=lambda revision, _: scripts._upgrade_revs("head", revision),  # noqa: SLF001 - what alembic's own command calls
    ) as environment:
        environment.configure(connection=connection, transaction_per_migration=True)
        with environment.begin_transaction():
            connection.execute(text(f"SET LOCAL lock_timeout = '{DDL_LOCK_TIMEOUT}'"))
            environment.run_migrations()


async def migrate(url: str, package: str, *, then: Callable[[], Awaitable[None]] | None = None) -> None:
    """Bring the database at ``url`` to the head of ``package`` (such as ``orders.migrations``).

    A second runner waits: the lock is taken without a lock time-out, on a connection of its own.
    """
    engine = create_async_engine(url.replace("postgresql://", "postgresql+asyncpg://", 1))
    try:
        async with engine.connect() as holder:
            await holder.execute(text("SET lock_timeout = 0"))
            await holder.execute(text("SELECT pg_advisory_lock(:number)"), {"number": _lock_number(package)})
            await holder.commit()
            async with engine.connect() as connection:
                await connection.run_sync(_upgrade, package)
                await connection.commit()
            if then is not None:
                await then()
    finally:
        await engine.dispose()


async def at_head(engine: AsyncEngine, package: str) -> bool:
    """Tell whether the database has every revision of ``package``."""
    head = _scripts(package).get_current_head()
    async with engine.connect() as connection:
        current: str | None = await connection.run_sync(
            lambda sync: MigrationContext.configure(sync).get_current_revision()
        )
    return current == head
