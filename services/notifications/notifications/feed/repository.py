"""The SQL of the log."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

import asyncpg

from common.database import UnitOfWork
from notifications.feed.models import LoggedEvent
from notifications.feed.rules import Wanted

FEED_LOCK = 7_301_441_902  # the one advisory lock under which positions are given

# Held until the commit: whoever sees position n has seen every smaller one that there will ever be.
LOCK = "SELECT pg_advisory_xact_lock($1)"
APPEND = """
INSERT INTO event_log (event_id, type, subject, sequence, happened_at, body, public_body, logged_at)
SELECT event_id, type, subject, sequence, happened_at, body, public_body, $8
FROM unnest($1::uuid[], $2::text[], $3::uuid[], $4::bigint[], $5::timestamptz[], $6::bytea[], $7::bytea[])
    WITH ORDINALITY AS e(event_id, type, subject, sequence, happened_at, body, public_body, place)
ORDER BY place
ON CONFLICT (event_id) DO NOTHING
"""

# The floor is the last position that was deleted, the head the last one given: an emptied log still knows both.
EDGES = """
SELECT f.position AS floor, greatest(f.position, (SELECT max(position) FROM event_log)) AS head
FROM event_log_floor AS f
"""

FOUND: Final = "SELECT position FROM event_log WHERE position > $1 ORDER BY position LIMIT $2"
FOUND_OF_TYPES: Final = """
SELECT each.position FROM unnest($5::text[]) AS wanted(type) CROSS JOIN LATERAL (
    SELECT position FROM event_log WHERE type = wanted.type AND position > $1 ORDER BY position LIMIT $2
) AS each ORDER BY each.position LIMIT $2
"""
FOUND_OF_SUBJECT: Final = """
SELECT position FROM event_log
WHERE subject = $6 AND position > $1 AND ($5::text[] IS NULL OR type = ANY($5)) ORDER BY position LIMIT $2
"""
# One statement, hence one snapshot: a page that is not cut short has seen everything up to the head.
PAGE: Final = """
WITH edges AS ({edges}), found AS ({found}), sized AS (
    SELECT e.position, CASE WHEN $3 THEN e.body ELSE e.public_body END AS body,
        sum(octet_length(CASE WHEN $3 THEN e.body ELSE e.public_body END))
            OVER (ORDER BY e.position ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS bytes_before
    FROM found JOIN event_log AS e USING (position)
)
SELECT edges.floor, edges.head, (SELECT count(*) FROM found) AS found, s.position, s.body
FROM edges LEFT JOIN sized AS s ON coalesce(s.bytes_before, 0) < $4 ORDER BY s.position
"""
PAGE_OF_ALL: Final = PAGE.format(edges=EDGES, found=FOUND)
PAGE_OF_TYPES: Final = PAGE.format(edges=EDGES, found=FOUND_OF_TYPES)
PAGE_OF_SUBJECT: Final = PAGE.format(edges=EDGES, found=FOUND_OF_SUBJECT)

READ_ON: Final = """
WITH sized AS (
    SELECT position, type, subject, body, public_body, sum(octet_length(body) + octet_length(public_body))
        OVER (ORDER BY position ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS bytes_before
    FROM (SELECT * FROM event_log WHERE position > $1 ORDER BY position LIMIT $2) AS next
)
SELECT position, type, subject, body, public_body FROM sized WHERE coalesce(bytes_before, 0) < $3 ORDER BY position
"""

NEWEST_OF_EACH: Final = """
SELECT wanted.type, newest.public_body FROM unnest($1::text[]) AS wanted(type) CROSS JOIN LATERAL (
    SELECT public_body FROM event_log WHERE type = wanted.type ORDER BY position DESC LIMIT 1
) AS newest
"""

# The oldest in a row: a younger one in between, from a transaction that was slow, keeps what is behind it.
FORGET: Final = """
WITH oldest AS (
    SELECT position, logged_at FROM event_log ORDER BY position LIMIT $2
), gone AS (
    DELETE FROM event_log AS e USING oldest AS o
    WHERE e.position = o.position
        AND o.position < coalesce((SELECT min(position) FROM oldest WHERE logged_at >= $1), 9223372036854775807)
    RETURNING e.position
)
UPDATE event_log_floor AS f SET
    position = greatest(f.position, (SELECT max(position) FROM gone)), logged_before = greatest(f.logged_before, $1)
WHERE EXISTS (SELECT FROM gone)
RETURNING (SELECT count(*) FROM gone)
"""

Fetch = Callable[..., Awaitable[Sequence[asyncpg.Record]]]
"""Runs a statement with its arguments: of a unit of work, a connection or a pool."""


@dataclass(frozen=True, slots=True)
class Edges:
    """What the log holds: positions above ``floor``, up to ``head``."""

    floor: int
    head: int


@dataclass(frozen=True, slots=True)
class LogPage:
    """Some events and where to go on; ``more`` tells whether others were there already."""

    items: tuple[tuple[int, bytes], ...]
    next: int
    more: bool
    edges: Edges


@dataclass(frozen=True, slots=True)
class LogRow:
    """An event with its position, in both its forms."""

    position: int
    type: str
    subject: UUID
    body: bytes
    public_body: bytes


class EventLog:
    """Writes the log."""

    def __init__(self, uow: UnitOfWork) -> None:
        self._uow = uow

    async def append(self, events: Sequence[LoggedEvent]) -> None:
        """Give the events their positions. Belongs at a transaction's end: others wait for it from here on."""
        await self._uow.execute(LOCK, FEED_LOCK)
        await self._uow.execute(
            APPEND,
            [event.event_id for event in events],
            [event.type for event in events],
            [event.subject for event in events],
            [event.sequence for event in events],
            [event.happened_at for event in events],
            [event.body for event in events],
            [event.public_body for event in events],
            self._uow.now,
        )

    async def forget(self, *, logged_before: datetime, most: int) -> int:
        """Delete the oldest events, at most so many. Returns how many there were."""
        deleted: int | None = await self._uow.fetchval(FORGET, logged_before, most)
        return deleted or 0


class LogReader:
    """Reads the log; each call is one statement."""

    def __init__(self, fetch: Fetch) -> None:
        self._fetch = fetch

    async def edges(self) -> Edges:
        """Tell what the log holds."""
        (row,) = await self._fetch(EDGES)
        return Edges(row["floor"], row["head"])

    async def page(self, after: int, wanted: Wanted, *, limit: int, most_bytes: int, personal_data: bool) -> LogPage:
        """Read what is wanted behind ``after``: at most ``limit`` events, the last one goes past ``most_bytes``."""
        given = (after, limit + 1, personal_data, most_bytes)
        types = None if wanted.types is None else sorted(wanted.types)
        if wanted.subject is not None:
            rows = await self._fetch(PAGE_OF_SUBJECT, *given, types, wanted.subject)
        elif types is not None:
            rows = await self._fetch(PAGE_OF_TYPES, *given, types)
        else:
            rows = await self._fetch(PAGE_OF_ALL, *given)
        edges, found = Edges(rows[0]["floor"], rows[0]["head"]), rows[0]["found"]
        items = tuple((row["position"], row["body"]) for row in rows if row["position"] is not None)[:limit]
        more = len(items) < found
        return LogPage(items, items[-1][0] if more else max(edges.head, after), more, edges)

    async def read_on(self, after: int, *, limit: int, most_bytes: int) -> list[LogRow]:
        """Read everything behind ``after``, in both forms, bounded as a page is."""
        return [LogRow(*row) for row in await self._fetch(READ_ON, after, limit, most_bytes)]

    async def newest_of_each(self, types: Sequence[str]) -> Mapping[str, bytes]:
        """Return the newest event of each type that there is, without personal data."""
        return {row["type"]: row["public_body"] for row in await self._fetch(NEWEST_OF_EACH, list(types))}
