"""Calls from one service to another.

A call ends in time (its own limit or the caller's deadline, whichever is nearer), tells the other how much of it is
left, is repeated only where repeating is harmless, and is not made at all while the other keeps failing. What it must
never do: let a foreign exception or a foreign answer through; callers see ``Reply``, ``UpstreamProblem`` or
``Unavailable``.
"""

import asyncio
import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Final, Protocol, Self, TypeVar

import httpx2
import orjson
from pydantic import BaseModel, JsonValue

from common.context import child_traceparent, current_context
from common.http._breaker import BreakerOpenError, BreakerState, CircuitBreaker, Permit, RetryBudget
from common.problems import Unavailable
from common.telemetry import Metrics, logger, metrics

LOG = logger(__name__)

M = TypeVar("M", bound=BaseModel)

DEFAULT_TIMEOUT = 5.0  # seconds; the gateway's limit for reads
CONNECT_TIMEOUT = 1.0  # seconds; services are in one network, so a slow connect is a dead host: leave time for a retry
MAX_RETRIES = 2
FIRST_PAUSE = 0.05  # seconds before the first retry at most, doubled for the second
KEEP_ALIVE = 4.0  # seconds; uvicorn closes idle connections after 5, and a request must not meet that moment
CONNECTIONS = 64  # as many as a process answers requests at once

IDEMPOTENT: Final = frozenset({"GET", "PUT", "DELETE"})
PROBLEM_TYPE = "application/problem+json"


class Signer(Protocol):
    """Makes our internal tokens."""

    def token(self, audience: str) -> str:
        """Return a token of this service for ``audience``."""
        ...


