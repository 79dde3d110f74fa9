"""What becomes of rows that are at the broker: kept for a day as evidence, then deleted."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

import asyncpg

KEPT_FOR = timedelta(hours=24)  # long enough for the invariant "published, hence received" to look back over a night
DELETE_BATCH = 2_000  # some 20 ms of locks and WAL at a time

DELETE_PUBLISHED = """
DELETE FROM outbox WHERE id IN (SELECT id FROM outbox WHERE published_at < $1 ORDER BY published_at LIMIT $2)
"""

PUBLISHED_BETWEEN = """
SELECT (headers->>'ce_id')::uuid AS id, headers->>'ce_type' AS type, topic, published_at FROM outbox
WHERE published_at >= $1 AND published_at < $2 AND value IS NOT NULL ORDER BY id
"""


@dataclass(frozen=True, slots=True)
class PublishedEvent:
    """An event that the broker has acknowledged."""

    id: UUID
    type: str
    topic: str
    published_at: datetime


async def delete_published(connection: asyncpg.Connection, *, before: datetime) -> int:
    """Delete one batch of the rows published before ``before`` and return its size; less than a batch means done."""
    tag = await connection.execute(DELETE_PUBLISHED, before, DELETE_BATCH)
    return int(tag.split()[-1])


async def published_between(
    connection: asyncpg.Connection, *, since: datetime, until: datetime
) -> Sequence[PublishedEvent]:
    """List the events published in a span of real time, tombstones left out.

    The publisher's half of the invariant that every event reached each group that lists its type;
    ``common.inbox.missing_events`` is the consumer's.
    """
    rows = await connection.fetch(PUBLISHED_BETWEEN, since, until)
    return [PublishedEvent(row["id"], row["type"], row["topic"], row["published_at"]) for row in rows]
