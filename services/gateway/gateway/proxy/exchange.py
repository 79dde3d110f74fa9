"""One request passed on to a service, and its answer passed back.

What it must never do: let a header through that says who the client is, ask twice where asking twice could do
something twice, or fail a route of one service because another one is away.
"""

import asyncio
import random
import time
from collections.abc import AsyncIterator
from typing import Final

import aiohttp
from multidict import CIMultiDict
from starlette.types import Message, Receive, Scope, Send
from yarl import URL

from common.context import RequestContext, child_traceparent
from common.http import Permit
from common.problems import BadRequest, DeadlineExceeded, Unavailable
from common.telemetry import logger
from gateway.proxy.bodies import Body, ClientGone
from gateway.proxy.problems import RequestTimeout
from gateway.proxy.table import Route
from gateway.proxy.upstreams import Outcome, Upstream

LOG = logger(__name__)

RETRIES: Final = 1
PAUSE_SECONDS: Final = 0.05
MARGIN_SECONDS: Final = 0.05  # the service gives up first, and its connection stays usable
SERVER_ERROR: Final = 500

# Everything else a client sends stays here: a service learns who asks from the internal token alone.
PASSED_ON: Final = frozenset(
    {
        b"accept",
        b"accept-encoding",
        b"accept-language",
        b"content-encoding",
        b"content-type",
        b"idempotency-key",
        b"if-match",
        b"if-modified-since",
        b"if-none-match",
        b"if-unmodified-since",
        b"last-event-id",
        b"prefer",
        b"range",
        b"user-agent",
    }
)
# Hop by hop (RFC 9110, §7.6.1), and what this process says itself.
KEPT_BACK: Final = frozenset(
    {
        b"connection",
        b"date",
        b"keep-alive",
        b"proxy-authenticate",
        b"proxy-authorization",
        b"proxy-connection",
        b"server",
        b"set-cookie",
        b"te",
        b"trailer",
        b"transfer-encoding",
        b"upgrade",
        b"x-request-id",
    }
)


