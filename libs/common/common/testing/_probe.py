"""What a service has announced: the committed rows of its outbox, read as a consumer would read them."""

from uuid import UUID

import orjson

from common.database import Database
from common.events import CONTRACTS, Event, EventContract, Tombstone, decode_record, encode_key, topics_of

READ = """
SELECT topic, key, headers, value FROM outbox WHERE ($1::uuid IS NULL OR key = $1) ORDER BY id
"""
TOPICS = {topic.name: topic for topic in topics_of(CONTRACTS)}


class EventProbe:
    """Looks into one service's outbox."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def everything(self, *, key: UUID | str | None = None) -> list[Event[EventContract] | Tombstone]:
        """Return all events and tombstones, oldest first. An event that no consumer could read fails the test."""
        async with self._database.acquire() as connection:
            rows = await connection.fetch(READ, UUID(str(key)) if key is not None else None)
        found: list[Event[EventContract] | Tombstone] = []
        for row in rows:
            record = decode_record(
                TOPICS[row["topic"]], orjson.loads(row["headers"]), encode_key(row["key"]), row["value"]
            )
            assert isinstance(record, Event | Tombstone), f"unknown event in the outbox: {record}"
            found.append(record)
        return found

    async def events(self, *types: str, key: UUID | str | None = None) -> list[Event[EventContract]]:
        """Return the events of ``types`` (all where none is given), oldest first."""
        found = await self.everything(key=key)
        return [event for event in found if isinstance(event, Event) and (not types or event.type in types)]
