"""Calls to partners' endpoints: guarded, short, and told as they ended.

Whatever a receiver does is an outcome, never an exception: it may hang, drip its answer, redirect, close, speak
something else. Redirects are answers like any other and are not followed; proxies of the environment are not used.
"""

import asyncio
import ssl
from collections import OrderedDict
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
IDLE_CONNECTIONS = 8  # for each endpoint
POOLS = 256
TIMEOUTS = {"connect": CONNECT_SECONDS}
USER_AGENT = "Quartermaster-Webhooks/1.0"
CONTENT_TYPE = "application/cloudevents+json; charset=utf-8"


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


class CheckedBackend(httpcore2.AsyncNetworkBackend):
    """Connects to the addresses that were checked, whatever the name means by now."""

    def __init__(self, addresses: Sequence[str]) -> None:
        self._addresses = addresses
        self._backend = httpcore2.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore2.AsyncNetworkStream:
        """Connect to the first address that takes it. Raises ConnectError and ConnectTimeout."""
        *others, last = self._addresses
        share = CONNECT_SECONDS / len(self._addresses)
        for address in others:
            with suppress(httpcore2.ConnectError, httpcore2.ConnectTimeout):
                return await self._backend.connect_tcp(address, port, share, local_address, socket_options)
        return await self._backend.connect_tcp(last, port, share, local_address, socket_options)


class Courier:
    """Posts to endpoints over connections that are kept a moment for the next call of the same endpoint."""

    def __init__(
        self, guard: Guard, *, total_seconds: float = TOTAL_SECONDS, tls: ssl.SSLContext | None = None
    ) -> None:
        self._guard = guard
        self._total_seconds = total_seconds
        self._tls = tls or httpcore2.default_ssl_context()
        self._pools: OrderedDict[tuple[Any, ...], httpcore2.AsyncConnectionPool] = OrderedDict()

    async def post(self, endpoint: UUID, url: str, body: bytes, headers: Mapping[str, str]) -> Reply | NoReply:
        """Make one attempt to reach an endpoint."""
        try:
            async with asyncio.timeout(self._total_seconds):
                return await self._post(endpoint, url, body, headers)
        except TimeoutError:
            return NoReply("timeout", f"The call took longer than {self._total_seconds:g} seconds.")
        except (UrlRefused, AddressRefused) as error:
            return NoReply("address", f"Not called: {error}.")
        except NameUnknown as error:
            return NoReply("connect", f"{error}.")
        except httpcore2.TimeoutException as error:
            return NoReply("timeout", _words(error))
        except (httpcore2.NetworkError, httpcore2.ProtocolError) as error:
            return NoReply("tls" if _about_tls(error) else "connect", _words(error))
        except (OSError, ValueError, RuntimeError) as error:  # whatever the library did not foresee of a receiver
            return NoReply("connect", _words(error))

    async def _post(self, endpoint: UUID, url: str, body: bytes, headers: Mapping[str, str]) -> Reply:
        target = _target(url)
        addresses = await self._addresses(target)
        pool = await self._pool_of(endpoint, target, addresses)
        sent = [(b"User-Agent", USER_AGENT.encode()), (b"Content-Type", CONTENT_TYPE.encode())]
        sent += [(name.encode(), value.encode()) for name, value in headers.items()]
        destination = httpcore2.URL(
            scheme=target.scheme.encode(), host=target.host.encode(), port=target.port, target=target.path.encode()
        )
        request = pool.stream("POST", destination, headers=sent, content=body, extensions={"timeout": TIMEOUTS})
        async with request as response:
            content = b""
            async for chunk in response.aiter_stream():
                content += chunk
                if len(content) >= ANSWER_KEPT:
                    break  # the connection is closed with the rest unread
            return Reply(response.status, _retry_after(response.headers), content[:ANSWER_KEPT])

    async def _addresses(self, target: Target) -> tuple[str, ...]:
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                return await self._guard.addresses(target)
        except TimeoutError as error:
            raise NameUnknown(f"{target.host} was not looked up within {CONNECT_SECONDS:g} seconds") from error

    async def _pool_of(
        self, endpoint: UUID, target: Target, addresses: tuple[str, ...]
    ) -> httpcore2.AsyncConnectionPool:
        """Return an endpoint's connections to these addresses under this name, made where there are none.

        Both are part of the key: a certificate was checked for one name, and an address that the name no longer leads
        to is not called any more.
        """
        key = (endpoint, target.scheme, target.host, target.port, *sorted(addresses))
        if key in self._pools:
            self._pools.move_to_end(key)
            return self._pools[key]
        self._pools[key] = httpcore2.AsyncConnectionPool(
            ssl_context=self._tls,
            max_connections=None,  # the dispatcher counts the calls of each endpoint
            max_keepalive_connections=IDLE_CONNECTIONS,
            keepalive_expiry=IDLE_SECONDS,
            network_backend=CheckedBackend(addresses),
        )
        pool = self._pools[key]
        await self._drop_idle_pools()
        return pool

    async def _drop_idle_pools(self) -> None:
        for key in list(self._pools)[: max(0, len(self._pools) - POOLS)]:
            if all(connection.is_idle() or connection.is_closed() for connection in self._pools[key].connections):
                await self._pools.pop(key).aclose()

    async def close(self) -> None:
        """Close every connection."""
        while self._pools:
            _, pool = self._pools.popitem()
            with suppress(RuntimeError):  # a call was abandoned in the middle
                await pool.aclose()


@lru_cache(maxsize=1024)
def _target(url: str) -> Target:
    return Target.parse(url)


def _retry_after(headers: Iterable[tuple[bytes, bytes]]) -> str | None:
    return next((value.decode("latin-1") for name, value in headers if name.lower() == b"retry-after"), None)


def _about_tls(error: BaseException | None) -> bool:
    while error is not None:
        if isinstance(error, ssl.SSLError):
            return True
        error = error.__cause__ or error.__context__
    return False


def _words(error: Exception) -> str:
    return str(error) or type(error).__name__
