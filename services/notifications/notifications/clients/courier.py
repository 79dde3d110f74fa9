"""Calls to partners' endpoints: guarded, short, and told as they ended.

Whatever a receiver does is an outcome, never an exception: it may hang, drip its answer, redirect, close, speak
something else. Redirects are answers like any other and are not followed; proxies of the environment are not used.
"""

import asyncio
import ssl
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any
from uuid import UUID

import httpcore2

from notifications.clients.egress import AddressRefused, Guard, NameUnknown, Target, UrlRefused
from notifications.webhooks.rules import ANSWER_KEPT, Failure

CONNECT_SECONDS = 5.0
TOTAL_SECONDS = 15.0  # from the look-up of the name to the end of the answer
IDLE_SECONDS = 4.0  # less than common servers wait before they close a quiet connection
USER_AGENT = b"Quartermaster-Webhooks/1.0"
CONTENT_TYPE = b"application/cloudevents+json; charset=utf-8"

Key = tuple[UUID, str, str, int, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer: its status, what it says about coming again, and how it begins."""

    status: int
    retry_after: str | None = None
    content: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True)
class NoReply:
    """No answer, or none that ended in time."""

    failure: Failure
    reason: str


class Stream(httpcore2.AsyncNetworkStream):
    """A connection on asyncio's own streams, in a fraction of the time that the general one takes.

    Its reads and writes have no time limit of their own: the call as a whole has one.
    """

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """Read what has come, nothing at the end. Raises ReadError."""
        try:
            return await self._reader.read(max_bytes)
        except OSError as error:
            raise httpcore2.ReadError(str(error)) from error

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """Write all of it. Raises WriteError."""
        if not buffer:
            return
        try:
            self._writer.write(buffer)
            await self._writer.drain()
        except OSError as error:
            raise httpcore2.WriteError(str(error)) from error

    async def aclose(self) -> None:
        """Close at once."""
        self.abort()

    def abort(self) -> None:
        """Close at once; nobody waits for the other side's farewell."""
        self._writer.transport.abort()

    async def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> "Stream":
        """Go on in TLS, with the certificate checked for ``server_hostname``. Raises ConnectError, ConnectTimeout."""
        try:
            async with asyncio.timeout(timeout):
                await self._writer.start_tls(ssl_context, server_hostname=server_hostname)
        except TimeoutError as error:
            raise httpcore2.ConnectTimeout("TLS took too long.") from error
        except OSError as error:  # ssl.SSLError is one
            raise httpcore2.ConnectError(str(error)) from error
        return self

    def get_extra_info(self, info: str) -> Any:  # noqa: ANN401 - the library's
        """Say whether the other side has closed the connection, which is then not used again."""
        return self._reader.at_eof() if info == "is_readable" else None


class Line:
    """A connection to an endpoint, which takes one call at a time."""

    def __init__(self, target: Target, stream: Stream) -> None:
        origin = httpcore2.Origin(target.scheme.encode(), target.host.encode(), target.port)
        self._stream = stream
        self._http = httpcore2.AsyncHTTP11Connection(origin, stream, keepalive_expiry=IDLE_SECONDS)

    @property
    def reusable(self) -> bool:
        """Whether another call may be made on it: the last answer was read to its end, and nobody has closed it."""
        return self._http.is_idle() and not self._http.has_expired()

    async def post(self, target: Target, headers: Sequence[tuple[bytes, bytes]], body: bytes) -> Reply:
        """Send one request and read as much of the answer as is kept; what follows is not even read."""
        url = httpcore2.URL(
            scheme=target.scheme.encode(), host=target.host.encode(), port=target.port, target=target.path.encode()
        )
        response = await self._http.handle_async_request(
            httpcore2.Request(method="POST", url=url, headers=headers, content=body)
        )
        try:
            content = b""
            async for chunk in response.aiter_stream():
                content += chunk
                if len(content) >= ANSWER_KEPT:
                    break
        finally:
            await response.aclose()
        return Reply(response.status, _retry_after(response.headers), content[:ANSWER_KEPT])

    def close(self) -> None:
        """Close it, whatever is under way."""
        self._stream.abort()


class Courier:
    """Posts to endpoints over connections that are kept a moment for the next call of the same endpoint.

    How many calls are made at once is the caller's business.
    """

    def __init__(
        self, guard: Guard, *, total_seconds: float = TOTAL_SECONDS, tls: ssl.SSLContext | None = None
    ) -> None:
        self._guard = guard
        self._total_seconds = total_seconds
        self._tls = tls or httpcore2.default_ssl_context()
        self._idle: dict[Key, list[Line]] = {}
        self._tidying: asyncio.TimerHandle | None = None

    async def post(self, endpoint: UUID, url: str, body: bytes, headers: Mapping[str, str]) -> Reply | NoReply:
        """Make one attempt to reach an endpoint."""
        try:
            async with asyncio.timeout(self._total_seconds):
                return await self._post(endpoint, url, body, headers)
        except TimeoutError:
            return NoReply("timeout", f"The call took longer than {self._total_seconds:g} seconds.")
        except (UrlRefused, AddressRefused) as error:
            return NoReply("address", f"Not called: {error}.")
        except (NameUnknown, httpcore2.TimeoutException, httpcore2.NetworkError, httpcore2.ProtocolError) as error:
            return NoReply(_failure(error), _words(error))
        except (OSError, ValueError, RuntimeError) as error:  # whatever the library did not foresee of a receiver
            return NoReply("connect", _words(error))

    async def _post(self, endpoint: UUID, url: str, body: bytes, headers: Mapping[str, str]) -> Reply:
        target = _target(url)
        addresses = await self._addresses(target)
        # The name is part of the key because a certificate was checked for it, and the addresses because one that the
        # name no longer leads to is not called any more.
        key = (endpoint, target.scheme, target.host, target.port, tuple(sorted(addresses)))
        line = self._take(key) or Line(target, await self._connect(target, addresses))
        try:
            reply = await line.post(target, _head(target, body, headers), body)
        except BaseException:
            line.close()
            raise
        self._keep(key, line)
        return reply

    async def _addresses(self, target: Target) -> tuple[str, ...]:
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                return await self._guard.addresses(target)
        except TimeoutError as error:
            raise NameUnknown(f"{target.host} was not looked up within {CONNECT_SECONDS:g} seconds") from error

    async def _connect(self, target: Target, addresses: tuple[str, ...]) -> Stream:
        """Connect to the first address that takes it, of those that were checked; the name is not asked again."""
        stream = await self._connect_to_first(addresses, target.port)
        if target.scheme == "https":
            try:
                await stream.start_tls(self._tls, server_hostname=target.host, timeout=CONNECT_SECONDS)
            except BaseException:
                stream.abort()
                raise
        return stream

    @staticmethod
    async def _connect_to_first(addresses: tuple[str, ...], port: int) -> Stream:
        share = CONNECT_SECONDS / len(addresses)
        *others, last = addresses
        for address in others:
            with suppress(OSError, TimeoutError):
                async with asyncio.timeout(share):
                    return Stream(*await asyncio.open_connection(address, port))
        try:
            async with asyncio.timeout(share):
                return Stream(*await asyncio.open_connection(last, port))
        except TimeoutError as error:
            raise httpcore2.ConnectTimeout(f"{last} port {port} did not take the connection in time.") from error
        except OSError as error:
            raise httpcore2.ConnectError(f"{last} port {port}: {error.strerror or error}") from error

    # -- connections that wait for the next call ----------------------------------------------------------------------

    def _take(self, key: Key) -> Line | None:
        lines = self._idle.get(key, [])
        while lines:
            line = lines.pop()
            if line.reusable:
                return line
            line.close()
        return None

    def _keep(self, key: Key, line: Line) -> None:
        if not line.reusable:
            line.close()
            return
        self._idle.setdefault(key, []).append(line)
        if self._tidying is None:
            self._tidying = asyncio.get_running_loop().call_later(IDLE_SECONDS, self._tidy)

    def _tidy(self) -> None:
        """Close what has waited long enough; come again while something waits."""
        for key, lines in list(self._idle.items()):
            for line in [each for each in lines if not each.reusable]:
                lines.remove(line)
                line.close()
            if not lines:
                del self._idle[key]
        self._tidying = asyncio.get_running_loop().call_later(IDLE_SECONDS, self._tidy) if self._idle else None

    async def close(self) -> None:
        """Close every connection that waits."""
        if self._tidying is not None:
            self._tidying.cancel()
        for lines in self._idle.values():
            for line in lines:
                line.close()
        self._idle.clear()


@lru_cache(maxsize=1024)
def _target(url: str) -> Target:
    return Target.parse(url)


def _head(target: Target, body: bytes, headers: Mapping[str, str]) -> list[tuple[bytes, bytes]]:
    return [
        (b"Host", target.authority.encode()),
        (b"User-Agent", USER_AGENT),
        (b"Content-Type", CONTENT_TYPE),
        (b"Content-Length", str(len(body)).encode()),
        *((name.encode(), value.encode()) for name, value in headers.items()),
    ]


def _retry_after(headers: Iterable[tuple[bytes, bytes]]) -> str | None:
    return next((value.decode("latin-1") for name, value in headers if name.lower() == b"retry-after"), None)


def _failure(error: BaseException) -> Failure:
    if isinstance(error, httpcore2.TimeoutException):
        return "timeout"
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLError):
            return "tls"
        cause = cause.__cause__ or cause.__context__
    return "connect"


def _words(error: Exception) -> str:
    return str(error) or type(error).__name__
