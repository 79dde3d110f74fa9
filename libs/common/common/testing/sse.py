"""A reader of Server-Sent Events that does what a browser's EventSource does (WHATWG HTML, §9.2)."""

import asyncio
import contextlib
from collections.abc import Mapping
from dataclasses import dataclass, field

import httpx2


@dataclass(frozen=True, slots=True)
class Message:
    """What a page would be handed."""

    id: str
    event: str
    data: str


@dataclass
class Reader:
    """Keeps what it is sent, and the last id, with which it comes back whatever breaks.

    ``pause`` is how long it waits before that, seconds; None: as long as the server says.
    """

    client: httpx2.AsyncClient
    path: str
    headers: Mapping[str, str] = field(default_factory=dict)
    pause: float | None = None
    last_id: str | None = None
    messages: list[Message] = field(default_factory=list)
    answers: list[int] = field(default_factory=list)
    comments: int = 0
    connections: int = 0
    retry_seconds: float = 3.0
    problem: bytes = b""
    _changed: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def follow(self) -> None:
        """Read, and come back, until cancelled."""
        while True:
            with contextlib.suppress(httpx2.TransportError):
                await self.read()
            await asyncio.sleep(self.retry_seconds if self.pause is None else self.pause)

    async def read(self) -> None:
        """Read one answer to its end. Raises TransportError where it breaks off."""
        headers = {"Accept": "text/event-stream", **self.headers}
        if self.last_id is not None:
            headers["Last-Event-ID"] = self.last_id
        async with self.client.stream("GET", self.path, headers=headers) as response:
            self.answers.append(response.status_code)
            if response.status_code != httpx2.codes.OK:
                self.problem = await response.aread()
                return
            await self._read_lines(response)

    async def _read_lines(self, response: httpx2.Response) -> None:
        data: list[str] = []
        event, rest, named = "message", b"", self.last_id
        first = True
        async for part in response.aiter_raw():
            self.connections, first = self.connections + first, False
            *lines, rest = (rest + part).split(b"\n")
            for line in lines:
                name, _, value = line.decode().partition(":")
                value = value.removeprefix(" ")
                match name:
                    case "id":
                        named = value
                    case "event":
                        event = value
                    case "data":
                        data.append(value)
                    case "retry":
                        self.retry_seconds = int(value) / 1000
                    case "" if line:
                        self.comments += 1
                    case "":  # what breaks off before its empty line was never there, nor its id
                        self.last_id = named
                        if data:
                            self.messages.append(Message(self.last_id or "", event, "\n".join(data)))
                        data, event = [], "message"
            async with self._changed:
                self._changed.notify_all()

    async def until(self, count: int, *, seconds: float = 20) -> list[Message]:
        """Wait until so many events were read, and return them; the server's own are not counted."""
        async with self._changed, asyncio.timeout(seconds):
            await self._changed.wait_for(lambda: len(self.events) >= count)
        return self.events

    async def until_connected(self, times: int = 1, *, seconds: float = 20) -> None:
        """Wait until it has a connection on which something was said."""
        async with self._changed, asyncio.timeout(seconds):
            await self._changed.wait_for(lambda: self.connections >= times)

    async def until_ping(self, *, seconds: float = 20) -> None:
        """Wait for a sign of life."""
        before = self.comments
        async with self._changed, asyncio.timeout(seconds):
            await self._changed.wait_for(lambda: self.comments > before)

    @property
    def events(self) -> list[Message]:
        """Messages that are no ``stop``."""
        return [message for message in self.messages if message.event == "message"]

    @property
    def ids(self) -> list[int]:
        """Where they stand in the log."""
        return [int(message.id) for message in self.events]
