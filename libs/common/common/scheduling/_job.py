"""What a job is, and what its handler gets to know about the run."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Generic, TypeVar

from pydantic import BaseModel

if TYPE_CHECKING:
    from common.database import Database, UnitOfWork
    from common.service import Runtime

P = TypeVar("P", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class Backoff:
    """How long a failed job rests: ``first``, doubled each time, never over ``longest``, less up to half at random."""

    first: timedelta = timedelta(seconds=1)
    longest: timedelta = timedelta(minutes=5)

    def delay(self, attempt: int, *, jitter: Callable[[], float] = random.random) -> timedelta:
        """Rest after the ``attempt``-th try, counted from 1, has failed."""
        doubled = self.first * (1 << min(attempt - 1, 30))  # 2**30 s is beyond any ``longest``
        return min(doubled, self.longest) * (1 - jitter() / 2)


@dataclass(frozen=True)
class Job(Generic[P]):
    """Work that is queued in the transaction that causes it and runs after its commit, at least once.

    A process may die between the handler's last effect and the note that it is done, and the job runs again: handlers
    are idempotent. After ``max_attempts`` failures, deaths of the process included, it is parked: it keeps its row with
    status ``failed`` until somebody requeues it.

    Args:
        name: The queue's word for it; renaming it orphans queued rows.
        handler: ``async def capture_parcel(payload: CaptureParcel, run: JobRun) -> None``.
        payload_model: What the handler gets; stored as JSON, so old rows must still validate after a change.
        max_attempts: Tries before it is parked.
        backoff: Rest between tries.
        concurrency_limit: How many may run at once in all processes together; None for no limit.
    """

    name: str
    handler: Callable[[P, "JobRun"], Awaitable[None]]
    payload_model: type[P]
    max_attempts: int = field(default=8, kw_only=True)
    backoff: Backoff = field(default=Backoff(), kw_only=True)
    concurrency_limit: int | None = field(default=None, kw_only=True)


@dataclass(frozen=True, kw_only=True)
class JobRun:
    """One try of a job."""

    runtime: "Runtime"
    database: "Database"
    job_id: int
    attempt: int  # from 1
    _stop: asyncio.Event

    def uow(self) -> "UnitOfWork":
        """Make a unit of work on the service's database; a handler may use several, one after the other."""
        return self.database.uow()

    @property
    def stopping(self) -> bool:
        """Whether the process wants to end: a long handler stops at its next safe point by raising HandBack."""
        return self._stop.is_set()


class HandBack(Exception):
    """Raised by a handler that stops before its end: the job is queued again and no attempt is counted."""

    def __init__(self, *, after: timedelta = timedelta(0)) -> None:
        super().__init__("handed back")
        self.after = after
