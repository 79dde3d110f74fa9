"""Consumers while the broker hangs or is killed: silence is noticed, and all arrives afterwards."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

from structlog.testing import capture_logs

from common.events.contracts.notifications import MessageSent
from common.inbox import Consumer, ConsumerRunner, RunnerTimes
from common.outbox import Relay, RelayTimes
from common.testing import Platform
from common.testing.bus import Bus, bus_on, note_effect
from quartermaster_local.kafka import Kafka

IMPATIENT = RunnerTimes(probe=0.2, probe_first=0.2, probe_answer=0.5, probes_failed=2, restart=0.2, leave=1, start=3)
RELAY_TIMES = RelayTimes(takeover=0.1, ack=1, settle=0.2, last_pass=0.5)


def relay(bus: Bus) -> Relay:
    return Relay(bus.database, service="bus-test", instance="relay", times=RELAY_TIMES, **bus.place)


def runner(bus: Bus) -> ConsumerRunner:
    consumer = Consumer(group="bus-test.messages", handlers={MessageSent: note_effect})
    return ConsumerRunner(consumer, bus.database, instance="one", times=IMPATIENT, **bus.place)


async def test_a_hanging_broker_is_noticed_and_everything_arrives_afterwards(
    stoppable: Bus, platform: Platform
) -> None:
    with capture_logs() as logs:

        async def noticed() -> bool:
            return any(entry["event"] == "consumer.broker_away" for entry in logs)

        await hang_and_go_on(stoppable, platform.kafka_process, noticed)
    assert await stoppable.effects() == 150


async def hang_and_go_on(bus: Bus, broker: Kafka, noticed: Callable[[], Awaitable[bool]]) -> None:
    async with bus.running(relay(bus), runner(bus)):
        await bus.publish(50)
        await bus.until_effects(50)
        broker.pause()
        await bus.until(noticed)
        await bus.publish(100)
        broker.resume()
        await bus.until_effects(150, seconds=60)


async def test_a_stop_while_the_broker_hangs_ends_in_time_and_leaves_no_task(
    stoppable: Bus, platform: Platform
) -> None:
    before = asyncio.all_tasks()
    loop = asyncio.get_running_loop()
    async with stoppable.running(runner(stoppable), relay(stoppable)):
        await stoppable.publish(1)
        await stoppable.until_effects(1)
        platform.kafka_process.pause()
        stopped_at = loop.time()
    assert loop.time() - stopped_at < 6

    async def nothing_left() -> bool:
        return asyncio.all_tasks() <= before | {asyncio.current_task()}

    await stoppable.until(nothing_left, seconds=10)


async def test_a_killed_broker_that_comes_back_is_found_again(tmp_path: Path, platform: Platform) -> None:
    folder = tmp_path / "kafka"
    broker = await asyncio.to_thread(Kafka.start, folder)
    async with bus_on(platform, broker.bootstrap) as bus:
        async with bus.running(relay(bus), runner(bus)):
            await bus.publish(50)
            await bus.until_effects(50)
            broker.kill()
            await bus.publish(100)
            again = await asyncio.to_thread(Kafka.start, folder, port=broker.port)
            await bus.until_effects(150, seconds=60)
        again.kill()
        assert await bus.effects() == 150
