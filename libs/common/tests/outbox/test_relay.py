"""The relay on a real broker: order, hand-over, wake-ups, refusals, clean-up."""

import asyncio
import contextlib
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any
from uuid import UUID

import pytest
from structlog.testing import capture_logs

from common.database import uuid7
from common.events import NOTIFICATIONS_MESSAGE
from common.outbox import Relay, RelayTimes, delete_published, published_between
from common.outbox._sender import OutboxRow, Sender, Sent
from common.testing.bus import Bus

QUICK = RelayTimes(takeover=0.5, candidate=0.1)
SLOW_POLL = RelayTimes(takeover=0.5, candidate=30, poll=30)
END_SESSION = """
SELECT pg_terminate_backend(pid) FROM pg_stat_activity
WHERE application_name = 'bus-test relay' AND datname = current_database()
"""


def relay(bus: Bus, instance: str = "one", *, times: RelayTimes = QUICK, candidate: bool = True) -> Relay:
    return Relay(bus.database, service="bus-test", instance=instance, times=times, candidate=candidate, **bus.place)


def sequences_by_key(found: list[tuple[UUID, int]]) -> dict[UUID, list[int]]:
    by_key: dict[UUID, list[int]] = {}
    for key, sequence in found:
        by_key.setdefault(key, []).append(sequence)
    return by_key


async def test_committed_events_arrive_in_the_order_of_their_key(bus: Bus) -> None:
    keys = [uuid7() for _ in range(7)]
    async with bus.running(relay(bus)):
        for _ in range(40):
            for key in keys:
                await bus.publish(3, key=key)
        await bus.until_published()
    found = sequences_by_key(await bus.on_topic(NOTIFICATIONS_MESSAGE))
    assert found == {key: list(range(1, 121)) for key in keys}


async def test_a_rolled_back_event_is_never_sent(bus: Bus) -> None:
    async with bus.running(relay(bus)):
        with contextlib.suppress(ZeroDivisionError):
            async with bus.database.uow() as uow:
                await bus.announce(uow, uuid7())
                _ = 1 / 0
        kept = await bus.publish(1)
        await bus.until_published()
    assert await bus.on_topic(NOTIFICATIONS_MESSAGE) == [(kept[0], 1)]


async def test_a_commit_wakes_the_leader_without_waiting_for_its_poll(bus: Bus) -> None:
    leader = relay(bus, times=SLOW_POLL)
    async with bus.running(leader):
        await leader.leads.wait()
        await bus.publish(1)
        await bus.until_published(seconds=5)


async def test_a_commit_in_another_process_wakes_the_leader(bus: Bus) -> None:
    """The other process has its own pool; its relay does not lead and passes the wake-up on by NOTIFY."""
    other = await bus.second_process()
    leader, candidate = relay(bus, times=SLOW_POLL), relay(other, "two", times=SLOW_POLL, candidate=False)
    async with bus.running(leader):
        await leader.leads.wait()
        async with bus.running(candidate):
            await bus.until_connected("bus-test relay", 2)
            await other.publish(1)
            await bus.until_published(seconds=5)
    await other.database.close()


async def test_only_one_relay_leads_and_the_next_takes_over(bus: Bus) -> None:
    first, second = relay(bus), relay(bus, "two")
    async with bus.running(second):
        async with bus.running(first):
            await asyncio.wait(
                [asyncio.create_task(first.leads.wait()), asyncio.create_task(second.leads.wait())],
                return_when=asyncio.FIRST_COMPLETED,
            )
            await bus.publish(50)
            await bus.until_published()
            assert first.leads.is_set() != second.leads.is_set()
        await asyncio.wait_for(second.leads.wait(), 10)
        await bus.publish(50)
        await bus.until_published()
    found = await bus.on_topic(NOTIFICATIONS_MESSAGE)
    assert len(found) == len(set(found)) == 100


async def test_a_leader_whose_session_ends_is_succeeded(bus: Bus) -> None:
    """The database ends the session: somebody leads again, and everything arrives."""
    async with bus.running(relay(bus)):
        await bus.publish(20)
        await bus.until_published()
        await bus.rows(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'bus-test relay'"
        )
        await bus.publish(20)
        await bus.until_published()
    assert len(set(await bus.on_topic(NOTIFICATIONS_MESSAGE))) == 40


async def test_a_new_leader_waits_before_it_sends_what_a_predecessor_may_be_sending(bus: Bus) -> None:
    await bus.publish(1)
    started = asyncio.get_running_loop().time()
    async with bus.running(relay(bus, times=RelayTimes(takeover=2))):
        await bus.until_published()
    assert asyncio.get_running_loop().time() - started >= 2


