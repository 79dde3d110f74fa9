"""Counts what a route sends to PostgreSQL: the one measure of speed that has no noise."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from sqlalchemy import event

from common.database import Database
from common.database._engine import READ_OFFSET

UNCOUNTED = frozenset({READ_OFFSET})  # only with a test clock
DRIVERS_OWN = ("typeinfo_tree", "set_config('jit'")  # asyncpg learns a type once a connection, whoever uses it first


class StatementCount:
    """What was sent inside the block, in order; each is one round trip."""

    def __init__(self) -> None:
        self.statements: list[str] = []

    @property
    def total(self) -> int:
        """How many round trips, BEGIN and COMMIT included."""
        return len(self.statements)


class StatementCounter:
    """Listens to every connection of a database."""

    def __init__(self, database: Database) -> None:
        self._counts: list[StatementCount] = []
        event.listen(database.engine.sync_engine, "connect", self._listen)

    def _listen(self, adapted: Any, _: object) -> None:  # noqa: ANN401 - SQLAlchemy's adapter
        adapted.driver_connection.add_query_logger(self._note)

    def _note(self, logged: Any) -> None:  # noqa: ANN401 - asyncpg's record
        drivers_own = any(mark in logged.query for mark in DRIVERS_OWN)
        if logged.query not in UNCOUNTED and not drivers_own:
            for count in self._counts:
                count.statements.append(" ".join(logged.query.split()))

    @asynccontextmanager
    async def counting(self) -> AsyncIterator[StatementCount]:
        """Count inside the block."""
        await self._let_reports_arrive()  # of what was sent before
        count = StatementCount()
        self._counts.append(count)
        try:
            yield count
            await self._let_reports_arrive()
        finally:
            self._counts.remove(count)

    @staticmethod
    async def _let_reports_arrive() -> None:
        """Turn the loop, through which asyncpg reports."""
        await asyncio.sleep(0)
        await asyncio.sleep(0)
