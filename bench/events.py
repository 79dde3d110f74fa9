"""Events a second through relay and consumer, on real PostgreSQL and Kafka of its own.

``python bench/events.py [EVENTS]``: a backlog of that many events (20,000) goes through the relay, then through a
consumer whose handler is called for each event, then through one whose handler takes lists; last, 200 events a second
are published and the time from the commit to the effect is taken.
"""

import asyncio
import statistics
import sys
import time
from collections.abc import Sequence
from typing import Any

from common.database import UnitOfWork, uuid7
from common.events import Event
from common.events.contracts.notifications import MessageSent
from common.inbox import Consumer, ConsumerRunner
from common.outbox import Relay, RelayTimes
from common.testing import Platform
from common.testing.bus import Bus, bus_on, note_effect

BACKLOG = 20_000
PACED_EVENTS = 1_000
PACE_SECONDS = 0.005
NOTE_ALL = """
INSERT INTO effect (event_id, key, sequence) SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::bigint[])
"""
CAUGHT_UP = "SELECT FROM consumer_offset WHERE \"group\" LIKE '%latency' HAVING sum(next) >= $1"


async def note_all(events: Sequence[Event[Any]], uow: UnitOfWork) -> None:
    """Have all effects in one statement."""
    await uow.execute(NOTE_ALL, [e.id for e in events], [e.subject for e in events], [e.sequence for e in events])


def relay_of(bus: Bus) -> Relay:
    return Relay(bus.database, service="bench", instance="bench", times=RelayTimes(takeover=0), **bus.place)


async def measure_relay(bus: Bus, count: int) -> None:
    for _ in range(count // 1_000):
        await bus.publish(1_000)
    started = time.perf_counter()
    async with bus.running(relay_of(bus)):
        await bus.until_published(seconds=600)
    print(f"relay: {count / (time.perf_counter() - started):,.0f} events/s")


async def measure_consumer(bus: Bus, count: int, consumer: Consumer) -> None:
    """From the first effect on: joining the group is not consumption."""
    await bus.execute("TRUNCATE effect")
    runner = ConsumerRunner(consumer, bus.database, instance="bench", **bus.place)
    async with bus.running(runner):
        await bus.until_effects(1)
        started, already = time.perf_counter(), await bus.effects()
        await bus.until_effects(count, seconds=600)
        rate = (count - already) / (time.perf_counter() - started)
    print(f"{'a list a handler call' if consumer.set_based else 'an event a handler call'}: {rate:,.0f} events/s")


async def measure_latency(bus: Bus, backlog: int) -> None:
    """From before the commit to the handler."""
    sent: dict[Any, float] = {}
    took: list[float] = []

    async def note_time(event: Event[Any], uow: UnitOfWork) -> None:
        if event.subject in sent:
            took.append(time.perf_counter() - sent[event.subject])

    consumer = Consumer(group="bench.latency", handlers={MessageSent: note_time})
    async with bus.running(relay_of(bus), ConsumerRunner(consumer, bus.database, instance="bench", **bus.place)):
        await bus.until_rows(CAUGHT_UP, backlog, count=1)
        for _ in range(PACED_EVENTS):
            key = uuid7()
            sent[key] = time.perf_counter()
            await bus.publish(1, key=key)
            await asyncio.sleep(PACE_SECONDS)

        async def all_there() -> bool:
            return len(took) >= PACED_EVENTS

        await bus.until(all_there)
    cuts = statistics.quantiles(took, n=100)
    print(f"commit to effect at about 200/s: p50 {cuts[49] * 1000:.1f} ms, p99 {cuts[98] * 1000:.1f} ms")


async def main(count: int) -> None:
    platform = Platform()
    try:
        async with bus_on(platform, platform.bootstrap) as bus:
            await measure_relay(bus, count)
            singly = Consumer(group="bench.singly", handlers={MessageSent: note_effect})
            await measure_consumer(bus, count, singly)
            sets = Consumer(group="bench.sets", handlers={MessageSent: note_all}, set_based=True)
            await measure_consumer(bus, count, sets)
            await measure_latency(bus, count)
    finally:
        platform.close()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else BACKLOG))
