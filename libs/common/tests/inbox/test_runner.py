"""Consumer groups on a real broker: offsets from the database, pauses, hand-overs, the first catching up."""

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any
from uuid import UUID

import pytest
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
    discarding,
    list_dead_letters,
    redriving,
)
from common.outbox import Relay, RelayTimes
from common.problems import Unavailable
from common.service import Runtime, Service
from common.settings import ServiceSettings, settings_of
from common.testing import Keyring
from common.testing.bus import Bus, note_effect
from common.testing.plugin import settings_from


class ToySettings(ServiceSettings):
    """Nothing of its own."""

    model_config = settings_of("orders")


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


@pytest.mark.parametrize("error", [Permanent("broken by this event"), KeyError("a bug that this event meets")])
async def test_a_poison_event_stops_nobody_elses_key(bus: Bus, error: Exception) -> None:
    """It is put aside alone: its neighbours on the partition, all other keys and its own later events are applied."""
    poisoned = uuid7()
    neighbour = uuid7()
    while not bus.same_partition(poisoned, neighbour):
        neighbour = uuid7()

    async def break_on_the_first(event: Event[Any], uow: UnitOfWork) -> None:
        await note_effect(event, uow)
        if event.subject == poisoned and event.sequence == 1:
            raise error

    group = runner(bus, break_on_the_first, limits=DeliveryLimits(unknown_pauses=(0.01, 0.01, 0.01, 0.01)))
    async with bus.running(relay(bus), group):
        for _ in range(3):
            await bus.publish(1, key=poisoned)
            await bus.publish(2, key=neighbour)
            others = await bus.publish(20)
            assert not {poisoned, neighbour} & set(others)
        await bus.until_effects(2 + 6 + 60)
    rows = await bus.rows("SELECT key, array_agg(sequence ORDER BY place) AS sequences FROM effect GROUP BY key")
    applied = {row["key"]: row["sequences"] for row in rows}
    assert (applied.pop(poisoned), applied.pop(neighbour)) == ([2, 3], [1, 2, 3, 4, 5, 6])
    assert list(applied.values()) == [[1]] * 60
    (letter,) = await list_dead_letters(bus.database)
    assert (letter.key, letter.headers["ce_sequence"]) == (poisoned, f"{1:020d}")


async def test_a_deploy_that_fails_everything_pauses_and_the_mended_one_loses_nothing(bus: Bus) -> None:
    async def fail(event: Event[Any], uow: UnitOfWork) -> None:
        raise Permanent("bad deploy")

    limits = DeliveryLimits(deaths_in_a_row=5)
    async with bus.running(relay(bus)):
        keys = await bus.publish(60)
        await bus.until_published()
    for restarts in (1, 2):  # of the same bad code: each buries a few more, never the topic
        group = runner(bus, fail, limits=limits)
        async with bus.running(group):
            await bus.until(partial(has_halted, group))
            await bus.until_rows("SELECT FROM dead_letter", count=5 * restarts)
        assert (len(await list_dead_letters(bus.database)), await stored(bus)) == (5 * restarts, 5 * restarts)

    mended = Consumer(group="bus-test.messages", handlers={MessageSent: note_effect})
    async with bus.running(runner(bus, limits=limits)):
        await bus.until_effects(50)
    for letter in await list_dead_letters(bus.database):
        async with redriving(bus.database.uow(), [mended], letter.id, by="test"):
            pass
    rows = await bus.rows("SELECT key FROM effect")
    assert sorted(row["key"] for row in rows) == sorted(keys)


async def has_halted(group: ConsumerRunner) -> bool:
    return group.halted


async def test_a_process_says_which_of_its_groups_have_halted(bus: Bus, keyring: Keyring) -> None:
    async def fail(event: Event[Any], uow: UnitOfWork) -> None:
        raise Permanent("bad deploy")

    consumer = Consumer(group="orders.messages", handlers={MessageSent: fail})
    service = Service(name="orders", settings=ToySettings, migrations="orders.migrations", consumers=(consumer,))
    environment = {
        "ORDERS_DATABASE_URL": bus.url,
        "ORDERS_SIGNING_KEY": keyring.private["orders"],
        "TRUSTED_KEYS": keyring.trusted,
        "KAFKA_BOOTSTRAP_SERVERS": bus.bootstrap,
        "EVENTS_NAMESPACE": bus.namespace,
        "INSTANCE": "test",
    }
    async with (
        bus.running(relay(bus)),
        Runtime.open(service, settings_from(service, environment)) as runtime,
        runtime.background(["consumers"]),
    ):

        async def told() -> bool:
            return (await runtime.readiness()).parts["consumers"] == "halted: orders.messages"

        assert (await runtime.readiness()).parts["consumers"] == "running"
        await bus.publish(30)
        await bus.until(told)
        assert b'consumer_paused{consumer="orders.messages"} 1.0' in runtime.metrics.exposition()


async def test_a_database_that_is_away_lets_no_halted_group_go_on(bus: Bus) -> None:
    async def fail(event: Event[Any], uow: UnitOfWork) -> None:
        raise Permanent("bad deploy")

    group = runner(bus, fail, limits=DeliveryLimits(deaths_in_a_row=5))
    async with bus.running(relay(bus), group):
        await bus.publish(60)
        await bus.until(partial(has_halted, group))
        with capture_logs() as logs:
            await bus.execute("ALTER TABLE dead_letter RENAME TO hidden")

            async def asked_twice() -> bool:
                return [entry["event"] for entry in logs].count("consumer.letters_unknown") >= 2

            await bus.until(asked_twice)
            assert group.halted
            await bus.execute("ALTER TABLE hidden RENAME TO dead_letter")
    assert len(await list_dead_letters(bus.database)) == 5


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
        async with discarding(bus.database.uow(), letters[0].id, by="test"):
            pass
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
