"""What must always hold, as queries that run: in tests, in drills and in production.

Each invariant's docstring says what a violation means and what to do about it. A query that finds nothing is content.
"""

import inspect
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from common.database import Database, UnitOfWork

ROWS_SHOWN = 50  # enough to see the pattern; a broken rule may fail for every row of a table

Rows = Sequence[Mapping[str, Any]]
AsyncCheck = Callable[["UnitOfWork"], Awaitable[Rows]]

READ_ONLY = "SET TRANSACTION READ ONLY"


@dataclass(frozen=True, slots=True)
class Invariant:
    """A rule and how to look for what breaks it.

    ``check`` is one SELECT whose rows are violations, in which ``$1`` is the business time if it occurs, or an async
    function of the unit of work that returns such rows. Either runs read-only.
    """

    name: str
    description: str
    check: str | AsyncCheck


@dataclass(frozen=True, slots=True)
class Violation:
    """A row that breaks an invariant."""

    invariant: str
    description: str
    row: Mapping[str, Any]

    def __str__(self) -> str:
        values = ", ".join(f"{name}={value}" for name, value in self.row.items())
        return f"{self.invariant}: {values}"


def invariant(function: Callable[[], str] | AsyncCheck) -> Invariant:
    """Make an invariant of a function that returns SQL, or of an async one that looks for itself.

    Its name is the function's with hyphens, its description the docstring, which must be there.
    """
    name = function.__name__.replace("_", "-")
    description = inspect.getdoc(function)
    if not description:
        raise TypeError(f"invariant {name} needs a docstring: what does a violation mean, and what is to be done?")
    check: Any = function if inspect.iscoroutinefunction(function) else function()  # type: ignore[call-arg] # SQL
    return Invariant(name=name, description=description, check=check)


async def run_invariants(database: "Database", invariants: Iterable[Invariant]) -> list[Violation]:
    """Run each in a read-only transaction of its own and return what breaks them, at most 50 rows of each."""
    return [violation for each in invariants for violation in await _violations_of(database, each)]


async def _violations_of(database: "Database", each: Invariant) -> list[Violation]:
    async with database.uow() as uow:
        await uow.execute(READ_ONLY)
        rows = await _rows_of(uow, each)
        return [Violation(each.name, each.description, row) for row in rows[:ROWS_SHOWN]]


async def _rows_of(uow: "UnitOfWork", each: Invariant) -> Rows:
    if not isinstance(each.check, str):
        return await each.check(uow)
    limited = f"SELECT * FROM (\n{each.check.strip().rstrip(';')}\n) AS violation LIMIT {ROWS_SHOWN}"  # noqa: S608 - our own SQL
    rows = await uow.fetch(limited, *([uow.now] if "$1" in each.check else []))
    return [dict(row) for row in rows]
