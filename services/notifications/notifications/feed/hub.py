"""What all streams of a process share: one connection that hears of new events, and the ring that they are read into.

The connection is outside the pool, and so are the two by which streams read what is not in the ring: open streams never
take a connection from requests. Nothing here runs while no stream is open.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final

import asyncpg

from common.database import Database
from common.problems import Unavailable
from common.telemetry import Metrics, logger
from notifications.feed.bell import CHANNEL
from notifications.feed.problems import TooManyStreams
from notifications.feed.repository import LogPage, LogReader
from notifications.feed.ring import Ring
from notifications.feed.rules import Wanted
from notifications.metrics import OPEN_STREAMS, STREAMS_REFUSED

LOG = logger(__name__)

READERS: Final = 2  # pages of the table at a time; a thousand streams that come back at once wait for their turn
BATCH: Final = 500
BATCH_BYTES: Final = 4 << 20
PAGE: Final = 200
PAGE_BYTES: Final = 128 << 10
RETRY_AFTER_SECONDS: Final = 5
SESSION_SETTINGS: Final = {"timezone": "UTC", "jit": "off", "statement_timeout": "10s"}

AWAY: Final = (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError)


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamTimes:
    """Seconds."""

    ping: float = 15.0  # proxies on the way close what is silent for long
    longest: float = 600.0  # then the reader comes back, and is asked again who it is
    poll: float = 0.5  # how soon an event is seen whose NOTIFY got lost
    reconnect: float = 0.5


class Hub:
    """Opened with the process; ``place`` is held by each open stream."""

    def __init__(
        self,
        database: Database,
        *,
        leaving: asyncio.Event,
        metrics: Metrics,
        most_streams: int,
        times: StreamTimes | None = None,
        ring: Ring | None = None,
    ) -> None:
        self.times = times or StreamTimes()
        self.leaving = leaving
        self.ring = ring or Ring()
        self.changed = asyncio.Event()
        """Set when the ring has grown or the process leaves; replaced by a new one each time."""
        self._url = database.engine.url.set(drivername="postgresql").render_as_string(hide_password=False)
        self._settings = SESSION_SETTINGS | {"application_name": f"{database.service} streams"}
        self._metrics = metrics
        self._most_streams = most_streams
        self._open = 0
        self._woken = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self._readers = asyncpg.create_pool(
            self._url,
            min_size=0,  # the first stream connects
            max_size=READERS,
            timeout=5,
            command_timeout=10,
            reset=_nothing,
            server_settings=self._settings,
        )

    @classmethod
    @asynccontextmanager
    async def open(
        cls,
        database: Database,
        *,
        leaving: asyncio.Event,
        metrics: Metrics,
        most_streams: int,
        times: StreamTimes | None = None,
        ring: Ring | None = None,
    ) -> AsyncIterator["Hub"]:
        """Open it for the block."""
        hub = cls(database, leaving=leaving, metrics=metrics, most_streams=most_streams, times=times, ring=ring)
        async with hub._readers:
            try:
                yield hub
            finally:
                await asyncio.gather(*hub._end(), return_exceptions=True)
                hub._readers.terminate()

    # -- for streams --------------------------------------------------------------------------------------------------

    @asynccontextmanager
    async def place(self) -> AsyncIterator[None]:
        """Hold one of the places for streams. Raises TooManyStreams."""
        if self.leaving.is_set():
            raise Unavailable("This process is being restarted.", retry_after=1)
        if self._open >= self._most_streams:
            self._metrics.count(STREAMS_REFUSED)
            raise TooManyStreams(
                f"{self._open} streams are open here; come again, or read pages of /v1/events meanwhile.",
                retry_after=RETRY_AFTER_SECONDS,
            )
        self._note_open(+1)
        if self._open == 1:
            self._begin()
        try:
            yield
        finally:
            self._note_open(-1)
            if self._open == 0:
                self._end()

    async def page(self, after: int, wanted: Wanted, *, personal_data: bool) -> LogPage:
        """Read from the table what the ring does not reach. Raises one of AWAY."""
        return await LogReader(self._readers.fetch).page(
            after, wanted, limit=PAGE, most_bytes=PAGE_BYTES, personal_data=personal_data
        )

    # -- while one is open --------------------------------------------------------------------------------------------

    def _note_open(self, by: int) -> None:
        self._open += by
        self._metrics.set(OPEN_STREAMS, self._open)

    def _begin(self) -> None:
        self._tasks = [
            asyncio.create_task(self._listen(), name="event log hub"),
            asyncio.create_task(self._tell_of_leaving(), name="event log hub: leaving"),
        ]

    def _end(self) -> list[asyncio.Task[None]]:
        tasks, self._tasks = self._tasks, []
        for task in tasks:
            task.cancel()
        self.ring.end()
        return tasks

    def _tell(self) -> None:
        changed, self.changed = self.changed, asyncio.Event()
        changed.set()

    async def _tell_of_leaving(self) -> None:
        await self.leaving.wait()
        self._tell()

    async def _listen(self) -> None:
        while True:
            try:
                async with self._connection() as connection:
                    await self._read_on(LogReader(connection.fetch))
            except AWAY as error:
                LOG.warning("hub.connection_lost", error=repr(error))
            await asyncio.sleep(self.times.reconnect)

    @asynccontextmanager
    async def _connection(self) -> AsyncIterator[asyncpg.Connection]:
        connection = await asyncpg.connect(self._url, timeout=5, command_timeout=10, server_settings=self._settings)
        try:
            connection.add_termination_listener(lambda _: self._woken.set())
            await connection.add_listener(CHANNEL, lambda *_: self._woken.set())
            yield connection
        finally:
            connection.terminate()

    async def _read_on(self, log: LogReader) -> None:
        """Read into the ring whatever is appended; after a lost connection from where it stood."""
        if self.ring.floor is None:
            self.ring.begin((await log.edges()).head)
            self._tell()
        while True:
            self._woken.clear()
            rows = await log.read_on(self.ring.head, limit=BATCH, most_bytes=BATCH_BYTES)
            if rows:
                self.ring.append(rows)
                self._tell()
                await asyncio.sleep(0)  # let the streams take it
                continue
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self.times.poll):
                    await self._woken.wait()


async def _nothing(_: object) -> None:
    """Leave a connection as it is: a page leaves nothing behind."""
