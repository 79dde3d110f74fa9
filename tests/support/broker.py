"""Kafka as a stranger sees it: puts events there once more, and waits until every group is past them."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

import orjson
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from common.database import uuid7
from common.events import encode_key, to_kafka
from common.testing._keys import NAMES
from common.testing.suite import Suite, until

PUBLISHED = """
SELECT topic, key, headers, value FROM outbox
WHERE published_at IS NOT NULL AND ($1::uuid IS NULL OR key = $1) AND ($2::text IS NULL OR headers ->> 'ce_type' = $2)
ORDER BY id
"""
UNSAY = """
WITH forgotten AS (DELETE FROM event_log WHERE event_id = $1::text::uuid RETURNING event_id)
DELETE FROM inbox USING forgotten WHERE inbox.event_id = forgotten.event_id RETURNING inbox.event_id
"""
BEHIND = 'SELECT "group" FROM consumer_offset WHERE topic = $1 AND partition = $2 AND next <= $3'


@dataclass(frozen=True, slots=True)
class Record:
    """An event as it was published."""

    topic: str
    key: UUID
    headers: dict[str, str]
    value: bytes

    def as_another(self, *, sequence: int | None = None, **changes: Any) -> "Record":  # noqa: ANN401 - a JSON document
        """An event that nobody has seen yet, with changes to its object and, if given, another place in the row."""
        headers = self.headers | {"ce_id": str(uuid7())}
        if sequence is not None:
            headers["ce_sequence"] = f"{sequence:020d}"
        data = orjson.loads(self.value)
        data["object"] |= changes
        return replace(self, headers=headers, value=orjson.dumps(data))


async def published(suite: Suite, service: str, *, key: str | None = None, kind: str | None = None) -> list[Record]:
    """What a service has published, oldest first."""
    rows = await suite.rows(service, PUBLISHED, UUID(key) if key is not None else None, kind)
    return [Record(row["topic"], row["key"], orjson.loads(row["headers"]), row["value"]) for row in rows]


async def send(suite: Suite, records: Sequence[Record]) -> None:
    """Put records on their topics and wait until every group that listens has passed them."""
    async with AIOKafkaProducer(bootstrap_servers=suite.platform.bootstrap, enable_idempotence=True) as producer:
        sent = [
            await producer.send_and_wait(
                f"{suite.namespace}.{record.topic}",
                record.value,
                key=encode_key(record.key),
                headers=to_kafka(record.headers),
            )
            for record in records
        ]
    for each in sent:
        await passed(suite, each.topic, each.partition, each.offset)


async def unsay(suite: Suite, records: Sequence[Record]) -> None:
    """Take what no service ever said out of the log of events, whose order it breaks for good."""
    for record in records:
        assert await suite.rows("notifications", UNSAY, record.headers["ce_id"])


async def passed(suite: Suite, topic: str, partition: int, offset: int) -> None:
    """Wait until no group that has read this partition stands at or before ``offset``."""

    async def all_past() -> bool:
        return not [row for name in NAMES for row in await suite.rows(name, BEHIND, topic, partition, offset)]

    await until(all_past)


@asynccontextmanager
async def reader(suite: Suite) -> AsyncIterator[AIOKafkaConsumer]:
    """A consumer without a group."""
    consumer = AIOKafkaConsumer(bootstrap_servers=suite.platform.bootstrap)
    await consumer.start()
    try:
        yield consumer
    finally:
        await consumer.stop()


async def place_of(suite: Suite, topic: str, event_id: str) -> tuple[int, int]:
    """Find an event at the broker; returns partition and offset."""
    name = f"{suite.namespace}.{topic}"
    async with reader(suite) as consumer:
        partitions = [TopicPartition(name, number) for number in range(6)]
        consumer.assign(partitions)
        await consumer.seek_to_beginning(*partitions)
        ends = await consumer.end_offsets(partitions)
        while any([await consumer.position(each) < ends[each] for each in partitions]):
            for found in (await consumer.getmany(timeout_ms=500)).values():
                for record in found:
                    if dict(record.headers).get("ce_id") == event_id.encode():
                        return record.partition, record.offset
    raise LookupError(f"no event {event_id} on {name}")
