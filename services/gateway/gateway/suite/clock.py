"""The business time of the whole suite, which demo and tests move forward.

Every service keeps its own offset and takes the greater of the old and the new, so that a move that failed half-way is
finished by asking for it again. The gateway's own offset is moved last: from it the next target is reckoned.
"""

import asyncio
from datetime import timedelta
from typing import Final

from common.database import Database
from common.problems import Unavailable
from gateway.proxy.upstreams import Upstream, Upstreams
from gateway.tokens.internal import InternalTokens

PATIENCE_SECONDS: Final = 2.0
OK: Final = 200
MOVE: Final = "/internal/test-clock"


class SuiteClock:
    """Moves every service's time, or none's."""

    def __init__(self, database: Database, upstreams: Upstreams, tokens: InternalTokens) -> None:
        self._database = database
        self._upstreams = upstreams
        self._tokens = tokens
        self._lock = asyncio.Lock()  # two moves at once would reckon from the same offset, and one be lost

    async def advance(self, by: timedelta) -> timedelta:
        """Move business time forward and return the offset in force.

        Raises Unavailable when a service is away: then the time of none was moved, or, where one went away in that very
        moment, the same request again moves those that are behind and no one twice.
        """
        async with self._lock:
            target = await self._database.advance_clock(timedelta(0)) + by
            await self._all("GET", "/livez", None)
            await self._all("POST", MOVE, {"offset_ms": round(target.total_seconds() * 1000)})
            return await self._database.advance_clock(target)

    async def _all(self, method: str, path: str, body: object) -> None:
        upstreams = list(self._upstreams)
        done = await asyncio.gather(*(self._one(upstream, method, path, body) for upstream in upstreams))
        missing = [upstream.name for upstream, ok in zip(upstreams, done, strict=True) if not ok]
        if missing:
            raise Unavailable(
                f"The time of {', '.join(missing)} could not be moved; the same request again finishes it."
            )

    async def _one(self, upstream: Upstream, method: str, path: str, body: object) -> bool:
        token = self._tokens.own(upstream.name)
        told = await upstream.ask(method, path, token=token, json=body, seconds=PATIENCE_SECONDS)
        return told is not None and told.status == OK
