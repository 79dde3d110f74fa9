"""One open stream: the table first, then the ring, in one order and without a gap.

Where it stands is one number. Everything behind it comes from the ring if the ring reaches back so far, else from the
table; there is no moment of handing over at which something could fall between the two or come twice.
"""

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator
from typing import Final

from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from common.telemetry import logger
from notifications.feed.frames import event_frame, opening_frame, ping_frame, stop_frame
from notifications.feed.hub import AWAY, Hub
from notifications.feed.rules import Wanted

LOG = logger(__name__)

RETRY_MS: Final = 1_000  # up to twice that, so that readers who were cut off together do not come back together
PART_BYTES: Final = 64 << 10  # what a reader that has stopped to read can make us hold
EARLIER: Final = 0.1  # of the longest life, at most: streams opened together do not end together

Loop = asyncio.AbstractEventLoop


class EventStream(StreamingResponse):
    """Answers with an open stream, which holds one of the hub's places while it lasts."""

    media_type = "text/event-stream"

    def __init__(self, hub: Hub, start: int, wanted: Wanted, *, personal_data: bool) -> None:
        self._hub = hub
        super().__init__(
            _encoded(hub, start, wanted, personal_data=personal_data),
            headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Stream until the reader leaves. Raises TooManyStreams before anything is sent."""
        async with self._hub.place():
            await super().__call__(scope, receive, send)


async def _encoded(hub: Hub, start: int, wanted: Wanted, *, personal_data: bool) -> AsyncIterator[bytes]:
    position = start
    clock = asyncio.get_running_loop().time
    ends_at = clock() + hub.times.longest * (1 - EARLIER * random.random())  # noqa: S311 - spreads, keeps no secret
    yield opening_frame(position, retry_ms=RETRY_MS + random.randrange(RETRY_MS))  # noqa: S311 - as above
    said_at = clock()
    while True:
        if hub.leaving.is_set() or clock() >= ends_at:
            yield stop_frame(position, reason="restart" if hub.leaving.is_set() else "renew")
            return
        changed = hub.changed
        if not hub.ring.reaches(position):
            try:
                page = await hub.page(position, wanted, personal_data=personal_data)
            except AWAY as error:
                LOG.warning("stream.waits_for_database", error=repr(error))
                await asyncio.sleep(hub.times.reconnect)
                continue
            if position < page.edges.floor:  # so slow that events were deleted before it came to them
                yield stop_frame(position, reason="cursor-too-old")
                return
            part, position, more = b"".join(event_frame(*item) for item in page.items), page.next, page.more
        else:
            frames, position = hub.ring.after(position, wanted, personal_data=personal_data, most_bytes=PART_BYTES)
            part, more = b"".join(frames), position < hub.ring.head
        if not part and clock() >= said_at + hub.times.ping:
            part = ping_frame(position)
        if part:
            yield part
            said_at = clock()
        elif not more:
            await _wait(changed, until=min(said_at + hub.times.ping, ends_at), hub=hub)


async def _wait(changed: asyncio.Event, *, until: float, hub: Hub) -> None:
    """Return when the ring has changed, or at a time of the loop's clock; without a ring when it is time to look."""
    loop = asyncio.get_running_loop()
    if hub.ring.floor is None:
        until = min(until, loop.time() + hub.times.poll)
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout_at(until):
            await changed.wait()
