"""What must hold is looked for without touching anything, and every violation is told."""

from collections.abc import AsyncIterator

import asyncpg
import pytest

from common.database import Database, UnitOfWork
from common.invariants import ROWS_SHOWN, Rows, invariant, run_invariants
from common.testing import Platform


@invariant
def stock_is_never_negative() -> str:
    """A level below zero was sold twice: stop selling the SKU, count it, adjust."""
    return "SELECT sku, on_hand FROM level WHERE on_hand < 0 ORDER BY sku;"


@invariant
async def nothing_is_due(uow: UnitOfWork) -> Rows:
    """Something overdue means that the sweep does not run."""
    rows = await uow.fetch("SELECT sku FROM level WHERE due < $1", uow.now)
    return [dict(row) for row in rows]


@pytest.fixture
async def database(platform: Platform) -> AsyncIterator[Database]:
    url = await platform.new_database(None)
    connection = await asyncpg.connect(url)
    await connection.execute("CREATE TABLE level (sku text, on_hand integer, due timestamptz)")
    await connection.close()
    opened = Database.open(url, service="invariants-test")
    yield opened
    await opened.close()


async def put(database: Database, *rows: tuple[str, int]) -> None:
    async with database.uow() as uow:
        await uow.executemany("INSERT INTO level VALUES ($1, $2)", rows)


async def test_a_world_in_order_has_no_violations(database: Database) -> None:
    await put(database, ("MUG", 0), ("CUP", 3))

    assert await run_invariants(database, [stock_is_never_negative, nothing_is_due]) == []


async def test_planted_damage_is_found_and_explained(database: Database) -> None:
    await put(database, ("MUG", -1), ("CUP", 3))
    async with database.uow() as uow:
        await uow.execute("UPDATE level SET due = '2020-01-01Z' WHERE sku = 'CUP'")

    negative, due = await run_invariants(database, [stock_is_never_negative, nothing_is_due])

    assert str(negative) == "stock-is-never-negative: sku=MUG, on_hand=-1"
    assert "count it, adjust" in negative.description
    assert (due.invariant, due.row) == ("nothing-is-due", {"sku": "CUP"})


async def test_sql_may_ask_for_the_business_time(database: Database) -> None:
    @invariant
    def nothing_is_overdue() -> str:
        """The sweep does not run."""
        return "SELECT sku FROM level WHERE due < $1::timestamptz"

    await put(database, ("MUG", 1))
    assert await run_invariants(database, [nothing_is_overdue]) == []

    async with database.uow() as uow:
        await uow.execute("UPDATE level SET due = '2020-01-01Z'")
    assert [found.row for found in await run_invariants(database, [nothing_is_overdue])] == [{"sku": "MUG"}]


async def test_damage_everywhere_does_not_flood(database: Database) -> None:
    await put(database, *((f"SKU-{number:03}", -1) for number in range(ROWS_SHOWN + 5)))

    assert len(await run_invariants(database, [stock_is_never_negative])) == ROWS_SHOWN


async def test_a_check_cannot_change_what_it_checks(database: Database) -> None:
    @invariant
    async def repairs(uow: UnitOfWork) -> Rows:
        """It must not."""
        return [dict(row) for row in await uow.fetch("DELETE FROM level RETURNING sku")]

    with pytest.raises(asyncpg.ReadOnlySQLTransactionError):
        await run_invariants(database, [repairs])


def test_an_invariant_that_does_not_explain_itself_is_refused() -> None:
    def silent() -> str:
        return "SELECT 1"

    with pytest.raises(TypeError, match="docstring"):
        invariant(silent)
