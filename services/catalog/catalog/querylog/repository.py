"""SQL of the query log."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final
from zoneinfo import ZoneInfo

import asyncpg

from common.database import Database, UnitOfWork

KEPT_FOR: Final = timedelta(days=180)

ADD = """
INSERT INTO search_log AS l (day, query, searches, zero_results, corrected)
SELECT $1, n.* FROM unnest($2::text[], $3::bigint[], $4::bigint[], $5::bigint[]) AS n ORDER BY 2
ON CONFLICT (day, query) DO UPDATE SET searches = l.searches + excluded.searches,
    zero_results = l.zero_results + excluded.zero_results, corrected = l.corrected + excluded.corrected
"""
FORGET = """
DELETE FROM search_log WHERE (day, query) IN (SELECT day, query FROM search_log WHERE day < $1 LIMIT 5000)
"""
# $1, $2 first and last day · $3 only what found nothing · $4 limit
TOP = """
WITH asked AS MATERIALIZED (
    SELECT query, sum(searches)::bigint AS searches, sum(zero_results)::bigint AS zero_results,
        sum(corrected)::bigint AS corrected
    FROM search_log WHERE day BETWEEN $1 AND $2 GROUP BY query
), shown AS (
    SELECT * FROM asked WHERE NOT $3::boolean OR zero_results > 0
    ORDER BY CASE WHEN $3 THEN zero_results ELSE searches END DESC, query LIMIT $4
)
SELECT t.searches AS all_searches, t.zero_results AS all_zero_results, t.corrected AS all_corrected, s.*
FROM (
    SELECT coalesce(sum(searches), 0)::bigint AS searches, coalesce(sum(zero_results), 0)::bigint AS zero_results,
        coalesce(sum(corrected), 0)::bigint AS corrected
    FROM asked
) AS t LEFT JOIN shown AS s ON true
ORDER BY CASE WHEN $3 THEN s.zero_results ELSE s.searches END DESC, s.query
"""


@dataclass(frozen=True, slots=True)
class Counts:
    """How often a query was sent, found nothing, and was searched as something else."""

    searches: int = 0
    zero_results: int = 0
    corrected: int = 0

    def plus(self, other: "Counts") -> "Counts":
        """Add two."""
        return Counts(
            self.searches + other.searches, self.zero_results + other.zero_results, self.corrected + other.corrected
        )


async def add_counts(uow: UnitOfWork, counts: Mapping[str, Counts], *, zone: str) -> None:
    """Add to the counts of the shop's present day."""
    await uow.execute(
        ADD,
        uow.now.astimezone(ZoneInfo(zone)).date(),
        list(counts),
        [each.searches for each in counts.values()],
        [each.zero_results for each in counts.values()],
        [each.corrected for each in counts.values()],
    )


async def forget_old(database: Database) -> int:
    """Delete what was searched more than 180 days ago, 5,000 at a time; returns how many went."""
    async with database.uow() as uow:
        tag = await uow.execute(FORGET, (uow.now - KEPT_FOR).date())
    return int(tag.split()[-1])


async def top_queries(
    uow: UnitOfWork, *, first: date, last: date, zero_results: bool, limit: int
) -> Sequence[asyncpg.Record]:
    """Read the sums of a period with its most frequent queries: at least one row, whose query may be null."""
    return await uow.single(TOP, first, last, zero_results, limit)
