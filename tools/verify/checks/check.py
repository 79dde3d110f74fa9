"""What a check is: an async function whose docstring says what a violation means and what to do about it."""

import inspect
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from tools.verify.databases import Databases, Row

BATCH = 5_000  # rows of one database that are looked up in another at a time
FIRST_ID = UUID(int=0)


@dataclass(slots=True)
class Result:
    """How much was looked at, and what was wrong with it."""

    looked_at: int = 0
    violations: list[Row] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Check:
    """A rule across services.

    Args:
        what: What it counts, in the plural.
        key: The members of a violation that say whose it is. Each database is read at another moment, so only what is
            still wrong with the same one at a later look is a violation.
    """

    name: str
    description: str
    what: str
    key: tuple[str, ...]
    run: Callable[[Databases], Awaitable[Result]]

    def key_of(self, violation: Row) -> tuple[Any, ...]:
        """Whose violation it is."""
        return tuple(violation[name] for name in self.key)


def check(what: str, *, key: tuple[str, ...]) -> Callable[[Callable[[Databases], Awaitable[Result]]], Check]:
    """Make a check of an async function; its name is the function's with hyphens."""

    def of(function: Callable[[Databases], Awaitable[Result]]) -> Check:
        name = function.__name__.replace("_", "-")
        description = inspect.getdoc(function)
        if not description:
            raise TypeError(f"check {name} needs a docstring: what does a violation mean, and what is to be done?")
        return Check(name, description, what, key, function)

    return of


async def batches(databases: Databases, service: str, sql: str, *, size: int = BATCH) -> AsyncIterator[Sequence[Row]]:
    """Read in batches what ``sql`` selects: ``id > $1`` in the order of ``id``, at most ``$2``."""
    after = FIRST_ID
    while rows := await databases.fetch(service, sql, after, size):
        yield rows
        after = rows[-1]["id"]
