"""One use case, one transaction: what commits together, and what a refusal leaves behind."""

import asyncio
from collections.abc import Callable
from contextlib import AsyncExitStack
from datetime import timedelta
from uuid import UUID, uuid4

import pytest

from common.database import Database, connection_lost, uuid7
from common.events import GATEWAY_USER, Tombstone
from common.events.contracts.gateway import UserRegistered
from common.problems import Unavailable
from common.testing import Api, EventProbe, TestClock

Announce = Callable[[UUID, object], UserRegistered]
COUNT = "SELECT count(*) FROM mug WHERE name = $1"


async def mugs_named(database: Database, name: str) -> int:
    row = await database.uow().single_row(COUNT, name)
    assert row is not None
    return int(row[0])


async def test_state_and_announcement_commit_together(api: Api, database: Database, probe: EventProbe) -> None:
    made = await api.post("/v1/mugs", json={"name": "plain"})
    assert (made.status_code, made.headers["etag"]) == (201, '"1"')
    events = await probe.events("user.registered", key=made.json()["id"])
    assert [event.sequence for event in events] == [1]
    assert await mugs_named(database, "plain") == 1


async def test_a_refusal_changes_and_announces_nothing(api: Api, database: Database, probe: EventProbe) -> None:
    before = len(await probe.everything())
    refused = await api.as_customer().post("/v1/mugs", json={"name": "taken"})
    assert (refused.status_code, refused.json()["type"]) == (409, "/problems/mug-taken")
    assert await mugs_named(database, "taken") == 0
    assert len(await probe.everything()) == before


async def test_a_fault_of_ours_is_a_500_problem_and_changes_nothing(api: Api, database: Database) -> None:
    failed = await api.post("/v1/mugs", json={"name": "broken"})
    assert failed.status_code == 500
    assert failed.headers["content-type"] == "application/problem+json"
    assert "boom" not in failed.text
    assert await mugs_named(database, "broken") == 0


async def test_the_same_key_twice_acts_once_and_gets_the_same_bytes(api: Api, database: Database) -> None:
    customer, key = api.as_customer(), {"Idempotency-Key": str(uuid4())}
    first = await customer.post("/v1/mugs", json={"name": "once"}, headers=key)
    again = await customer.post("/v1/mugs", json={"name": "once"}, headers=key)
    assert (again.status_code, again.content, again.headers["idempotency-replayed"]) == (201, first.content, "true")
    assert again.headers["etag"] == first.headers["etag"]
    assert await mugs_named(database, "once") == 1


async def test_a_refusal_is_replayed_too(api: Api) -> None:
    customer, key = api.as_customer(), {"Idempotency-Key": str(uuid4())}
    await customer.post("/v1/mugs", json={"name": "taken"}, headers=key)
    again = await customer.post("/v1/mugs", json={"name": "taken"}, headers=key)
    assert (again.status_code, again.headers.get("idempotency-replayed")) == (409, "true")
    assert again.headers["content-type"] == "application/problem+json"


async def test_the_same_key_at_the_same_time_acts_once(api: Api, database: Database) -> None:
    customer, key = api.as_customer(), {"Idempotency-Key": str(uuid4())}
    answers = await asyncio.gather(*(customer.post("/v1/mugs", json={"name": "race"}, headers=key) for _ in range(16)))
    assert {answer.status_code for answer in answers} <= {201, 409}
    assert await mugs_named(database, "race") == 1
    for answer in answers:
        if answer.status_code == 409:
            assert (answer.json()["type"], answer.headers["retry-after"]) == ("/problems/request-in-progress", "1")


async def test_a_key_with_another_body_is_refused(api: Api, database: Database) -> None:
    customer, key = api.as_customer(), {"Idempotency-Key": str(uuid4())}
    await customer.post("/v1/mugs", json={"name": "first"}, headers=key)
    other = await customer.post("/v1/mugs", json={"name": "second"}, headers=key)
    assert (other.status_code, other.json()["type"]) == (422, "/problems/idempotency-key-reused")
    assert await mugs_named(database, "second") == 0


async def test_two_callers_may_use_the_same_key(api: Api, database: Database) -> None:
    key = {"Idempotency-Key": str(uuid4())}
    for _ in range(2):
        made = await api.as_customer().post("/v1/mugs", json={"name": "shared"}, headers=key)
        assert made.status_code == 201
    assert await mugs_named(database, "shared") == 2


async def test_a_key_is_forgotten_after_a_day(api: Api, clock: TestClock, database: Database) -> None:
    customer, key = api.as_customer(), {"Idempotency-Key": str(uuid4())}
    await customer.post("/v1/mugs", json={"name": "daily"}, headers=key)
    clock.advance(timedelta(hours=24, seconds=1))
    await customer.post("/v1/mugs", json={"name": "daily"}, headers=key)
    assert await mugs_named(database, "daily") == 2


async def test_an_operation_that_needs_a_key_says_so(api: Api) -> None:
    staff = api.as_user(scopes="catalog:write")
    refused = await staff.post("/v1/mugs/keyed", json={"name": "no key"}, headers={"Idempotency-Key": None})
    assert (refused.status_code, refused.json()["type"]) == (400, "/problems/idempotency-key-missing")


