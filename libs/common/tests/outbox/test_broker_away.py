"""The relay while the broker does not answer, is killed, and comes back."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from uuid import UUID

import pytest
from structlog.testing import capture_logs

from common.database import uuid7
from common.events import GATEWAY_USER, NOTIFICATIONS_MESSAGE, create_topics
from common.events.contracts.gateway import UserRegistered
from common.outbox import Relay, RelayTimes
from common.outbox._sender import OutboxRow, Sender
from common.testing import Platform
from common.testing.bus import Bus, bus_on
from quartermaster_local.kafka import Kafka

IMPATIENT = RelayTimes(takeover=0.3, ack=1, settle=0.3, last_pass=0.5)


def relay(bus: Bus) -> Relay:
    return Relay(bus.database, service="bus-test", instance="one", times=IMPATIENT, **bus.place)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "kafka"


@pytest.fixture
def broker(folder: Path) -> Iterator[Kafka]:
    started = Kafka.start(folder)
    yield started
    started.kill()


async def test_what_is_committed_while_the_broker_hangs_arrives_and_the_newest_is_last(
    stoppable: Bus, platform: Platform
) -> None:
    bus, key = stoppable, uuid7()

    async def gave_up() -> bool:
        return {"relay.producer_abandoned", "relay.broker_away"} <= {entry["event"] for entry in logs}

    with capture_logs() as logs:
        await hang(bus, key, platform, gave_up)
    found = [sequence for _, sequence in await bus.on_topic(GATEWAY_USER)]
    assert set(found) == set(range(1, 106))
    assert found[-1] == 105


async def hang(bus: Bus, key: UUID, platform: Platform, gave_up: Callable[[], Awaitable[bool]]) -> None:
    async with bus.running(relay(bus)):
        await bus.publish(5, key=key, contract=UserRegistered)
        await bus.until_published()
        platform.kafka_process.pause()
        for _ in range(20):
            await bus.publish(5, key=key, contract=UserRegistered)
        await bus.until(gave_up)
        assert await bus.value("SELECT count(*) FROM outbox WHERE published_at IS NULL") == 100
        platform.kafka_process.resume()
        await bus.until_published()


async def test_it_stops_in_time_while_the_broker_hangs(stoppable: Bus, platform: Platform) -> None:
    bus = stoppable
    loop = asyncio.get_running_loop()
    async with bus.running(relay(bus)):
        await bus.publish(1)
        await bus.until_published()
        platform.kafka_process.pause()
        await bus.publish(50)
        stopped_at = loop.time()
    assert loop.time() - stopped_at < 4


async def test_an_abandoned_producer_sends_nothing_more(stoppable: Bus, platform: Platform) -> None:
    """At most the one request that was on its way may still arrive, not what waited behind it."""
    bus, key = stoppable, uuid7()
    sender = Sender(bootstrap_servers=bus.bootstrap, namespace=bus.namespace, client_id="first", ack_timeout=1)
    await sender.start()
    assert (await sender.send([row(0, key)])).acked == [0]
    platform.kafka_process.pause()
    given_up = await sender.send([row(number, key) for number in range(1, 60)])
    await sender.abandon()
    platform.kafka_process.resume()
    assert given_up.unknown
    assert given_up.acked == []

    second = Sender(bootstrap_servers=bus.bootstrap, namespace=bus.namespace, client_id="second", ack_timeout=10)
    await second.start()
    assert (await second.send([row(100, key)])).acked == [100]
    await second.stop()
    assert len(await bus.on_topic(NOTIFICATIONS_MESSAGE)) <= 3


async def test_everything_arrives_when_the_broker_is_killed_and_started_again(
    broker: Kafka, folder: Path, platform: Platform
) -> None:
    async with bus_on(platform, broker.bootstrap) as bus:
        async with bus.running(relay(bus)):
            before = await bus.publish(20)
            await bus.until_published()
            broker.kill()
            during = await bus.publish(200)
            again = await asyncio.to_thread(Kafka.start, folder, port=broker.port)
            await create_topics(again.bootstrap, bus.namespace, [NOTIFICATIONS_MESSAGE])
            await bus.until_published()
        found = {key for key, _ in await bus.on_topic(NOTIFICATIONS_MESSAGE)}
        again.kill()
    assert found == {*before, *during}


async def test_a_relay_that_starts_before_the_broker_waits_for_it(
    broker: Kafka, folder: Path, platform: Platform
) -> None:
    async with bus_on(platform, broker.bootstrap) as bus:
        broker.kill()
        async with bus.running(relay(bus)):
            keys = await bus.publish(3)
            again = await asyncio.to_thread(Kafka.start, folder, port=broker.port)
            await bus.until_published()
        found = {key for key, _ in await bus.on_topic(NOTIFICATIONS_MESSAGE)}
        again.kill()
    assert found == set(keys)


def row(number: int, key: UUID) -> OutboxRow:
    """As large as a batch, so that each needs a request of its own."""
    headers = {"ce_sequence": str(number)}
    return OutboxRow(number, NOTIFICATIONS_MESSAGE.name, key, headers, bytes(60_000))
