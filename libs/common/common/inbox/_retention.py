"""How long the inbox remembers, and questions about what it has seen."""

from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

from common.database import Database, UnitOfWork

KEPT_FOR = timedelta(days=35)  # longer than any topic but the compacted ones, and than a restored backup is old
DELETE_BATCH = 5_000

DELETE_OLD = """
DELETE FROM inbox WHERE ctid = ANY(ARRAY(SELECT ctid FROM inbox WHERE received_at < $1 LIMIT $2))
"""
MISSING = """
SELECT id FROM unnest($2::uuid[]) AS id
WHERE NOT EXISTS (SELECT FROM inbox WHERE consumer = $1 AND event_id = id)
    AND NOT EXISTS (SELECT FROM dead_letter WHERE consumer = $1 AND event_id = id)
"""
FORGET_CLAIMS = "DELETE FROM inbox WHERE consumer = $1"
FORGET_OFFSETS = """DELETE FROM consumer_offset WHERE "group" = $1"""


async def delete_old_claims(database: Database, *, kept_for: timedelta = KEPT_FOR, batch: int = DELETE_BATCH) -> int:
    """Delete inbox rows older than ``kept_for`` of real time, a batch a transaction. Returns how many there were."""
    before = database.clock.now() - kept_for
    deleted = 0
    while True:
        async with database.acquire() as connection:
            count = int((await connection.execute(DELETE_OLD, before, batch)).split()[-1])
        deleted += count
        if count < batch:
            return deleted


async def missing_events(uow: UnitOfWork, *, group: str, event_ids: Sequence[UUID]) -> list[UUID]:
    """Tell which of the events ``group`` has neither in its inbox nor among its dead letters.

    The consumer's half of the invariant whose other half is ``common.outbox.published_between``.
    """
    return [row["id"] for row in await uow.fetch(MISSING, group, list(event_ids))]


async def forget_group(uow: UnitOfWork, *, group: str, namespace: str) -> None:
    """Let a projection start anew from the beginning of its topics. Its processes must be stopped meanwhile."""
    await uow.execute(FORGET_CLAIMS, group)
    await uow.execute(FORGET_OFFSETS, f"{namespace}.{group}" if namespace else group)