class UpstreamProblem(Exception):
    """The other service refused: a 4xx, with its problem if it sent one.

    Compare ``slug`` with the problem that the other service documents; it is empty where the body was no problem.
    """

    def __init__(self, upstream: str, status: int, slug: str, body: Mapping[str, Any]) -> None:
        super().__init__(f"{upstream} answered {status} {slug or '(no problem document)'}: {body.get('detail', '')}")
        self.upstream = upstream
        self.status = status
        self.slug = slug
        self.body = body


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer of 2xx."""

    status: int
    headers: Mapping[str, str]
    content: bytes

    def json(self) -> Any:  # noqa: ANN401 - whatever the other service sends
        """Return the body as plain values; None where there is none."""
        return orjson.loads(self.content) if self.content else None

    def read(self, model: type[M]) -> M:
        """Return the body as ``model``. Raises ValidationError when the other service breaks its contract."""
        return model.model_validate_json(self.content)


@dataclass(frozen=True, slots=True)
class _Call:
    method: str
    path: str
    content: bytes | None
    params: Mapping[str, str] | None
    key: str | None
    ends_at: float  # loop time
    patient: bool  # the limit is the call's own, not what was left of somebody's deadline

    @property
    def repeatable(self) -> bool:
        return self.method in IDEMPOTENT or self.key is not None


class _Failure(Exception):
    def __init__(self, final: Exception, *, retry_after: float = 0.0) -> None:
        super().__init__(str(final))
        self.final = final
        self.retry_after = retry_after


class ServiceClient:
    """Calls one other service; opened and closed with the process (``async with``).

    Args:
        name: The service's name: the token's audience.
        base_url: Where it listens.
        signer: Makes the token that says who we are.
        metrics: Where calls are counted.
        clock: Seconds, for the breaker.
        jitter: 0 to 1, for the pauses between retries.
    """

    def __init__(
        self,
        name: str,
        base_url: str,
        signer: Signer,
        *,
        metrics: Metrics | None = None,
        clock: Callable[[], float] = time.monotonic,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self.name = name
        self._signer = signer
        self._metrics = metrics
        self._jitter = jitter
        self._breaker = CircuitBreaker(clock)
        self._budget = RetryBudget()
        self._http = httpx2.AsyncClient(
            base_url=base_url,
            timeout=httpx2.Timeout(None, connect=CONNECT_TIMEOUT),
            limits=httpx2.Limits(
                max_connections=CONNECTIONS, max_keepalive_connections=CONNECTIONS, keepalive_expiry=KEEP_ALIVE
            ),
            trust_env=False,  # a proxy in the environment is for the world, not for our own network
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    @property
    def breaker(self) -> BreakerState:
        """Whether calls go through."""
        return self._breaker.state

    async def get(
        self,
        path: str,
        *,
        params: Mapping[str, str] | None = None,
        timeout: float = DEFAULT_TIMEOUT,
    ) -> Reply:
        """Read; repeated on failure."""
        return await self.request("GET", path, params=params, timeout=timeout)

    async def post(
        self,
        path: str,
        *,
        json: BaseModel | JsonValue = None,
        key: str | None = None,
        timeout: float = DEFAULT_TIMEOUT,
    ) -> Reply:
        """Ask for something to be done; repeated on failure only with ``key`` (Idempotency-Key)."""
        return await self.request("POST", path, json=json, key=key, timeout=timeout)

    async def put(
        self,
        path: str,
        *,
        json: BaseModel | JsonValue = None,
        key: str | None = None,
        timeout: float = DEFAULT_TIMEOUT,
    ) -> Reply:
        """Set something to a value; repeated on failure."""
        return await self.request("PUT", path, json=json, key=key, timeout=timeout)

    async def delete(self, path: str, *, key: str | None = None, timeout: float = DEFAULT_TIMEOUT) -> Reply:
        """Take something away; repeated on failure, so that 404 may mean that the first try did it."""
        return await self.request("DELETE", path, key=key, timeout=timeout)

    async def request(
        self,
        method: str,
        path: str,
        *,
        json: BaseModel | JsonValue = None,
        params: Mapping[str, str] | None = None,
        key: str | None = None,
        timeout: float = DEFAULT_TIMEOUT,
    ) -> Reply:
        """Make a call that ends within ``timeout`` seconds, retries included.

        Raises:
            UpstreamProblem: the other service refused (4xx).
            Unavailable: it did not answer in time or failed (5xx), or is not called because it kept failing. Whether a
                call that was not answered was carried out is not known.
        """
        left = current_context().seconds_left()
        patient = left is None or timeout <= left
        limit = timeout if left is None or patient else left
        call = _Call(
            method=method,
            path=path,
            content=_encode(json),
            params=params,
            key=key,
            ends_at=asyncio.get_running_loop().time() + limit,
            patient=patient,
        )
        self._budget.deposit()
        return await self._with_retries(call)

    async def _with_retries(self, call: _Call) -> Reply:
        now = asyncio.get_running_loop().time
        attempt = 0
        while True:
            try:
                return await self._attempt(call)
            except _Failure as failure:
                pause = max(failure.retry_after, FIRST_PAUSE * 2**attempt * self._jitter())
                attempt += 1
                in_time = now() + pause < call.ends_at
                if not (call.repeatable and attempt <= MAX_RETRIES and in_time and self._budget.withdraw()):
                    raise failure.final from failure.__cause__
                LOG.info("call.retried", upstream=self.name, path=call.path, attempt=attempt, error=str(failure))
                await asyncio.sleep(pause)

    async def _attempt(self, call: _Call) -> Reply:
        """Make the call once. Raises _Failure for what may be tried again."""
        left = call.ends_at - asyncio.get_running_loop().time()
        if left <= 0:
            raise Unavailable(f"There was no time left to ask {self.name}.")
        permit = self._admit()
        try:
            async with asyncio.timeout(left):
                response = await self._send(call, left)
        except TimeoutError as error:
            self._ended(permit, "failed" if call.patient else "cut off")
            raise Unavailable(f"{self.name} did not answer in time.") from error
        except httpx2.RequestError as error:
            self._ended(permit, "failed")
            raise _Failure(Unavailable(f"{self.name} cannot be reached.")) from error
        except BaseException:
            self._ended(permit, "cut off")
            raise
        return self._judge(response, permit)

    def _admit(self) -> Permit:
        try:
            return self._breaker.admit()
        except BreakerOpenError as error:
            self._count("refused")
            retry_after = max(1, round(error.retry_after + 0.5))
            raise Unavailable(f"{self.name} keeps failing and is left alone.", retry_after=retry_after) from error

    async def _send(self, call: _Call, left: float) -> httpx2.Response:
        context = current_context()
        headers = {
            "Accept": "application/json",
            "Authorization": f"Bearer {self._signer.token(self.name)}",
            "Request-Timeout": str(max(1, int(left * 1000))),
            "X-Request-Id": context.request_id,
            "X-Correlation-Id": context.correlation_id,
            "traceparent": child_traceparent(context.traceparent),
        }
        if call.key is not None:
            headers["Idempotency-Key"] = call.key
        if call.content is not None:
            headers["Content-Type"] = "application/json"
        return await self._http.request(
            call.method, call.path, content=call.content, params=call.params, headers=headers
        )

    def _judge(self, response: httpx2.Response, permit: Permit) -> Reply:
        """Turn an answer into a Reply or the error that says what it means.

        A problem document is the service itself speaking, and it is alive; a bare 5xx is a crash or a proxy.
        """
        status = response.status_code
        document = _problem_in(response)
        self._ended(permit, "failed" if status >= 500 and document is None else "answered")  # noqa: PLR2004
        if status < 300:  # noqa: PLR2004
            return Reply(status, response.headers, response.content)
        slug = str((document or {}).get("type", "")).rpartition("/")[2]
        if status >= 500:  # noqa: PLR2004
            detail = f"{self.name} failed with {status} {slug}".rstrip()
            retry_after = _retry_after(response)
            unavailable = Unavailable(f"{detail}.", retry_after=max(1, round(retry_after)))
            if status in {502, 503, 504}:
                raise _Failure(unavailable, retry_after=retry_after)
            raise unavailable
        refused = UpstreamProblem(self.name, status, slug, document or {})
        if slug == "request-in-progress":  # our own earlier try, whose answer was lost, is still at work
            raise _Failure(refused, retry_after=_retry_after(response))
        raise refused

    def _ended(self, permit: Permit, outcome: str) -> None:
        before = self._breaker.state
        match outcome:
            case "answered":
                permit.succeeded()
            case "failed":
                permit.failed()
            case _:
                permit.withdrawn()
        self._count(outcome)
        if (after := self._breaker.state) is not before:
            LOG.warning("breaker.changed", upstream=self.name, state=after.value)
            if self._metrics is not None:
                is_open = float(after is BreakerState.OPEN)
                self._metrics.set(metrics.UPSTREAM_BREAKER_OPEN, is_open, self.name)

    def _count(self, outcome: str) -> None:
        if self._metrics is not None:
            self._metrics.count(metrics.UPSTREAM_CALLS, self.name, outcome)


def _encode(json: BaseModel | JsonValue) -> bytes | None:
    if json is None:
        return None
    return json.model_dump_json(by_alias=True).encode() if isinstance(json, BaseModel) else orjson.dumps(json)


def _problem_in(response: httpx2.Response) -> dict[str, Any] | None:
    if not response.headers.get("content-type", "").startswith(PROBLEM_TYPE):
        return None
    try:
        document = orjson.loads(response.content)
    except orjson.JSONDecodeError:
        return None
    return document if isinstance(document, dict) else None


def _retry_after(response: httpx2.Response) -> float:
    """Seconds that the service asked us to wait; 0 without a word, or with a date, which nobody of ours sends."""
    value = response.headers.get("retry-after", "")
    return float(value) if value.isascii() and value.isdigit() else 0.0
