"""What surrounds every request: ids, deadline, limits, the access line, and the last word on errors.

Pure ASGI: BaseHTTPMiddleware would break context variables and cost a task a request.
"""

import asyncio
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from common.answers import problem_answer
from common.context import RequestContext, accept_request_id, child_traceparent, new_request_id, use_context
from common.database import conflict_in, connection_lost
from common.problems import BadRequest, DeadlineExceeded, Problem, TooLarge, Unavailable
from common.telemetry import logger, metrics

if TYPE_CHECKING:
    from common.telemetry import Metrics

LOG = logger(__name__)

BODY_LIMIT = 1 << 20  # 1 MiB outside uploads
CONCURRENT = 64
QUEUED = 128
UNMEASURED = frozenset({"/livez", "/readyz", "/metrics"})


class RequestScope:
    """Outermost of ours: gives the request its context and its one access line."""

    def __init__(
        self, app: ASGIApp, *, metrics_of: "Metrics", uploads: Sequence[str] = (), streams: Sequence[str] = ()
    ) -> None:
        self.app = app
        self.metrics = metrics_of
        self.uploads = frozenset(uploads)
        self.streams = frozenset(streams)
        self.in_flight = 0
        self._gate = asyncio.Semaphore(CONCURRENT)
        self._waiting = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        with use_context(context_of(headers)) as context:
            watch = _Watch(send, context)
            started = time.perf_counter()
            self.in_flight += 1
            try:
                await self._answer(scope, receive, watch, headers)
            finally:
                self.in_flight -= 1
                ended = watch.started_at if scope["path"] in self.streams and watch.started_at else time.perf_counter()
                self._record(scope, watch.status, ended - started)

    async def _answer(self, scope: Scope, receive: Receive, watch: "_Watch", headers: Headers) -> None:
        problem: Problem
        try:
            await self._within_limits(scope, receive, watch, headers)
            return
        except Problem as raised:
            problem = raised
        except TimeoutError:
            problem = DeadlineExceeded("The answer was not ready within the time allowed; nothing was half done.")
        except Exception as error:  # noqa: BLE001 - the app's last handler
            problem = last_resort(error)
        if not watch.started:
            await problem_answer(problem)(scope, receive, watch)

    async def _within_limits(self, scope: Scope, receive: Receive, watch: "_Watch", headers: Headers) -> None:
        if scope["path"] in UNMEASURED:
            await self.app(scope, receive, watch)
            return
        if self._waiting >= QUEUED:
            self.metrics.count(metrics.HTTP_REFUSED)
            raise Unavailable("Too many requests are waiting already.", retry_after=1)
        self._waiting += 1
        try:
            await self._gate.acquire()
        finally:
            self._waiting -= 1
        place = _Place(self._gate)
        try:
            limited = receive if scope["path"] in self.uploads else _limit_body(receive, headers)
            async with asyncio.timeout(_seconds_allowed(headers)) as limit:
                if scope["path"] in self.streams:
                    watch.on_start = partial(_let_go_on, place, limit)
                await self.app(scope, limited, watch)
        finally:
            place.give_back()

    def _record(self, scope: Scope, status: int, seconds: float) -> None:
        if scope["path"] in UNMEASURED:
            return
        route = getattr(scope.get("route"), "path", "unmatched")
        self.metrics.count(metrics.HTTP_REQUESTS, scope["method"], route, f"{status // 100}xx")
        self.metrics.observe(metrics.HTTP_DURATION, seconds, scope["method"], route)
        self.metrics.set(metrics.HTTP_IN_FLIGHT, self.in_flight)
        LOG.info("request.answered", method=scope["method"], route=route, status=status, ms=round(seconds * 1000, 1))


class _Place:
    """One of the requests that a process works on at a time."""

    def __init__(self, gate: asyncio.Semaphore) -> None:
        self._gate: asyncio.Semaphore | None = gate

    def give_back(self) -> None:
        """Let the next one in; once is enough."""
        gate, self._gate = self._gate, None
        if gate is not None:
            gate.release()


def _let_go_on(place: _Place, limit: asyncio.Timeout) -> None:
    """An answer without end has begun: it has no deadline any more, and takes nobody's place."""
    limit.reschedule(None)
    place.give_back()


class _Watch:
    """Sees the answer's status pass and adds the ids to its head."""

    def __init__(self, send: Send, context: RequestContext) -> None:
        self._send = send
        self._context = context
        self.started = False
        self.started_at: float | None = None
        self.status = 500
        self.on_start: Callable[[], None] | None = None

    async def __call__(self, message: Message) -> None:
        """Pass one message on."""
        if message["type"] == "http.response.start":
            self.started, self.status = True, message["status"]
            self.started_at = time.perf_counter()
            if self.on_start is not None:
                self.on_start()
            MutableHeaders(scope=message)["X-Request-Id"] = self._context.request_id
        await self._send(message)


def context_of(headers: Headers) -> RequestContext:
    """Read the ids and the deadline that came along, and make those that did not."""
    seconds = _seconds_allowed(headers)
    return RequestContext(
        request_id=accept_request_id(headers.get("x-request-id")),
        correlation_id=accept_request_id(headers.get("x-correlation-id") or new_request_id()),
        traceparent=child_traceparent(headers.get("traceparent")),
        deadline=None if seconds is None else asyncio.get_running_loop().time() + seconds,
    )


def _seconds_allowed(headers: Headers) -> float | None:
    value = headers.get("request-timeout")
    return int(value) / 1000 if value and value.isascii() and value.isdigit() else None


def _limit_body(receive: Receive, headers: Headers) -> Receive:
    """Refuse a body over the limit: by its announced length, else as it arrives."""
    length = headers.get("content-length", "0")
    if not (length.isascii() and length.isdigit()):
        raise BadRequest(f"Content-Length {length} is no number of bytes.")
    too_large = TooLarge(f"The body may have {BODY_LIMIT} bytes.")
    if int(length) > BODY_LIMIT:
        raise too_large
    taken = 0

    async def counted() -> Message:
        nonlocal taken
        message = await receive()
        taken += len(message.get("body", b""))
        if taken > BODY_LIMIT:
            raise too_large
        return message

    return counted


def last_resort(error: BaseException) -> Problem:
    """Map what nobody else mapped: the database asking to try again is 503, all else is ours to mend."""
    if conflict_in(error):
        return Unavailable("Others were changing the same thing; nothing was changed.", retry_after=1)
    if connection_lost(error):
        LOG.warning("database.connection_lost", error=repr(error))
        return Unavailable("The database closed the connection.", retry_after=1)
    LOG.error("request.failed", exc_info=error)
    return Problem("The error was logged under this request id; nothing was half done.")


def as_any(value: object) -> Any:  # noqa: ANN401 - Starlette types handlers by their loosest form
    """Hand a typed handler to Starlette."""
    return value
