"""Trying again where the database asks for it."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from typing import TypeVar

from common.database._engine import conflict_in

T = TypeVar("T")

ATTEMPTS = 3
PAUSE_SECONDS = 0.02  # a lock queue of a hot row moves on within this; doubled and jittered


async def retry_conflicts(work: Callable[[], Awaitable[T]], *, jitter: Callable[[], float] = random.random) -> T:
    """Run ``work`` again, at most three times in all, when it met a serialisation failure, deadlock or lock time-out.

    ``work`` opens its own unit of work: what failed was rolled back whole.
    """
    for attempt in range(1, ATTEMPTS):
        try:
            return await work()
        except Exception as error:
            if not conflict_in(error):
                raise
            await asyncio.sleep(PAUSE_SECONDS * 2**attempt * jitter())
    return await work()
