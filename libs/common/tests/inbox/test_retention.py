"""How long the inbox remembers, and what the invariant asks it."""

from datetime import UTC, datetime, timedelta

from common.database import uuid7
from common.inbox import delete_old_claims, forget_group, missing_events
from common.testing.bus import Bus

INSERT = "INSERT INTO inbox SELECT $1, id, $3 FROM unnest($2::uuid[]) AS id"


async def test_claims_go_after_35_days_in_batches_and_not_before(bus: Bus) -> None:
    now = datetime.now(UTC)
    await bus.rows(INSERT, "g", [uuid7() for _ in range(25)], now - timedelta(days=36))
    await bus.rows(INSERT, "g", [uuid7() for _ in range(3)], now - timedelta(days=34))
    assert await delete_old_claims(bus.database, batch=10) == 25
    assert await bus.value("SELECT count(*) FROM inbox") == 3


async def test_an_event_that_a_group_never_had_is_missing(bus: Bus) -> None:
    had, never = uuid7(), uuid7()
    await bus.rows(INSERT, "g", [had], datetime.now(UTC))
    await bus.rows(INSERT, "other", [never], datetime.now(UTC))
    async with bus.database.uow() as uow:
        assert await missing_events(uow, group="g", event_ids=[had, never]) == [never]


async def test_a_forgotten_group_starts_anew_and_others_do_not(bus: Bus) -> None:
    await bus.rows(INSERT, "g", [uuid7()], datetime.now(UTC))
    await bus.rows(INSERT, "other", [uuid7()], datetime.now(UTC))
    await bus.execute("INSERT INTO consumer_offset VALUES ('ns.g', 't', 0, 7), ('ns.other', 't', 0, 7)")
    async with bus.database.uow() as uow:
        await forget_group(uow, group="g", namespace="ns")
    assert [row["consumer"] for row in await bus.rows("SELECT consumer FROM inbox")] == ["other"]
    assert [row["group"] for row in await bus.rows('SELECT "group" FROM consumer_offset')] == ["ns.other"]
