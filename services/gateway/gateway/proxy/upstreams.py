"""The services behind the gateway: connections to them, and what is known of their health.

aiohttp's client, here alone in the suite: a hop through it costs a quarter of what it costs through httpx2.
"""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import Any, Final, Literal

import aiohttp
import orjson
from yarl import URL

from common.context import child_traceparent, current_context
from common.http import BreakerOpenError, BreakerState, CircuitBreaker, Permit, RetryBudget
from common.problems import Unavailable
from common.telemetry import Metrics, logger, metrics

LOG = logger(__name__)

IN_FLIGHT: Final = (
    192  # of one service: a process of it works on 64 and lets 128 wait; the others' routes have their own
)
STREAMS: Final = 1_000  # of one service: they mostly wait; the service itself takes fewer, and says so
CONNECT_SECONDS: Final = 1.0  # one network: a slow connect is a dead host
KEEP_ALIVE_SECONDS: Final = 60.0  # the services close after 75: a request must not meet that moment
LONGEST_HEADER: Final = 16 * 1024

Outcome = Literal["answered", "failed", "cut off", "refused"]


@dataclass(frozen=True, slots=True)
class Told:
    """What a service said to the gateway itself."""

    status: int
    body: Any


class Upstream:
    """One service."""

    def __init__(self, name: str, url: str, session: aiohttp.ClientSession, counted: Metrics) -> None:
        self.name = name
        self.url = url
        self.session = session
        self.budget = RetryBudget()
        self._metrics = counted
        self._breaker = CircuitBreaker(time.monotonic)
        self._in_flight: Counter[bool] = Counter()

    @contextmanager
    def place(self, *, endless: bool = False) -> Iterator[None]:
        """Hold one of the service's places; streams have their own. Raises Unavailable when all are taken."""
        if self._in_flight[endless] >= (STREAMS if endless else IN_FLIGHT):
            self._metrics.count(metrics.HTTP_REFUSED)
            what = "streams" if endless else "requests"
            raise Unavailable(f"Too many {what} of {self.name} are under way.", retry_after=1)
        self._in_flight[endless] += 1
        try:
            yield
        finally:
            self._in_flight[endless] -= 1

    def admit(self) -> Permit:
        """Give leave for one call. Raises Unavailable while the service is left alone."""
        try:
            return self._breaker.admit()
        except BreakerOpenError as error:
            self._metrics.count(metrics.UPSTREAM_CALLS, self.name, "refused")
            retry_after = max(1, round(error.retry_after + 0.5))
            raise Unavailable(f"{self.name} keeps failing and is left alone.", retry_after=retry_after) from error

    def ended(self, permit: Permit, outcome: Outcome) -> None:
        """Note how a call ended; a call that was cut off for a reason of ours says nothing about the service."""
        before = self._breaker.state
        match outcome:
            case "answered":
                permit.succeeded()
            case "failed":
                permit.failed()
            case _:
                permit.withdrawn()
        self._metrics.count(metrics.UPSTREAM_CALLS, self.name, outcome)
        after = self._breaker.state
        if after is not before:
            LOG.warning("breaker.changed", upstream=self.name, state=after.value)
            self._metrics.set(metrics.UPSTREAM_BREAKER_OPEN, float(after is BreakerState.OPEN), self.name)

    async def ask(
        self, method: str, path: str, *, token: str | None = None, json: object = None, seconds: float
    ) -> Told | None:
        """Ask on the gateway's own behalf, once; None where no answer came in time."""
        context = current_context()
        headers = {
            "Accept": "application/json",
            "Request-Timeout": str(int(seconds * 1000)),
            "X-Request-Id": context.request_id,
            "X-Correlation-Id": context.correlation_id,
            "traceparent": child_traceparent(context.traceparent),
        }
        if token is not None:
            headers["Authorization"] = f"Bearer {token}"
        data = None
        if json is not None:
            data, headers["Content-Type"] = orjson.dumps(json), "application/json"
        try:
            async with (
                asyncio.timeout(seconds),
                self.session.request(
                    method, URL(self.url + path, encoded=True), headers=headers, data=data, allow_redirects=False
                ) as response,
            ):
                return Told(response.status, _document(await response.read()))
        except (TimeoutError, aiohttp.ClientError, OSError):
            return None


def _document(content: bytes) -> Any:  # noqa: ANN401 - whatever JSON it is
    try:
        return orjson.loads(content)
    except orjson.JSONDecodeError:
        return None


class Upstreams:
    """All of them, on one pool of connections."""

    def __init__(self, urls: Mapping[str, str], session: aiohttp.ClientSession, counted: Metrics) -> None:
        self._upstreams = {name: Upstream(name, url, session, counted) for name, url in urls.items()}

    @classmethod
    @asynccontextmanager
    async def open(cls, urls: Mapping[str, str], counted: Metrics) -> AsyncIterator["Upstreams"]:
        """Open the pool and close it at the end of the block."""
        async with _session() as session:
            yield cls(urls, session, counted)

    def __getitem__(self, name: str) -> Upstream:
        return self._upstreams[name]

    def __iter__(self) -> Iterator[Upstream]:
        return iter(self._upstreams.values())


def _session() -> aiohttp.ClientSession:
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=KEEP_ALIVE_SECONDS),  # the places are the limit
        timeout=aiohttp.ClientTimeout(total=None, connect=None, sock_connect=CONNECT_SECONDS, sock_read=None),
        cookie_jar=aiohttp.DummyCookieJar(),
        auto_decompress=False,
        trust_env=False,
        skip_auto_headers=("Accept", "Accept-Encoding", "User-Agent", "Content-Type"),
        max_field_size=LONGEST_HEADER,
    )