async def test_events_of_one_aggregate_are_numbered_in_order_and_the_tombstone_comes_last(
    database: Database, probe: EventProbe, announce: Announce
) -> None:
    mug_id = uuid7()
    async with database.uow() as uow:
        await uow.execute("INSERT INTO mug (id, name) VALUES ($1, 'numbered')", mug_id)
        uow.publish(announce(mug_id, uow.now))
        uow.publish(announce(mug_id, uow.now))
        uow.publish_tombstone(GATEWAY_USER, mug_id)
    found = await probe.everything(key=mug_id)
    assert [record.sequence for record in found] == [1, 2, 3]
    assert isinstance(found[-1], Tombstone)


async def test_an_event_without_its_aggregate_row_stops_the_commit(database: Database, announce: Announce) -> None:
    with pytest.raises(RuntimeError, match="no row in mug"):
        async with database.uow() as uow:
            await uow.execute("INSERT INTO mug (id, name) VALUES ($1, 'orphan')", uuid7())
            uow.publish(announce(uuid7(), uow.now))
    assert await mugs_named(database, "orphan") == 0


async def test_a_savepoint_takes_its_events_back(database: Database, probe: EventProbe, announce: Announce) -> None:
    kept, undone = uuid7(), uuid7()
    async with database.uow() as uow:
        await uow.execute("INSERT INTO mug (id, name) VALUES ($1, 'kept')", kept)
        uow.publish(announce(kept, uow.now))
        with pytest.raises(ValueError, match="no"):
            async with uow.savepoint():
                await uow.execute("INSERT INTO mug (id, name) VALUES ($1, 'undone')", undone)
                uow.publish(announce(undone, uow.now))
                raise ValueError("no")
    assert await mugs_named(database, "undone") == 0
    assert len(await probe.events(key=kept)) == 1
    assert await probe.events(key=undone) == []


async def test_a_cancelled_unit_of_work_gives_back_a_clean_connection(database: Database) -> None:
    entered = asyncio.Event()

    async def hang() -> None:
        async with database.uow() as uow:
            await uow.execute("INSERT INTO mug (id, name) VALUES ($1, 'cancelled')", uuid7())
            entered.set()
            await uow.execute("SELECT pg_sleep(30)")

    for _ in range(10):  # more often than the pool has connections
        entered.clear()
        task = asyncio.create_task(hang())
        await entered.wait()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    assert await mugs_named(database, "cancelled") == 0
    assert database.engine.pool.checkedout() == 0  # type: ignore[attr-defined] # a queue pool counts


@pytest.mark.parametrize("turns", range(1, 12))
async def test_no_transaction_is_left_open_by_whoever_is_cancelled_while_it_begins_or_commits(
    database: Database, turns: int
) -> None:
    """The next one to take that connection would work in a transaction that nobody commits."""

    async def work() -> None:
        async with database.uow():
            pass

    async with AsyncExitStack() as held:  # so that the pool has as many as it may
        for _ in range(database.engine.pool.size()):  # type: ignore[attr-defined] # a queue pool has a size
            await held.enter_async_context(database.acquire())
    for _ in range(10):
        task = asyncio.create_task(work())
        for _ in range(turns):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    async with AsyncExitStack() as held:
        for _ in range(database.engine.pool.size()):  # type: ignore[attr-defined] # as above
            connection = await held.enter_async_context(database.acquire())
            await connection.fetchval("SELECT 1")  # the driver hears of what it did not wait for
            assert not connection.is_in_transaction()


async def test_a_connection_killed_by_the_server_is_replaced(database: Database) -> None:
    async with database.acquire() as connection:
        await connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
    async with asyncio.timeout(5):
        while True:  # the news of the end reaches the driver a moment later
            try:
                assert await mugs_named(database, "nothing of this name") == 0
            except Exception as error:  # noqa: BLE001 - whatever it is, it must be the lost connection
                assert connection_lost(error), error
            else:
                break


async def test_no_session_state_is_left_on_a_connection(database: Database) -> None:
    async with database.uow(lock_timeout_ms=17) as uow:
        assert await uow.fetchval("SHOW lock_timeout") == "17ms"
    async with database.acquire() as connection:
        assert await connection.fetchval("SHOW lock_timeout") == "500ms"


async def test_a_database_that_lets_nobody_in_is_unavailable_whatever_the_driver_calls_it(database: Database) -> None:
    """As one that is starting up: loops try again, requests get 503, nothing falls over."""
    url = database.engine.url.set(drivername="postgresql", database="no_such_database")
    closed = Database.open(url.render_as_string(hide_password=False), service="test")

    with pytest.raises(Unavailable):
        async with closed.uow():
            pass
    await closed.close()


async def test_who_waits_for_a_commit_is_told_after_it_and_not_after_a_rollback(database: Database) -> None:
    told: list[str] = []
    async with database.uow() as uow:
        uow.on_commit(lambda: told.append("committed"))
        assert told == []
    uow = database.uow()
    with pytest.raises(RuntimeError, match="undone"):
        async with uow:
            uow.on_commit(lambda: told.append("rolled back"))
            raise RuntimeError("undone")
    async with uow:
        pass
    assert told == ["committed"]
