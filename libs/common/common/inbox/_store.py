"""The inbox's SQL. Every statement runs in the transaction of the effects it stands for."""

from collections.abc import Mapping, Sequence
from uuid import UUID

import orjson

from common.database import Database, UnitOfWork, uuid7
from common.inbox._records import Batch, Record

CLAIM = """
WITH stored AS (
    INSERT INTO consumer_offset AS o ("group", topic, partition, next)
    SELECT $4, p.* FROM unnest($5::text[], $6::int[], $7::bigint[]) AS p
    ON CONFLICT ("group", topic, partition) DO UPDATE SET next = excluded.next
)
INSERT INTO inbox (consumer, event_id, received_at)
SELECT $1, id, $3 FROM unnest($2::uuid[]) AS id ORDER BY id
ON CONFLICT DO NOTHING RETURNING event_id
"""

OFFSETS = 'SELECT topic, partition, next FROM consumer_offset WHERE "group" = $1'

BURY = """
INSERT INTO dead_letter (id, consumer, event_id, type, topic, partition, "offset", key, headers, value, error, attempts,
    status, created_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9::jsonb, $10, $11, $12, 'open', $13)
ON CONFLICT (consumer, event_id) DO NOTHING
"""

OPEN_LETTERS = "SELECT count(*) FROM dead_letter WHERE consumer = $1 AND status = 'open'"

ERROR_LENGTH = 4_000


async def claim_and_advance(
    uow: UnitOfWork, *, consumer: str, physical_group: str, topic_names: Mapping[str, str], batches: Sequence[Batch]
) -> set[UUID]:
    """Claim the batches' events and store the offsets behind them, in one round trip. Returns the ids that are new.

    Claimed in the order of their ids, so that two processes that meet over the same events wait, not deadlock.
    """
    ids = [record.event_id for batch in batches for record in batch.records if not record.is_tombstone]
    rows = await uow.fetch(
        CLAIM,
        consumer,
        ids,
        uow.database.clock.now(),
        physical_group,
        [topic_names[batch.place.topic.name] for batch in batches],
        [batch.place.partition for batch in batches],
        [batch.next for batch in batches],
    )
    return {row["event_id"] for row in rows}


async def stored_offsets(database: Database, physical_group: str) -> dict[tuple[str, int], int]:
    """Read where the group stands: (topic on the broker, partition) -> next offset."""
    rows = await database.uow().single(OFFSETS, physical_group)
    return {(row["topic"], row["partition"]): row["next"] for row in rows}


async def bury(uow: UnitOfWork, *, consumer: str, record: Record, error: str, attempts: int) -> None:
    """Write the dead letter. PostgreSQL has no NUL in text, and a poison record may: it is replaced."""
    headers = {_printable(name): _printable(value) for name, value in record.headers.items()}
    await uow.execute(
        BURY,
        uuid7(),
        consumer,
        record.event_id,
        _printable(record.type),
        record.place.topic.name,
        record.place.partition,
        record.offset,
        record.key_id,
        orjson.dumps(headers).decode(),
        record.value,
        _printable(error)[:ERROR_LENGTH],
        attempts,
        uow.database.clock.now(),
    )


async def open_letters(database: Database, consumer: str) -> int:
    """Count the group's letters that nobody has dealt with."""
    row = await database.uow().single_row(OPEN_LETTERS, consumer)
    return int(row["count"]) if row is not None else 0


def _printable(text: str) -> str:
    return text.replace("\x00", "\ufffd")