class Answer:
    """The way back to the client; knows whether the answer has begun."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self.started = False
        self.started_at = 0.0
        self.status = 0

    async def __call__(self, message: Message) -> None:
        """Pass a message on."""
        if message["type"] == "http.response.start":
            self.started, self.started_at, self.status = True, time.perf_counter(), message["status"]
        await self._send(message)


class Exchange:
    """A request in hand.

    Args:
        scope: The request.
        receive: Where its body comes from.
        answer: Where the answer goes.
        route: What the table says of it.
        upstream: The service that answers.
        token: The internal token; None for nobody.
        context: Its ids.
        client_seconds: How long the client waits, if it said so.
        leaving: Set when this process stops: an answer without end then comes to one.
        address: Where the request came from; None where the service need not know.
    """

    def __init__(
        self,
        scope: Scope,
        receive: Receive,
        answer: Answer,
        *,
        route: Route,
        upstream: Upstream,
        token: str | None,
        context: RequestContext,
        client_seconds: float | None,
        leaving: asyncio.Event,
        address: str | None,
    ) -> None:
        self._scope = scope
        self._receive = receive
        self._answer = answer
        self._leaving = leaving
        self._address = address
        self._route = route
        self._upstream = upstream
        self._token = token
        self._context = context
        limit = route.limits.seconds
        self._seconds = limit if client_seconds is None else min(limit, client_seconds)
        self._patient = client_seconds is None or client_seconds >= limit
        announced = next((value for name, value in scope["headers"] if name == b"content-length"), None)
        self._body = Body(receive, route.limits, announced)
        self._clock = asyncio.timeout(self._seconds)

    async def run(self) -> None:
        """Pass the request on and the answer back. Raises a Problem, or ClientGone."""
        if self._route.limits.endless and self._leaving.is_set():
            raise Unavailable("The gateway is being restarted.", retry_after=1)
        try:
            async with self._clock:
                data = await self._data()
                with self._upstream.place(endless=self._route.limits.endless):
                    response = await self._ask(data)
                    await self._relay(response)
        except TimeoutError as error:
            if not self._body.complete:
                raise RequestTimeout(f"The body did not arrive within {self._seconds:g} s.") from error
            raise DeadlineExceeded(
                f"{self._upstream.name} did not answer within {self._seconds:g} s; whether it acted is not known."
            ) from error

    # -- the request ------------------------------------------------------------------------------------------------

    async def _data(self) -> bytes | AsyncIterator[bytes] | None:
        if self._route.method == "GET":
            self._body.complete = True
            return None
        if self._route.limits.streams:
            return self._body.parts(self._progress)
        return await self._body.whole()

    def _progress(self) -> None:
        """Give a streaming exchange its full time again; the others have to end within theirs."""
        if self._route.limits.streams:
            self._clock.reschedule(asyncio.get_running_loop().time() + self._seconds)

    def _url(self) -> URL:
        target: bytes = self._scope.get("raw_path") or self._scope["path"].encode()
        if self._scope["query_string"]:
            target += b"?" + self._scope["query_string"]
        try:
            return URL(self._upstream.url + target.decode("ascii"), encoded=True)
        except UnicodeDecodeError as error:
            raise BadRequest("The address holds letters that are not percent-encoded.") from error

    def _headers(self) -> CIMultiDict[str]:
        headers = CIMultiDict(
            (name.decode("latin-1"), value.decode("latin-1"))
            for name, value in self._scope["headers"]
            if name in PASSED_ON
        )
        if self._token is not None:
            headers["Authorization"] = f"Bearer {self._token}"
        if self._route.limits.streams and self._body.length is not None:
            headers["Content-Length"] = str(self._body.length)
        if (left := self._milliseconds_left()) is not None:
            headers["Request-Timeout"] = str(left)
        if self._address is not None:
            headers["X-Forwarded-For"] = self._address
        headers["X-Request-Id"] = self._context.request_id
        headers["X-Correlation-Id"] = self._context.correlation_id
        headers["traceparent"] = child_traceparent(self._context.traceparent)
        return headers

    def _milliseconds_left(self) -> int | None:
        """How long the service has; None where its answer may go on for as long as it is read."""
        ends_at = self._clock.when() or 0.0
        left = ends_at - asyncio.get_running_loop().time() - MARGIN_SECONDS
        if self._route.limits.streams:
            if self._route.method == "GET":
                return None
            left = self._route.limits.body_limit / (1 << 20)  # a second for each MiB: the idle limit is kept here
        return max(1, int(left * 1000))

    async def _ask(self, data: bytes | AsyncIterator[bytes] | None) -> aiohttp.ClientResponse:
        url = self._url()
        attempt = 0
        self._upstream.budget.deposit()
        while True:
            permit = self._upstream.admit()
            try:
                response = await self._upstream.session.request(
                    self._route.method, url, headers=self._headers(), data=data, allow_redirects=False
                )
            except (aiohttp.ClientError, OSError) as error:
                if self._body.refusal is not None:
                    self._upstream.ended(permit, "cut off")
                    raise self._body.refusal from error
                self._upstream.ended(permit, "failed")
                attempt += 1
                if not self._may_ask_again(attempt):
                    raise Unavailable(self._away(), retry_after=1) from error
                await asyncio.sleep(PAUSE_SECONDS * random.random())  # noqa: S311 - spreads retries, keeps no secret
            except BaseException:
                self._upstream.ended(permit, self._how_cut())
                raise
            else:
                self._judge(response, permit)
                return response

    def _may_ask_again(self, attempt: int) -> bool:
        return self._route.method == "GET" and attempt <= RETRIES and self._upstream.budget.withdraw()

    def _away(self) -> str:
        if self._route.method == "GET":
            return f"{self._upstream.name} cannot be reached."
        return (
            f"{self._upstream.name} cannot be reached; repeat with the same Idempotency-Key where the route takes one."
        )

    def _how_cut(self) -> Outcome:
        """Tell whose fault a cancelled call is: the service's if it had the whole request and the whole time."""
        return "failed" if self._clock.expired() and self._patient and self._body.complete else "cut off"

    def _judge(self, response: aiohttp.ClientResponse, permit: Permit) -> None:
        """A problem document is the service itself speaking, and it is alive; a bare 5xx is a crash."""
        broken = response.status >= SERVER_ERROR and "problem+json" not in response.headers.get("Content-Type", "")
        self._upstream.ended(permit, "failed" if broken else "answered")

    # -- the answer -------------------------------------------------------------------------------------------------

    async def _relay(self, response: aiohttp.ClientResponse) -> None:
        """Pass the answer on as it comes. One that breaks off is broken off towards the client too."""
        if not self._route.limits.endless:
            await self._pass_on(response)
            return
        client, process = asyncio.create_task(self._client_leaves()), asyncio.create_task(self._leaving.wait())
        passing = asyncio.create_task(self._pass_on(response))
        try:
            await asyncio.wait((passing, client, process), return_when=asyncio.FIRST_COMPLETED)
            if passing.done():
                passing.result()
            elif client.done():
                raise ClientGone
            elif not self._answer.started:
                raise Unavailable("The gateway is being restarted.", retry_after=1)
            else:  # of a message that is cut short here the client drops what it has
                passing.cancel()
                await asyncio.wait((passing,))
                await self._answer({"type": "http.response.body", "body": b"", "more_body": False})
        finally:
            for task in (passing, client, process):
                task.cancel()
            await asyncio.gather(passing, client, process, return_exceptions=True)
            response.close()

    async def _client_leaves(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass

    async def _pass_on(self, response: aiohttp.ClientResponse) -> None:
        try:
            await self._answer(
                {
                    "type": "http.response.start",
                    "status": response.status,
                    "headers": [
                        (name.lower(), value) for name, value in response.raw_headers if name.lower() not in KEPT_BACK
                    ],
                }
            )
            content = response.content
            more = True
            while more:
                part = await content.readany()
                more = not content.at_eof()
                self._progress()
                await self._answer({"type": "http.response.body", "body": part, "more_body": more})
        except (aiohttp.ClientError, OSError) as error:
            LOG.warning("answer.broken_off", upstream=self._upstream.name, error=str(error))
            raise Unavailable(f"{self._upstream.name} broke off its answer.") from error
        finally:
            response.close() if not response.content.at_eof() else response.release()
