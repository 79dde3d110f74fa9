"""Counts searches in memory and writes the sums down later, so that a search waits for no write.

A process that is killed loses what it counted since it last wrote: some seconds, of figures that nobody bills by.
"""

import asyncio
from dataclasses import dataclass
from time import monotonic

import asyncpg

from catalog.querylog.repository import Counts, add_counts
from catalog.querylog.rules import normalised
from common.database import Database
from common.problems import Unavailable
from common.telemetry import logger

LOG = logger(__name__)

MOST_QUERIES = 5_000  # different ones between two writes; some 1 MB. What comes beyond is not counted
WRITE_AFTER_SECONDS = 60.0  # where no sweep does: a process may have the role `http` alone


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a search ended: whether it found anything, and whether only after a typo was mended."""

    found: bool
    corrected: bool


class SearchLog:
    """The searches that this process has answered and not yet written down."""

    def __init__(self, database: Database, *, zone: str) -> None:
        self._database = database
        self._zone = zone
        self._counts: dict[str, Counts] = {}
        self._written_at = monotonic()
        self._writing: asyncio.Task[int] | None = None

    def note(self, query: str, outcome: Outcome) -> None:
        """Count a search."""
        text = normalised(query)
        if text is None or (text not in self._counts and len(self._counts) >= MOST_QUERIES):
            return
        known = self._counts.get(text, Counts())
        self._counts[text] = Counts(
            known.searches + 1, known.zero_results + (not outcome.found), known.corrected + outcome.corrected
        )
        if monotonic() - self._written_at > WRITE_AFTER_SECONDS and (self._writing is None or self._writing.done()):
            self._writing = asyncio.create_task(self._write_quietly())

    async def write(self) -> int:
        """Write down what was counted; returns how many queries that were. On an error they stay counted."""
        counts, self._counts = self._counts, {}
        self._written_at = monotonic()
        if not counts:
            return 0
        try:
            async with self._database.uow() as uow:
                await add_counts(uow, counts, zone=self._zone)
        except BaseException:
            for query, each in self._counts.items():
                counts[query] = counts.get(query, Counts()).plus(each)
            self._counts = counts
            raise
        return len(counts)

    async def _write_quietly(self) -> int:
        try:
            return await self.write()
        except (Unavailable, OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
            LOG.warning("search_log.not_written", error=str(error))  # what was counted stays; a later write takes it
            return 0

    async def close(self) -> None:
        """Write down the rest."""
        if self._writing is not None:
            await self._writing
        await self._write_quietly()
