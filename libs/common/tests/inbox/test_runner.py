"""Consumer groups on a real broker: offsets from the database, pauses, hand-overs, the first catching up."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID

from structlog.testing import capture_logs

from common.database import UnitOfWork, uuid7
from common.events import GATEWAY_USER, NOTIFICATIONS_MESSAGE, Event, Tombstone
from common.events.contracts.gateway import UserRegistered
from common.events.contracts.notifications import MessageSent
from common.inbox import (
    Consumer,
    ConsumerRunner,
    DeliveryLimits,
    Handler,
    Permanent,
    RunnerTimes,
    discard_dead_letter,
    list_dead_letters,
)
from common.outbox import Relay, RelayTimes
from common.problems import Unavailable
from common.testing.bus import Bus, note_effect

QUICK = RunnerTimes(probe=0.3, probe_first=0.1, halted=0.1, restart=0.2)


def relay(bus: Bus) -> Relay:
    return Relay(bus.database, service="bus-test", instance="relay", times=RelayTimes(takeover=0.1), **bus.place)


def runner(
    bus: Bus,
    handler: Handler = note_effect,
    *,
    instance: str = "one",
    limits: DeliveryLimits | None = None,
) -> ConsumerRunner:
    consumer = Consumer(group="bus-test.messages", handlers={MessageSent: handler})
    return ConsumerRunner(consumer, bus.database, instance=instance, limits=limits, times=QUICK, **bus.place)


async def stored(bus: Bus) -> int:
    total: int = await bus.value("SELECT coalesce(sum(next), 0) FROM consumer_offset")
    return total


async def test_every_event_has_its_effect_once_and_in_the_order_of_its_key(bus: Bus) -> None:
    keys = [uuid7() for _ in range(9)]
    async with bus.running(relay(bus), runner(bus)):
        for _ in range(20):
            for key in keys:
                await bus.publish(2, key=key)
        await bus.until_effects(360)
    rows = await bus.rows("SELECT key, array_agg(sequence ORDER BY place) AS sequences FROM effect GROUP BY key")
    assert {row["key"]: row["sequences"] for row in rows} == {key: list(range(1, 41)) for key in keys}


async def test_a_restarted_consumer_goes_on_where_the_database_says(bus: Bus) -> None:
    async with bus.running(relay(bus), runner(bus)):
        await bus.publish(30)
        await bus.until_effects(30)
    await bus.execute("DELETE FROM inbox")  # were anything read again, it would have a second effect
    async with bus.running(relay(bus), runner(bus)):
        await bus.publish(10)
        await bus.until_effects(40)
    assert (await bus.effects(), await stored(bus)) == (40, 40)


async def test_a_restored_database_reads_again_what_it_lost(bus: Bus) -> None:
    """Kafka's own committed offset says that all was read; the database, gone back, knows better."""
    async with bus.running(relay(bus), runner(bus)):
        await bus.publish(30)
        await bus.until_effects(30)
        await bus.until_committed(f"{bus.namespace}.bus-test.messages", NOTIFICATIONS_MESSAGE, 30)
    await bus.execute("DELETE FROM effect; DELETE FROM inbox; DELETE FROM consumer_offset")
    async with bus.running(runner(bus)):
        await bus.until_effects(30)
    assert await bus.effects() == 30


async def test_events_sent_twice_are_absorbed(bus: Bus) -> None:
    async with bus.running(relay(bus), runner(bus)):
        await bus.publish(25)
        await bus.until_effects(25)
        await bus.execute("UPDATE outbox SET published_at = NULL")  # as a relay that died before its mark
        await bus.until_stored(50)
    assert await bus.effects() == 25


async def test_a_held_partition_stops_no_other(bus: Bus) -> None:
    """One key's handler cannot reach its upstream; all other partitions go on, and it comes last."""
    stuck = uuid7()
    away = [True]

    async def note_if_reachable(event: Event[Any], uow: UnitOfWork) -> None:
        if event.subject == stuck and away[0]:
            raise Unavailable("upstream is away")
        await note_effect(event, uow)

    async with bus.running(relay(bus), runner(bus, note_if_reachable, limits=DeliveryLimits(transient_pauses=(0.1,)))):
        await bus.publish(1, key=stuck)
        await bus.until_published()
        others = [key for key in await bus.publish(120) if not bus.same_partition(key, stuck)]
        await bus.until_effects(len(others))
        assert await bus.value("SELECT count(*) FROM effect WHERE key = $1", stuck) == 0
        away[0] = False
        await bus.until_effects(121)
    assert await bus.effects() == 121
    assert await list_dead_letters(bus.database) == []


async def test_poison_from_a_stranger_stops_nobody(bus: Bus) -> None:
    await bus.send_raw(NOTIFICATIONS_MESSAGE, [{"value": b"\x00\xff", "key": b"?", "partition": n} for n in range(6)])
    async with bus.running(relay(bus), runner(bus)):
        await bus.publish(30)
        await bus.until_effects(30)
    letters = await list_dead_letters(bus.database)
    assert {letter.partition for letter in letters} <= set(range(6))