async def test_a_new_leader_that_finds_nothing_sends_at_once(bus: Bus) -> None:
    leader = relay(bus, times=RelayTimes(takeover=60))
    async with bus.running(leader):
        await leader.leads.wait()
        await bus.until_listening()
        await bus.publish(1)
        await bus.until_published(seconds=5)


async def test_what_was_committed_before_the_stop_is_sent_by_the_last_pass(bus: Bus) -> None:
    """Committed by a process that does not wake the leader, so that only the stop can make it look."""
    other = await bus.second_process()
    async with bus.running(relay(bus, times=SLOW_POLL)):
        await bus.until_listening()
        await other.publish(700)
        assert await bus.value("SELECT count(*) FROM outbox WHERE published_at IS NOT NULL") == 0
    await other.database.close()
    assert await bus.value("SELECT count(*) FROM outbox WHERE published_at IS NULL") == 0
    assert len(await bus.on_topic(NOTIFICATIONS_MESSAGE)) == 700


async def test_the_lock_is_given_back_when_it_stops(bus: Bus) -> None:
    async with bus.running(relay(bus)):
        await bus.until_listening()
    held = """
        SELECT count(*) FROM pg_locks JOIN pg_database AS d ON d.oid = database
        WHERE locktype = 'advisory' AND granted AND d.datname = current_database()
    """
    assert await bus.value(held) == 0


async def test_an_event_that_the_broker_refuses_holds_up_its_own_aggregate_alone(bus: Bus) -> None:
    stuck, free = uuid7(), uuid7()
    await bus.publish(3, key=stuck)
    await bus.rows("UPDATE outbox SET value = $1 WHERE key = $2 AND sequence = 2", bytes(6_000_000), stuck)
    await bus.publish(3, key=free)

    async with bus.running(relay(bus)):
        await bus.until_rows("SELECT FROM outbox WHERE key = $1 AND published_at IS NOT NULL", free, count=3)
        published = await bus.rows("SELECT sequence FROM outbox WHERE key = $1 AND published_at IS NOT NULL", stuck)
    assert [row["sequence"] for row in published] == [1]
    assert set(await bus.on_topic(NOTIFICATIONS_MESSAGE)) == {(stuck, 1), (free, 1), (free, 2), (free, 3)}


async def test_a_refusal_by_the_broker_itself_is_pinned_on_the_right_aggregate(bus: Bus) -> None:
    """The topic takes batches up to 1 MiB, which the producer cannot know: the whole batch fails, then one by one."""
    stuck = uuid7()
    await bus.publish(1, key=stuck)
    await bus.rows("UPDATE outbox SET value = $1 WHERE key = $2", bytes(2_000_000), stuck)
    free = await bus.publish(100)
    with capture_logs() as logs:

        async def refused() -> bool:
            return {entry["key"] for entry in logs if entry["event"] == "relay.event_refused"} == {str(stuck)}

        async with bus.running(relay(bus)):
            await bus.until_rows("SELECT FROM outbox WHERE published_at IS NOT NULL", count=100)
            await bus.until(refused)
    assert await bus.value("SELECT published_at FROM outbox WHERE key = $1", stuck) is None
    assert {key for key, _ in await bus.on_topic(NOTIFICATIONS_MESSAGE)} == set(free)


async def test_a_missing_topic_holds_up_nothing_else(bus: Bus) -> None:
    await bus.publish(1)
    await bus.rows("UPDATE outbox SET topic = 'nobody.made.v1'")
    await bus.publish(2)
    async with bus.running(relay(bus)):
        await bus.until_rows("SELECT FROM outbox WHERE published_at IS NOT NULL", count=2)
    assert len(set(await bus.on_topic(NOTIFICATIONS_MESSAGE))) == 2  # sent again where an ack came late


async def test_nothing_is_marked_whose_predecessor_failed() -> None:
    """Sequence 2 fails, 3 was acked: 3 must be sent again behind 2, or a projection would keep the older state."""
    key = uuid7()
    loop = asyncio.get_running_loop()
    answers: list[tuple[OutboxRow, asyncio.Future[object]]] = []
    for number, error in [(1, None), (2, OSError("gone")), (3, None)]:
        future: asyncio.Future[object] = loop.create_future()
        if error is not None:
            future.set_exception(error)
        else:
            future.set_result(None)
        answers.append((OutboxRow(number, "t", key, {}, b""), future))
    sent = Sent()
    Sender._collect(answers, sent, singly=False)  # noqa: SLF001 - a partial failure of one batch cannot be staged
    assert sent.acked == [1]
    assert sent.broken is not None


