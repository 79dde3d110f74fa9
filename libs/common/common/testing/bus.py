"""A service of one table on real PostgreSQL and Kafka, to try relays and consumers on."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Protocol, cast
from uuid import UUID

import asyncpg
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.partitioner import DefaultPartitioner
from sqlalchemy.ext.asyncio import create_async_engine

from common.database import Aggregate, Database, UnitOfWork, platform, uuid7
from common.events import (
    GATEWAY_USER,
    NOTIFICATIONS_MESSAGE,
    Event,
    EventContract,
    Topic,
    create_topics,
    encode_key,
    from_kafka,
)
from common.events.contracts.notifications import MessageSent
from common.telemetry import Metrics
from common.testing._platform import Platform

DEADLINE_SECONDS = 30.0

TABLES = (
    "CREATE TABLE thing (id uuid PRIMARY KEY, event_sequence bigint NOT NULL)",
    "CREATE TABLE effect (place bigint GENERATED ALWAYS AS IDENTITY, event_id uuid, key uuid, sequence bigint)",
)


class Runs(Protocol):
    """A relay or a consumer runner."""

    async def run(self) -> None:
        """Run until cancelled."""


def example_of(contract: type[EventContract], key: UUID) -> EventContract:
    """The contract's own example, about another aggregate."""
    examples = cast("dict[str, Any]", contract.model_config["json_schema_extra"])["examples"]
    return contract.model_validate({**examples[0], "object": {**examples[0]["object"], "id": str(key)}})


async def note_effect(event: Event[Any], uow: UnitOfWork) -> None:
    """A handler whose effect can be counted."""
    await uow.execute(
        "INSERT INTO effect (event_id, key, sequence) VALUES ($1, $2, $3)", event.id, event.subject, event.sequence
    )