async def test_a_halted_group_stands_still_until_a_letter_is_dealt_with(bus: Bus) -> None:
    broken = [True]

    async def refuse_while_broken(event: Event[Any], uow: UnitOfWork) -> None:
        if broken[0]:
            raise Permanent("bad deploy")
        await note_effect(event, uow)

    group = runner(bus, refuse_while_broken, limits=DeliveryLimits(deaths_in_a_row=5))

    async def halted() -> bool:
        return group.halted

    async with bus.running(relay(bus), group):
        await bus.publish(60)
        await bus.until(halted)
        assert b'consumer_paused{consumer="bus-test.messages"} 1.0' in bus.metrics.exposition()
        letters = await list_dead_letters(bus.database)
        assert len(letters) == 5
        broken[0] = False
        await discard_dead_letter(bus.database, letters[0].id)
        await bus.until_effects(55)
        assert not group.halted
    assert await bus.effects() == 55


async def test_a_second_member_shares_the_partitions_and_nothing_is_lost_or_doubled(bus: Bus) -> None:
    second = await bus.second_process()
    async with bus.running(relay(bus), runner(bus)):
        await bus.publish(60)
        await bus.until_effects(60)
        async with bus.running(runner(second, instance="two")):
            for _ in range(40):
                await bus.publish(5)
            await bus.until_effects(260)
        await bus.publish(20)
        await bus.until_effects(280, seconds=60)
    await second.database.close()
    assert await bus.effects() == 280


async def test_a_stop_lets_the_batch_in_hand_commit(bus: Bus) -> None:
    entered, go_on = asyncio.Event(), asyncio.Event()

    async def note_slowly(event: Event[Any], uow: UnitOfWork) -> None:
        entered.set()
        await go_on.wait()
        await note_effect(event, uow)

    async with bus.running(relay(bus)):
        await bus.publish(1)
        await bus.until_published()
    stopped = asyncio.create_task(runner(bus, note_slowly).run())
    await asyncio.wait_for(entered.wait(), 20)
    stopped.cancel()
    asyncio.get_running_loop().call_later(0.2, go_on.set)
    await asyncio.gather(stopped, return_exceptions=True)
    assert (await bus.effects(), await stored(bus)) == (1, 1)


async def test_a_projection_is_caught_up_only_when_it_has_what_was_there_at_the_start(bus: Bus) -> None:
    gate = asyncio.Event()

    async def note_when_open(event: Event[Any], uow: UnitOfWork) -> None:
        await gate.wait()
        await note_effect(event, uow)

    async def forget_user(tombstone: Tombstone, uow: UnitOfWork) -> None:
        await uow.execute("DELETE FROM effect WHERE key = $1 AND sequence < $2", tombstone.key, tombstone.sequence)

    users = await bus.publish(40, contract=UserRegistered)
    async with bus.database.uow() as uow:
        uow.publish_tombstone(GATEWAY_USER, users[0])
    consumer = Consumer(
        group="bus-test.users",
        handlers={UserRegistered: note_when_open},
        tombstones={GATEWAY_USER: forget_user},
        projection=True,
    )
    group = ConsumerRunner(consumer, bus.database, instance="one", times=QUICK, **bus.place)
    async with bus.running(relay(bus)):
        await bus.until_published()
    async with bus.running(group):
        await bus.until_metric('consumer_lag_records{consumer="bus-test.users",topic="gateway.user.v1"}')
        assert not group.caught_up.is_set()
        gate.set()
        await asyncio.wait_for(group.caught_up.wait(), 20)
        assert await bus.effects() == 39


async def test_a_projection_of_an_empty_topic_is_caught_up_at_once(bus: Bus) -> None:
    consumer = Consumer(group="bus-test.users", handlers={UserRegistered: note_effect}, projection=True)
    group = ConsumerRunner(consumer, bus.database, instance="one", times=QUICK, **bus.place)
    async with bus.running(group):
        await asyncio.wait_for(group.caught_up.wait(), 20)


async def test_the_database_away_at_the_assignment_is_waited_for(bus: Bus) -> None:
    async with bus.running(relay(bus)):
        await bus.publish(10)
        await bus.until_published()
    await bus.execute("ALTER TABLE consumer_offset RENAME TO hidden")
    with capture_logs() as logs:

        async def complained() -> bool:
            return any(entry["event"] == "consumer.offsets_unknown" for entry in logs)

        await recover(bus, complained)


async def recover(bus: Bus, complained: Callable[[], Awaitable[bool]]) -> None:
    async with bus.running(runner(bus)):
        await bus.until(complained)
        await bus.execute("ALTER TABLE hidden RENAME TO consumer_offset")
        await bus.until_effects(10)
    assert await bus.effects() == 10


async def test_kafkas_own_offsets_follow_for_tools_that_show_lag(bus: Bus) -> None:
    async with bus.running(relay(bus), runner(bus)):
        await bus.publish(12)
        await bus.until_effects(12)
        await bus.until_committed(f"{bus.namespace}.bus-test.messages", NOTIFICATIONS_MESSAGE, 12)


async def test_two_services_hear_the_same_event(bus: Bus) -> None:
    heard: list[UUID] = []

    async def hear(event: Event[Any], uow: UnitOfWork) -> None:
        heard.append(event.id)

    other = Consumer(group="bus-test.other", handlers={MessageSent: hear})
    second = ConsumerRunner(other, bus.database, instance="one", times=QUICK, **bus.place)
    async with bus.running(relay(bus), runner(bus), second):
        await bus.publish(5)
        await bus.until_effects(5)
        await bus.until_rows("SELECT FROM inbox", count=10)
    assert len(heard) == 5
