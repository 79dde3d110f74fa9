"""A plain HTTP server in the test's own process: keeps what it is sent, and answers as the test says, or not at all.

It parses by hand and as little as it can, since benches and drills send it tens of thousands of calls on the core that
they also measure on.
"""

import asyncio
import ssl
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

import orjson

HEAD_END = b"\r\n\r\n"
LENGTH = "content-length"


@dataclass(frozen=True, slots=True)
class Call:
    """A request that came; header names in lower case."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes
    at: float
    """By ``time.perf_counter``."""

    def json(self) -> dict[str, object]:
        """Return the body as an object."""
        document: dict[str, object] = orjson.loads(self.body)
        return document


@dataclass(frozen=True, slots=True)
class Reply:
    """What is answered. With ``drip_seconds`` the content goes out a byte at a time, so far apart."""

    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    content: bytes = b""
    drip_seconds: float = 0.0


Behaviour = Callable[[Call], Reply | None]
"""Says what a call is answered with; None: nothing, ever."""


def ok(_: Call) -> Reply:
    """Take it."""
    return Reply()


def hang(_: Call) -> Reply | None:
    """Never answer."""
    return None


class Receiver:
    """Listens for the block; ``behaviour`` may be changed at any time, for all paths or for one."""

    def __init__(
        self, behaviour: Behaviour = ok, *, host: str = "127.0.0.1", tls: ssl.SSLContext | None = None
    ) -> None:
        self.behaviour = behaviour
        self.behaviours: dict[str, Behaviour] = {}
        """By path, before ``behaviour``."""
        self.calls: list[Call] = []
        self.connections = 0
        self.port = 0
        self._host, self._tls = host, tls
        self._server: asyncio.Server | None = None
        self._open: set[_Connection] = set()
        self._changed = asyncio.Event()

    async def __aenter__(self) -> Self:
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: _Connection(self), self._host, self.port, ssl=self._tls)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._server is not None:
            self._server.close()
        for connection in list(self._open):
            connection.abort()

    def url(self, path: str = "/") -> str:
        """Where it listens."""
        return f"{'https' if self._tls else 'http'}://{self._host}:{self.port}{path}"

    def to(self, path: str) -> list[Call]:
        """Return the calls of one path, in the order in which they came."""
        return [call for call in self.calls if call.path == path]

    async def until(self, condition: Callable[[], bool], *, timeout: float = 30.0) -> None:
        """Wait until ``condition`` holds, looking whenever a call has come. Raises TimeoutError."""
        async with asyncio.timeout(timeout):
            while not condition():
                self._changed.clear()
                await self._changed.wait()

    def answer(self, call: Call) -> Reply | None:
        """Keep a call and say what it is answered with."""
        self.calls.append(call)
        self._changed.set()
        return self.behaviours.get(call.path, self.behaviour)(call)

    def opened(self, connection: "_Connection") -> None:
        """Note a connection."""
        self.connections += 1
        self._open.add(connection)

    def closed(self, connection: "_Connection") -> None:
        """Forget a connection."""
        self._open.discard(connection)


class _Connection(asyncio.Protocol):
    def __init__(self, receiver: Receiver) -> None:
        self._receiver = receiver
        self._buffer = b""
        self._transport: asyncio.Transport | None = None
        self._dripping: asyncio.Task[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport  # type: ignore[assignment] # a stream's
        self._receiver.opened(self)

    def connection_lost(self, error: Exception | None) -> None:
        if self._dripping is not None:
            self._dripping.cancel()
        self._receiver.closed(self)

    def abort(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        while (end := self._buffer.find(HEAD_END)) >= 0:
            first, *lines = self._buffer[:end].decode("latin-1").split("\r\n")
            headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
            body_from = end + len(HEAD_END)
            body_to = body_from + int(headers.get(LENGTH, "0"))
            if len(self._buffer) < body_to:
                return
            method, path, _ = first.split(" ")
            call = Call(method, path, headers, self._buffer[body_from:body_to], time.perf_counter())
            self._buffer = self._buffer[body_to:]
            self._send(self._receiver.answer(call))

    def _send(self, reply: Reply | None) -> None:
        if reply is None or self._transport is None:
            return
        head = f"HTTP/1.1 {reply.status} X\r\n{LENGTH}: {len(reply.content)}\r\n"
        head += "".join(f"{name}: {value}\r\n" for name, value in reply.headers.items()) + "\r\n"
        if not reply.drip_seconds:
            self._transport.write(head.encode("latin-1") + reply.content)
        else:
            self._transport.write(head.encode("latin-1"))
            self._dripping = asyncio.ensure_future(self._drip(reply))

    async def _drip(self, reply: Reply) -> None:
        for byte in reply.content:
            await asyncio.sleep(reply.drip_seconds)
            if self._transport is None or self._transport.is_closing():
                return
            self._transport.write(bytes([byte]))
