"""Tells all processes that the log has grown.

The NOTIFY goes out after the commit, on a connection in autocommit, a burst as one: inside the transactions that append
it would make them wait for each other's commit. It may get lost; whoever listens also looks from time to time.
"""

import asyncio

import asyncpg

from common.database import Database
from common.problems import Unavailable
from common.telemetry import logger

LOG = logger(__name__)

CHANNEL = "event_log"
LINGER_SECONDS = 0.005


class Bell:
    """Rings at most once in ``LINGER_SECONDS``."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._rung = False
        self._task: asyncio.Task[None] | None = None

    def ring(self) -> None:
        """Say that something was committed."""
        self._rung = True
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._tell(), name="event log bell")

    async def _tell(self) -> None:
        while self._rung:
            await asyncio.sleep(LINGER_SECONDS)
            self._rung = False
            try:
                async with self._database.acquire() as connection:
                    await connection.execute(f"NOTIFY {CHANNEL}")
            except (Unavailable, OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
                LOG.warning("bell.not_heard", error=repr(error))

    async def close(self) -> None:
        """Stop."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