async def test_a_crash_between_send_and_mark_sends_again(bus: Bus) -> None:
    """The mark is lost with the session: the rows are still unpublished, hence sent once more by the next leader."""
    keys = await bus.publish(30)
    await bus.execute(
        "CREATE FUNCTION die() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
        "PERFORM pg_terminate_backend(pg_backend_pid()); RETURN NEW; END $$"
    )
    await bus.execute("CREATE TRIGGER die BEFORE UPDATE ON outbox FOR EACH STATEMENT EXECUTE FUNCTION die()")
    async with bus.running(relay(bus)):

        async def sent_twice() -> bool:
            return len(await bus.on_topic(NOTIFICATIONS_MESSAGE)) >= 60

        await bus.until(sent_twice)
        assert await bus.value("SELECT count(*) FROM outbox WHERE published_at IS NOT NULL") == 0
        await bus.execute("DROP TRIGGER die ON outbox")
        await bus.until_published()
    assert {key for key, _ in await bus.on_topic(NOTIFICATIONS_MESSAGE)} == set(keys)


async def test_published_rows_are_deleted_after_their_day_and_not_before(bus: Bus) -> None:
    now = datetime.now(UTC)
    old, young, unsent = (await bus.publish(1))[0], (await bus.publish(1))[0], (await bus.publish(1))[0]
    await bus.rows("UPDATE outbox SET published_at = $1 WHERE key = $2", now - timedelta(hours=25), old)
    await bus.rows("UPDATE outbox SET published_at = $1 WHERE key = $2", now - timedelta(hours=23), young)
    await bus.rows("UPDATE outbox SET created_at = $1 WHERE key = $2", now - timedelta(hours=90), unsent)
    async with bus.database.acquire() as connection:
        assert await delete_published(connection, before=now - timedelta(hours=24)) == 1
        events = await published_between(connection, since=now - timedelta(hours=24), until=now)
    assert {row["key"] for row in await bus.rows("SELECT key FROM outbox")} == {young, unsent}
    assert [event.type for event in events] == ["message.sent"]


async def test_the_age_of_the_oldest_unpublished_event_is_told(bus: Bus) -> None:
    await bus.publish(2)
    await bus.rows("UPDATE outbox SET created_at = created_at - interval '1 hour'")

    async def told() -> bool:
        text = bus.metrics.exposition().decode()
        values: dict[str, Any] = dict(line.split() for line in text.splitlines() if line.startswith("outbox_"))
        return float(values["outbox_oldest_unpublished_seconds"]) > 3599 and float(values["outbox_pending"]) == 2

    async with bus.running(relay(bus, times=RelayTimes(takeover=30))):
        await bus.until(told)


async def test_the_relay_takes_no_connection_of_the_pool(bus: Bus) -> None:
    """A full pool must not stop events, and the lock must not live on a connection that is handed around."""
    leader = relay(bus)
    async with bus.running(leader):
        await bus.until_listening()
        assert bus.database.engine.pool.checkedout() == 0  # type: ignore[attr-defined] # a queue pool counts


async def test_sequences_on_the_topic_never_go_back_when_leaders_change_in_the_stream(bus: Bus) -> None:
    key = uuid7()
    for _ in range(5):
        async with bus.running(relay(bus, times=RelayTimes(takeover=0.2, last_pass=0.001))):
            await bus.publish(200, key=key)
    async with bus.running(relay(bus)):
        await bus.until_published()
    found = [sequence for _, sequence in await bus.on_topic(NOTIFICATIONS_MESSAGE)]
    assert set(found) == set(range(1, 1001))
    newest = [max(found[: place + 1]) for place in range(len(found))]
    repeats_start = [after for before, after in pairwise(found) if after < before]
    assert all(start <= newest[-1] for start in repeats_start)
    assert found[-1] == 1000, "what compaction keeps is the newest state"


@pytest.mark.parametrize("option", ["acks", "enable_idempotence"])
async def test_the_producer_is_the_one_that_loses_nothing(bus: Bus, option: str) -> None:
    sender = Sender(bootstrap_servers=bus.bootstrap, namespace="", client_id="x", ack_timeout=5)
    await sender.start()
    producer: Any = sender._producer  # noqa: SLF001 - aiokafka's defaults are what must not be there
    settings = {"acks": producer._sender._acks == -1, "enable_idempotence": producer._txn_manager is not None}  # noqa: SLF001
    await sender.stop()
    assert settings[option]
