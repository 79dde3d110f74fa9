"""Hashing is slow on purpose, and must slow down nothing else."""

import asyncio
import threading
import time
from typing import Literal

import pytest
from argon2 import PasswordHasher

from common.problems import Unavailable
from gateway.users.passwords import AT_ONCE, HASHER, NOBODYS, WAITING, Passwords

LONGEST_GAP_SECONDS = 0.1  # one hash takes 30 ms; eight on the loop would take a quarter of a second


class Watched(PasswordHasher):
    """Counts how many hashes are computed, and how many at once."""

    def __init__(self) -> None:
        super().__init__(memory_cost=8 * 1024, time_cost=1, parallelism=1)
        self._lock = threading.Lock()
        self._running = 0
        self.most = 0
        self.verified: list[str] = []

    def hash(self, password: str | bytes, *, salt: bytes | None = None) -> str:
        with self._lock:
            self._running += 1
            self.most = max(self.most, self._running)
        try:
            return super().hash(password, salt=salt)
        finally:
            with self._lock:
                self._running -= 1

    def verify(self, hash: str | bytes, password: str | bytes) -> Literal[True]:  # noqa: A002 - argon2's own name
        self.verified.append(str(hash))
        return super().verify(hash, password)


async def test_the_loop_goes_on_while_hashes_are_computed() -> None:
    passwords, gaps, running = Passwords(), [0.0], True

    async def tick() -> None:
        last = time.perf_counter()
        while running:
            await asyncio.sleep(0)
            now = time.perf_counter()
            gaps.append(now - last)
            last = now

    ticking = asyncio.create_task(tick())
    await asyncio.gather(*(passwords.hash("correct horse battery") for _ in range(8)))
    running = False
    await ticking
    assert max(gaps) < LONGEST_GAP_SECONDS
    assert len(gaps) > 100


async def test_two_at_a_time() -> None:
    hasher = Watched()
    passwords = Passwords(hasher)
    await asyncio.gather(*(passwords.hash("correct horse battery") for _ in range(10)))
    assert hasher.most <= AT_ONCE


async def test_a_flood_is_told_to_come_back() -> None:
    passwords = Passwords(Watched())
    everyone = [passwords.hash("correct horse battery") for _ in range(AT_ONCE + WAITING + 5)]
    results = await asyncio.gather(*everyone, return_exceptions=True)
    assert sum(isinstance(result, Unavailable) for result in results) >= 1
    assert sum(isinstance(result, str) for result in results) >= WAITING
    assert await passwords.hash("correct horse battery")


async def test_nobody_s_password_is_checked_as_thoroughly() -> None:
    hasher = Watched()
    assert not await Passwords(hasher).matches("correct horse battery", None)
    assert hasher.verified == [NOBODYS]
    assert not HASHER.check_needs_rehash(NOBODYS)  # the same work as a real one


async def test_only_the_right_password_matches() -> None:
    passwords = Passwords()
    stored = await passwords.hash("crème brûlée 12")
    assert await passwords.matches("crème brûlée 12", stored)
    assert await passwords.matches("cre\u0300me bru\u0302le\u0301e 12", stored)  # as another keyboard writes it
    assert not await passwords.matches("creme brulee 12", stored)
    assert not await passwords.matches("crème brûlée 12", "no hash at all")


@pytest.mark.parametrize(("stored", "outdated"), [(NOBODYS, False), (NOBODYS.replace("t=2", "t=1"), True)])
def test_weaker_hashes_are_recognised(stored: str, *, outdated: bool) -> None:
    assert Passwords().is_outdated(stored) is outdated