@dataclass
class Bus:
    """Publishes, runs relays and consumers, and looks at what came of it."""

    bootstrap: str
    namespace: str
    database: Database
    url: str
    metrics: Metrics = field(default_factory=lambda: Metrics("bus-test"))

    @property
    def place(self) -> dict[str, Any]:
        """What a relay or a runner is told about where it is."""
        return {
            "bootstrap_servers": self.bootstrap,
            "namespace": self.namespace,
            "metrics": self.metrics,
        }

    async def publish(
        self, count: int, *, key: UUID | None = None, contract: type[EventContract] = MessageSent
    ) -> list[UUID]:
        """Commit ``count`` events, each about an aggregate of its own unless a key is given."""
        keys = [key or uuid7() for _ in range(count)]
        async with self.database.uow() as uow:
            await uow.execute("INSERT INTO thing SELECT unnest($1::uuid[]), 0 ON CONFLICT DO NOTHING", keys)
            for each in keys:
                uow.publish(example_of(contract, each))
        return keys

    @staticmethod
    async def announce(uow: UnitOfWork, key: UUID, contract: type[EventContract] = MessageSent) -> None:
        """Publish one event in a unit of work of the caller's."""
        await uow.execute("INSERT INTO thing VALUES ($1, 0) ON CONFLICT DO NOTHING", key)
        uow.publish(example_of(contract, key))

    async def second_process(self) -> "Bus":
        """The same service in another process: a pool of its own, on the same database. The caller closes it."""
        database = Database.open(self.url, service="bus-test", aggregates=self.database.aggregates)
        return Bus(self.bootstrap, self.namespace, database, self.url)

    async def send_raw(self, topic: Topic, records: Sequence[dict[str, Any]]) -> None:
        """Put records on the topic as a stranger might."""
        async with AIOKafkaProducer(bootstrap_servers=self.bootstrap) as producer:
            for record in records:
                await producer.send_and_wait(topic.name_in(self.namespace), **record)

    @asynccontextmanager
    async def running(self, *parts: Runs) -> AsyncIterator[None]:
        """Run relays and consumers during the block; none may end by itself."""
        tasks = [asyncio.create_task(part.run()) for part in parts]
        try:
            yield
            if any(task.done() for task in tasks):
                raise AssertionError(tasks)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def rows(self, sql: str, *args: object) -> list[asyncpg.Record]:
        """Ask the database, outside the pool."""
        connection = await asyncpg.connect(self.url)
        try:
            rows: list[asyncpg.Record] = await connection.fetch(sql, *args)
            return rows
        finally:
            await connection.close()

    async def value(self, sql: str, *args: object) -> Any:  # noqa: ANN401 - whatever was asked for
        """Ask for one value."""
        return (await self.rows(sql, *args))[0][0]

    async def execute(self, sql: str) -> None:
        """Run statements, outside the pool."""
        connection = await asyncpg.connect(self.url)
        try:
            await connection.execute(sql)
        finally:
            await connection.close()

    async def until_rows(self, sql: str, *args: object, count: int) -> None:
        """Wait until a question has at least ``count`` rows."""

        async def there() -> bool:
            return len(await self.rows(sql, *args)) >= count

        await self.until(there)

    async def until_connected(self, application: str, count: int) -> None:
        """Wait for sessions of that name in this database."""
        sql = "SELECT FROM pg_stat_activity WHERE application_name = $1 AND datname = current_database()"
        await self.until_rows(sql, application, count=count)

    async def until_listening(self) -> None:
        """Wait until a relay leads and waits for work: the last thing it did was to look and find nothing."""
        sql = """SELECT FROM pg_stat_activity WHERE application_name = 'bus-test relay' AND state = 'idle'
            AND datname = current_database() AND query LIKE '%outbox%' AND query NOT LIKE 'LISTEN%'"""
        await self.until_rows(sql, count=1)

    async def effects(self) -> int:
        """How many effects there are."""
        count: int = await self.value("SELECT count(*) FROM effect")
        return count

    async def until(self, condition: Callable[[], Awaitable[bool]], *, seconds: float = DEADLINE_SECONDS) -> None:
        """Wait for a condition."""
        async with asyncio.timeout(seconds):
            while not await condition():  # noqa: ASYNC110 - rows do not call back
                await asyncio.sleep(0.02)

    async def until_effects(self, count: int, *, seconds: float = DEADLINE_SECONDS) -> None:
        """Wait for effects; more than expected fail later, by their count."""

        async def there() -> bool:
            return await self.effects() >= count

        await self.until(there, seconds=seconds)

    async def until_stored(self, total: int) -> None:
        """Wait until the groups' offsets add up to ``total``."""

        async def there() -> bool:
            found: int = await self.value("SELECT coalesce(sum(next), 0) FROM consumer_offset")
            return found >= total

        await self.until(there)

    async def until_committed(self, group: str, topic: Topic, total: int) -> None:
        """Wait until the offsets that Kafka itself has for a group add up to ``total``."""
        name = topic.name_in(self.namespace)
        options = {"bootstrap_servers": self.bootstrap, "group_id": group, "enable_auto_commit": False}
        async with AIOKafkaConsumer(**options) as asking:

            async def there() -> bool:
                offsets = [await asking.committed(TopicPartition(name, each)) for each in range(topic.partitions)]
                return sum(offset or 0 for offset in offsets) >= total

            await self.until(there)

    async def until_metric(self, name: str) -> None:
        """Wait until a gauge is above zero."""

        async def there() -> bool:
            lines = self.metrics.exposition().decode().splitlines()
            return any(line.startswith(name) and float(line.split()[-1]) > 0 for line in lines)

        await self.until(there)

    def same_partition(self, one: UUID, other: UUID) -> bool:
        """Whether two keys share a partition."""
        numbers = list(range(NOTIFICATIONS_MESSAGE.partitions))
        return bool(len({DefaultPartitioner()(encode_key(key), numbers, numbers) for key in (one, other)}) == 1)

    async def until_published(self, *, seconds: float = DEADLINE_SECONDS) -> None:
        """Wait until the outbox has nothing left to send."""

        async def none_left() -> bool:
            left: int = await self.value("SELECT count(*) FROM outbox WHERE published_at IS NULL")
            return left == 0

        await self.until(none_left, seconds=seconds)

    async def on_topic(self, topic: Topic) -> list[tuple[UUID, int]]:
        """Everything on a topic: key and sequence, in each partition's order."""
        found: list[tuple[UUID, int]] = []
        async with AIOKafkaConsumer(bootstrap_servers=self.bootstrap) as consumer:
            name = topic.name_in(self.namespace)
            partitions = [TopicPartition(name, number) for number in range(topic.partitions)]
            consumer.assign(partitions)
            await consumer.seek_to_beginning(*partitions)
            ends = await consumer.end_offsets(partitions)
            for partition in partitions:
                while await consumer.position(partition) < ends[partition]:
                    for record in (await consumer.getmany(partition, timeout_ms=500)).get(partition, []):
                        headers = from_kafka(record.headers)
                        found.append((UUID(record.key.decode()), int(headers["ce_sequence"])))
        return found


@asynccontextmanager
async def bus_on(started: Platform, bootstrap: str) -> AsyncIterator[Bus]:
    """Make a database and topics that nobody else uses."""
    url = await started.new_database(None)
    engine = create_async_engine(url.replace("postgresql://", "postgresql+asyncpg://", 1))
    async with engine.begin() as connection:
        await connection.run_sync(platform.upgrade_to, 1)
        for statement in TABLES:
            await connection.exec_driver_sql(statement)
    await engine.dispose()
    namespace = f"t{secrets.token_hex(4)}"
    await create_topics(bootstrap, namespace, [NOTIFICATIONS_MESSAGE, GATEWAY_USER])
    aggregates = {topic.name: Aggregate("thing") for topic in (NOTIFICATIONS_MESSAGE, GATEWAY_USER)}
    database = Database.open(url, service="bus-test", aggregates=aggregates)
    try:
        yield Bus(bootstrap, namespace, database, url)
    finally:
        await database.close()
