"""Batches against a real database, without Kafka: claims, offsets, errors, dead letters."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import asyncpg
import orjson
import pytest
from structlog.testing import capture_logs

from common.context import current_context
from common.database import UnitOfWork, uuid7
from common.events import GATEWAY_USER, NOTIFICATIONS_MESSAGE, Event, EventContract, Tombstone, Topic, encode_key
from common.events.contracts.gateway import UserRegistered
from common.events.contracts.notifications import MessageFailed, MessageSent
from common.inbox import (
    Consumer,
    DeadLetter,
    DeadLetterClosed,
    DeadLetterStillFails,
    DeliveryLimits,
    Permanent,
    discarding,
    list_dead_letters,
    redriving,
    show_dead_letter,
)
from common.inbox._delivery import Delivery, GroupHalted, Hold
from common.inbox._records import Batch, Place, Record
from common.problems import Conflict, Unavailable
from common.testing.bus import Bus, example_of, note_effect

SENT = Consumer(group="bus-test.messages", handlers={MessageSent: note_effect})
LIMITS = DeliveryLimits(deaths_in_a_row=3)


def delivery(bus: Bus, consumer: Consumer = SENT, limits: DeliveryLimits = LIMITS) -> Delivery:
    names = {topic.name: topic.name_in(bus.namespace) for topic in consumer.topics}
    return Delivery(
        consumer, bus.database, metrics=bus.metrics, physical_group=consumer.group, topic_names=names, limits=limits
    )


def record(
    offset: int,
    *,
    topic: Topic = NOTIFICATIONS_MESSAGE,
    partition: int = 0,
    contract: type[EventContract] = MessageSent,
) -> Record:
    key, event_id = uuid7(), uuid7()
    headers = {
        "ce_id": str(event_id),
        "ce_source": "/services/test",
        "ce_type": contract.type,
        "ce_specversion": "1.0",
        "ce_time": "2026-11-24T10:00:00.000000Z",
        "ce_subject": str(key),
        "ce_sequence": f"{offset + 1:020d}",
        "ce_correlationid": "c-1",
    }
    return Record(
        place=Place(topic, partition),
        offset=offset,
        timestamp=datetime.now(UTC),
        headers=headers,
        key=encode_key(key),
        value=example_of(contract, key).model_dump_json().encode(),
        event_id=event_id,
        type=contract.type,
    )


def batch(*records: Record) -> Batch:
    return Batch(records[0].place, records)


class Faulty:
    """A handler that has its effect, then raises for some events."""

    def __init__(self, *bad: Record, error: Exception) -> None:
        self.bad = {each.event_id for each in bad}
        self.error = error
        self.calls: list[UUID] = []

    async def note_unless_bad(self, event: Event[Any], uow: UnitOfWork) -> None:
        self.calls.append(event.id)
        await note_effect(event, uow)
        if event.id in self.bad:
            raise self.error

    @property
    def consumer(self) -> Consumer:
        return Consumer(group="bus-test.messages", handlers={MessageSent: self.note_unless_bad})


async def redrive(bus: Bus, consumers: Sequence[Consumer], letter_id: UUID) -> DeadLetter:
    async with redriving(bus.database.uow(), consumers, letter_id, by="cli:ada") as letter:
        return letter


async def offsets(bus: Bus) -> dict[int, int]:
    return {row["partition"]: row["next"] for row in await bus.rows("SELECT partition, next FROM consumer_offset")}


async def until_settled(deliver: Delivery, records: Sequence[Record], holds: list[Hold]) -> int:
    """Come again at the held record, as the runner does; returns how often it took."""
    rounds = 0
    while holds:
        rounds += 1
        left = [each for each in records if each.offset >= holds[0].record.offset]
        holds = await deliver.deliver([batch(*left)])
    return rounds


async def test_an_event_that_comes_again_has_no_second_effect(bus: Bus) -> None:
    first = [record(number) for number in range(5)]
    assert await delivery(bus).deliver([batch(*first)]) == []
    assert await delivery(bus).deliver([batch(*first, record(5))]) == []
    assert await bus.effects() == 6


async def test_an_event_that_stands_twice_in_one_batch_has_one_effect(bus: Bus) -> None:
    once = record(0)
    await delivery(bus).deliver([batch(once, replace(once, offset=1))])
    assert await bus.effects() == 1


async def test_events_are_claimed_in_the_order_of_their_ids_so_that_processes_wait_and_do_not_deadlock(
    bus: Bus,
) -> None:
    """Another process has claimed the lower id. Whoever waits for it must not hold the higher one meanwhile."""
    claim = "INSERT INTO inbox VALUES ('bus-test.messages', $1, now())"
    lower, higher = sorted((record(0), record(1)), key=lambda each: each.event_id)
    first = batch(replace(higher, offset=0), replace(lower, offset=1))
    other = await asyncpg.connect(bus.url)
    async with other.transaction():
        await other.execute("SET LOCAL lock_timeout = '300ms'")
        await other.execute(claim, lower.event_id)
        delivering = asyncio.create_task(delivery(bus).deliver([first]))
        await bus.until_rows("SELECT FROM pg_locks WHERE NOT granted", count=1)
        await other.execute(claim, higher.event_id)
    await other.close()
    assert await delivering == []
    assert await bus.effects() == 0, "the other process has had them"


async def test_each_group_has_its_own_effect(bus: Bus) -> None:
    once = record(0)
    other = Consumer(group="bus-test.other", handlers={MessageSent: note_effect})
    await delivery(bus).deliver([batch(once)])
    await delivery(bus, other).deliver([batch(once)])
    assert await bus.effects() == 2


async def test_one_bad_record_becomes_a_dead_letter_and_all_others_are_applied(bus: Bus) -> None:
    records = [record(number) for number in range(50)]
    elsewhere = [record(number, partition=3) for number in range(50)]
    faulty = Faulty(records[20], error=Permanent("never"))
    assert await delivery(bus, faulty.consumer).deliver([batch(*records), batch(*elsewhere)]) == []

    assert await bus.effects() == 99
    assert await offsets(bus) == {0: 50, 3: 50}
    (letter,) = await list_dead_letters(bus.database)
    assert (letter.event_id, letter.offset, letter.attempts, letter.status) == (records[20].event_id, 20, 1, "open")
    assert letter.value == records[20].value
    assert "never" in letter.error


async def test_effects_claims_and_offsets_commit_together_or_not_at_all(bus: Bus) -> None:
    """The commit itself fails, by a deferred constraint, after every statement went well."""
    await bus.execute("CREATE TABLE strict (id int PRIMARY KEY DEFERRABLE INITIALLY DEFERRED)")

    async def break_at_commit(event: Event[Any], uow: UnitOfWork) -> None:
        await note_effect(event, uow)
        await uow.execute("INSERT INTO strict VALUES (1), (1)")

    consumer = Consumer(group="bus-test.messages", handlers={MessageSent: break_at_commit})
    holds = await delivery(bus, consumer).deliver([batch(record(0))])
    assert [hold.record.offset for hold in holds] == [0]
    assert await bus.effects() == 0
    assert await bus.value("SELECT count(*) FROM inbox") == 0
    assert await offsets(bus) == {}


async def test_a_crash_between_handler_and_commit_is_redelivered_and_applied_once(bus: Bus) -> None:
    """The session dies under the handler; the next delivery finds nothing of it."""
    crashed: list[UUID] = []

    async def die_once(event: Event[Any], uow: UnitOfWork) -> None:
        await note_effect(event, uow)
        if not crashed:
            crashed.append(event.id)
            await uow.execute("SELECT pg_terminate_backend(pg_backend_pid())")

    records = [record(number) for number in range(3)]
    consumer = Consumer(group="bus-test.messages", handlers={MessageSent: die_once})
    deliver = delivery(bus, consumer)
    await until_settled(deliver, records, await deliver.deliver([batch(*records)]))
    assert crashed
    assert await bus.effects() == 3
    assert await list_dead_letters(bus.database) == []


async def test_a_transient_error_never_makes_a_dead_letter(bus: Bus) -> None:
    records = [record(number) for number in range(3)]
    faulty = Faulty(records[1], error=Unavailable("upstream is away"))
    deliver = delivery(bus, faulty.consumer)
    pauses: list[float] = []
    for _ in range(12):
        (hold,) = await deliver.deliver([batch(*records[1:])] if pauses else [batch(*records)])
        pauses.append(hold.seconds)
    assert pauses == [0.2, 1, 5, 15] + [30] * 8
    assert await list_dead_letters(bus.database) == []
    assert await bus.effects() == 1, "what stood before it is applied"

    faulty.bad.clear()
    assert await deliver.deliver([batch(*records[1:])]) == []
    assert await bus.effects() == 3


@pytest.mark.parametrize("state", ["40001", "40P01", "55P03", "57014", "57P01", "53300", "08006"])
async def test_what_postgresql_asks_to_try_again_is_transient(bus: Bus, state: str) -> None:
    async def refuse(event: Event[Any], uow: UnitOfWork) -> None:
        await uow.execute(f"DO $$ BEGIN RAISE EXCEPTION 'no' USING ERRCODE = '{state}'; END $$")

    deliver = delivery(bus, Consumer(group="bus-test.messages", handlers={MessageSent: refuse}))
    bad = record(0)
    for _ in range(8):
        assert len(await deliver.deliver([batch(bad)])) == 1
    assert await list_dead_letters(bus.database) == []


@pytest.mark.parametrize("statement", ["INSERT INTO strict VALUES (-1)", "INSERT INTO strict VALUES (99999999999)"])
async def test_what_a_constraint_refuses_is_dead_at_once(bus: Bus, statement: str) -> None:
    await bus.execute("CREATE TABLE strict (quantity int CHECK (quantity >= 0))")

    async def refuse(event: Event[Any], uow: UnitOfWork) -> None:
        await uow.execute(statement)

    deliver = delivery(bus, Consumer(group="bus-test.messages", handlers={MessageSent: refuse}))
    assert await deliver.deliver([batch(record(0))]) == []
    assert [letter.attempts for letter in await list_dead_letters(bus.database)] == [1]


async def test_data_that_does_not_fit_its_contract_is_dead_at_once(bus: Bus) -> None:
    bad = replace(record(0), value=b'{"object": {"id": 7}}')
    assert await delivery(bus).deliver([batch(bad, record(1))]) == []
    assert [letter.event_id for letter in await list_dead_letters(bus.database)] == [bad.event_id]
    assert await bus.effects() == 1


async def test_an_unknown_error_gets_five_tries(bus: Bus) -> None:
    records = [record(number) for number in range(2)]
    faulty = Faulty(records[0], error=KeyError("bug"))
    deliver = delivery(bus, faulty.consumer)
    tries = 1 + await until_settled(deliver, records, await deliver.deliver([batch(records[0])]))
    (letter,) = await list_dead_letters(bus.database)
    assert (tries, letter.attempts) == (5, 5)


async def test_a_record_with_nul_bytes_can_be_put_aside(bus: Bus) -> None:
    """PostgreSQL takes no NUL in text: unguarded, the letter could never be written and the partition stood still."""
    bad = record(0)
    bad.headers["x-strange"] = "a\x00b"
    faulty = Faulty(bad, error=Permanent("nul \x00 inside"))
    assert await delivery(bus, faulty.consumer).deliver([batch(bad)]) == []
    assert len(await list_dead_letters(bus.database)) == 1


async def test_a_dead_letter_is_not_written_twice_when_its_event_comes_again(bus: Bus) -> None:
    bad = record(0)
    faulty = Faulty(bad, error=Permanent("never"))
    for _ in range(2):
        await delivery(bus, faulty.consumer).deliver([batch(bad)])
    assert len(await list_dead_letters(bus.database, status=None)) == 1
    assert faulty.calls == [bad.event_id]


async def test_too_many_dead_letters_in_a_row_halt_the_group_before_it_empties_the_topic(bus: Bus) -> None:
    records = [record(number) for number in range(10)]
    deliver = delivery(bus, Faulty(*records, error=Permanent("bad deploy")).consumer)
    with pytest.raises(GroupHalted):
        await deliver.deliver([batch(*records)])
    assert len(await list_dead_letters(bus.database)) == LIMITS.deaths_in_a_row
    assert await offsets(bus) == {0: 3}


async def test_too_large_a_share_of_dead_letters_halts_the_group(bus: Bus) -> None:
    records = [record(number) for number in range(40)]
    deliver = delivery(
        bus, Faulty(*records[::4], error=Permanent("one in four")).consumer, DeliveryLimits(deaths_in_window=5)
    )
    with pytest.raises(GroupHalted):
        await deliver.deliver([batch(*records)])
    assert len(await list_dead_letters(bus.database)) == 5


async def test_single_dead_letters_far_apart_halt_nothing(bus: Bus) -> None:
    deliver = delivery(bus, limits=DeliveryLimits(deaths_in_a_row=2, deaths_in_window=3, window=20))
    for number in range(0, 200, 25):
        good = [record(number + step) for step in range(1, 25)]
        assert await deliver.deliver([batch(replace(record(number), value=b"{}"), *good)]) == []
    assert len(await list_dead_letters(bus.database)) == 8


async def test_types_that_nobody_listens_to_are_passed_over(bus: Bus) -> None:
    stranger = record(1)
    stranger.headers["ce_type"] = "message.invented"
    records = [record(0, contract=MessageFailed), replace(stranger, type="message.invented"), record(2)]
    assert await delivery(bus).deliver([batch(*records)]) == []
    assert (await bus.effects(), await offsets(bus)) == (1, {0: 3})


async def test_a_record_without_id_is_put_aside_once(bus: Bus) -> None:
    nameless = record(0)
    del nameless.headers["ce_id"]
    for _ in range(2):
        assert await delivery(bus).deliver([batch(nameless)]) == []
    assert len(await list_dead_letters(bus.database)) == 1


async def test_set_based_handlers_get_runs_in_order_and_still_find_the_bad_one(bus: Bus) -> None:
    seen: list[list[int]] = []
    records = [record(number, contract=MessageFailed if number == 5 else MessageSent) for number in range(10)]
    bad = records[7].event_id

    async def note_all(events: Sequence[Event[Any]], uow: UnitOfWork) -> None:
        seen.append([event.sequence for event in events])
        for event in events:
            await note_effect(event, uow)
        if any(event.id == bad for event in events):
            raise Permanent("bad")

    async def note_failures(events: Sequence[Event[Any]], uow: UnitOfWork) -> None:
        await note_all(events, uow)

    consumer = Consumer(
        group="bus-test.sets", handlers={MessageSent: note_all, MessageFailed: note_failures}, set_based=True
    )
    assert await delivery(bus, consumer).deliver([batch(*records)]) == []
    assert seen[:3] == [[1, 2, 3, 4, 5], [6], [7, 8, 9, 10]]
    assert await bus.effects() == 9
    assert [letter.event_id for letter in await list_dead_letters(bus.database)] == [bad]


async def test_a_tombstone_reaches_the_projection_past_the_inbox(bus: Bus) -> None:
    deleted: list[tuple[UUID, int]] = []

    async def drop_user(tombstone: Tombstone, uow: UnitOfWork) -> None:
        deleted.append((tombstone.key, tombstone.sequence))

    consumer = Consumer(
        group="bus-test.users",
        handlers={UserRegistered: note_effect},
        tombstones={GATEWAY_USER: drop_user},
        projection=True,
    )
    user = record(0, topic=GATEWAY_USER, contract=UserRegistered)
    gone = replace(record(1, topic=GATEWAY_USER, contract=UserRegistered), value=None, key=user.key)
    assert await delivery(bus, consumer).deliver([batch(user, gone)]) == []
    assert deleted == [(user.key_id, 2)]
    assert await bus.value("SELECT count(*) FROM inbox") == 1


@pytest.mark.parametrize(("contract", "projection"), [(UserRegistered, False), (MessageSent, True)])
def test_effects_on_state_topics_and_projections_of_facts_are_refused(
    contract: type[EventContract], *, projection: bool
) -> None:
    with pytest.raises(ValueError, match="topic"):
        Consumer(group="bus-test.wrong", handlers={contract: note_effect}, projection=projection)


async def test_what_a_handler_publishes_names_its_event_as_the_cause(bus: Bus) -> None:
    cause = record(0)

    async def answer(event: Event[Any], uow: UnitOfWork) -> None:
        assert current_context().causation_id == str(event.id)
        await bus.announce(uow, uuid7())

    await delivery(bus, Consumer(group="bus-test.answers", handlers={MessageSent: answer})).deliver([batch(cause)])
    headers = orjson.loads(await bus.value("SELECT headers FROM outbox"))
    assert headers["ce_causationid"] == str(cause.event_id)
    assert headers["ce_correlationid"] == "c-1"


async def test_redrive_runs_the_handler_and_closes_the_letter_in_one_transaction(bus: Bus) -> None:
    bad = record(0)
    faulty = Faulty(bad, error=Permanent("not yet"))
    await delivery(bus, faulty.consumer).deliver([batch(bad)])
    (letter,) = await list_dead_letters(bus.database)

    with capture_logs() as logs, pytest.raises(DeadLetterStillFails, match="not yet"):
        await redrive(bus, [faulty.consumer], letter.id)
    still_open = await show_dead_letter(bus.database, letter.id)
    assert (still_open.status, still_open.attempts, await bus.effects()) == ("open", 2, 0)

    faulty.bad.clear()
    with capture_logs() as more:
        closed = await redrive(bus, [faulty.consumer], letter.id)
    told = {"event": "dead_letter.redriven", "id": str(letter.id), "by": "cli:ada", "consumer": letter.consumer}
    assert [each["outcome"] for each in logs + more if told.items() <= each.items()] == ["failed", "applied"]
    assert closed == await show_dead_letter(bus.database, letter.id)
    assert (closed.status, await bus.effects()) == ("redriven", 1)
    with pytest.raises(DeadLetterClosed):
        await redrive(bus, [faulty.consumer], letter.id)
    assert await bus.effects() == 1


async def test_two_people_redrive_one_letter_once(bus: Bus) -> None:
    bad = record(0)
    faulty = Faulty(bad, error=Permanent("not yet"))
    await delivery(bus, faulty.consumer).deliver([batch(bad)])
    (letter,) = await list_dead_letters(bus.database)
    faulty.bad.clear()
    async with bus.database.uow(), bus.database.uow():
        pass  # two connections are there: the two go on side by side, statement by statement
    both = await asyncio.gather(*(redrive(bus, [faulty.consumer], letter.id) for _ in range(2)), return_exceptions=True)
    assert sum(isinstance(each, DeadLetterClosed) for each in both) == 1
    assert await bus.effects() == 1


async def test_a_discarded_letter_has_no_effect_and_stays_to_be_seen(bus: Bus) -> None:
    bad = record(0)
    await delivery(bus, Faulty(bad, error=Permanent("no")).consumer).deliver([batch(bad)])
    (letter,) = await list_dead_letters(bus.database)
    with capture_logs() as logs:
        async with discarding(bus.database.uow(), letter.id, by="cli:ada", reason="sent twice by the till"):
            assert await bus.value("SELECT status FROM dead_letter") == "open"  # it ends with the block
    assert await list_dead_letters(bus.database) == []
    assert [each.status for each in await list_dead_letters(bus.database, status="discarded")] == ["discarded"]
    assert await bus.effects() == 0
    (said,) = logs
    told = {"id": str(letter.id), "by": "cli:ada", "consumer": letter.consumer, "reason": "sent twice by the till"}
    assert said["event"] == "dead_letter.discarded"
    assert told.items() <= said.items()


async def test_a_letter_whose_consumer_is_gone_says_so(bus: Bus) -> None:
    bad = record(0)
    await delivery(bus, Faulty(bad, error=Permanent("no")).consumer).deliver([batch(bad)])
    (letter,) = await list_dead_letters(bus.database)
    with pytest.raises(Conflict, match="Discard"):
        await redrive(bus, [], letter.id)


async def test_a_batch_without_errors_takes_one_claim_and_no_statement_per_duplicate(bus: Bus) -> None:
    """BEGIN, one claim with the offsets, the handlers, COMMIT: the round trips that consumption costs."""
    statements: list[str] = []
    records = [record(number) for number in range(100)]
    await delivery(bus).deliver([batch(*records)])
    async with bus.database.acquire() as connection:
        connection.add_query_logger(lambda query: statements.append(query.query))
    await delivery(bus).deliver([batch(*records)])

    async def all_logged() -> bool:
        return len(statements) >= 3

    await bus.until(all_logged)
    assert [statement.split()[0] for statement in statements] == ["BEGIN", "WITH", "COMMIT"]
