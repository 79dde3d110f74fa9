"""A real HTTP server whose answers the test decides: for clients of other services, however those behave."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import orjson


@dataclass
class Request:
    method: str
    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Say:
    """An answer. ``problem`` is the slug of a problem document."""

    status: int = 200
    json: Any = None
    headers: dict[str, str] = field(default_factory=dict)
    problem: str | None = None

    def to_bytes(self) -> bytes:
        body, kind = orjson.dumps(self.json), "application/json"
        if self.problem is not None:
            document = {"type": f"/problems/{self.problem}", "status": self.status, "detail": "because"}
            body, kind = orjson.dumps(document), "application/problem+json"
        headers = {"content-type": kind, "content-length": str(len(body)), **self.headers}
        head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        return f"HTTP/1.1 {self.status} Said\r\n{head}\r\n".encode() + body


class Drop:
    """The connection is closed without an answer."""


class Hang:
    """No answer comes."""


@dataclass
class Upstream:
    """Says what is in ``says``, one by one, and then the last for ever."""

    says: list[Say | type[Drop] | type[Hang]] = field(default_factory=lambda: [Say()])
    requests: list[Request] = field(default_factory=list)
    url: str = ""
    _asked: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def asked(self, times: int) -> None:
        """Wait until this many requests have come."""
        async with self._asked, asyncio.timeout(30):
            await self._asked.wait_for(lambda: len(self.requests) >= times)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while (request := await _read(reader)) is not None:
                self.requests.append(request)
                async with self._asked:
                    self._asked.notify_all()
                say = self.says.pop(0) if len(self.says) > 1 else self.says[0]
                if say is Hang:
                    await reader.read()  # until the client gives up
                if not isinstance(say, Say):
                    return
                writer.write(say.to_bytes())
                await writer.drain()
        except ConnectionError:
            return
        finally:
            writer.close()


async def _read(reader: asyncio.StreamReader) -> Request | None:
    try:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
    except asyncio.IncompleteReadError:
        return None
    method, path, _ = head[0].split(" ")
    parts = (line.partition(": ") for line in head[1:])
    headers = {name.lower(): value for name, separator, value in parts if separator}
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    return Request(method, path, headers, body)


@asynccontextmanager
async def upstream() -> AsyncIterator[Upstream]:
    """Serve on a free port of this machine for the block."""
    made = Upstream()
    server = await asyncio.start_server(made.serve, "127.0.0.1", 0)
    made.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield made
    finally:
        server.close()
        await server.wait_closed()
