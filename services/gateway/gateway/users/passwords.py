"""Passwords as argon2id hashes, computed off the loop.

Two at a time: each takes 19 MiB and some 30 ms of a core, and a flood of sign-ins must leave the other core's time to
everything else. What it must never do: tell, by its answer or the time it takes, whether an address is known.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from common.problems import Unavailable
from gateway.users.schemas import normal_password

AT_ONCE: Final = 2
WAITING: Final = 32  # about half a second of work; whoever comes later is told to come back

# OWASP's first choice: 19 MiB, two passes, one lane.
HASHER: Final = PasswordHasher(memory_cost=19 * 1024, time_cost=2, parallelism=1)
NOBODYS: Final = "$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHRzb21lc2FsdA$0000000000000000000000000000000000000000000"


class Passwords:
    """Hashes and checks passwords, a few at a time."""

    def __init__(self, hasher: PasswordHasher = HASHER) -> None:
        self._hasher = hasher
        self._gate = asyncio.Semaphore(AT_ONCE)
        self._waiting = 0

    async def hash(self, password: str) -> str:
        """Return the hash to store."""
        async with self._turn():
            return await asyncio.to_thread(self._hasher.hash, normal_password(password))

    async def matches(self, password: str, stored: str | None) -> bool:
        """Tell whether ``password`` is the one; without a stored hash it takes the same time and the answer is no."""
        async with self._turn():
            fits = await asyncio.to_thread(self._verify, password, stored or NOBODYS)
        return fits and stored is not None

    def is_outdated(self, stored: str) -> bool:
        """Tell whether ``stored`` was made with weaker parameters than today's."""
        return self._hasher.check_needs_rehash(stored)

    def _verify(self, password: str, stored: str) -> bool:
        try:
            return self._hasher.verify(stored, normal_password(password))
        except (VerificationError, InvalidHashError):
            return False

    @asynccontextmanager
    async def _turn(self) -> AsyncIterator[None]:
        """Wait for one of the places. Raises Unavailable when too many wait already."""
        if self._waiting >= WAITING:
            raise Unavailable("Too many people are signing in at this moment.", retry_after=1)
        self._waiting += 1
        try:
            await self._gate.acquire()
        finally:
            self._waiting -= 1
        try:
            yield
        finally:
            self._gate.release()
