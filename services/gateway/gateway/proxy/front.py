"""What every request meets first: the table, the caller's identity, CORS, the headers of every answer.

Requests for the services go on from here without FastAPI; the gateway's own routes get the same internal token as any
service would.
"""

import time
from typing import Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from common.answers import problem_answer
from common.context import RequestContext, accept_request_id, child_traceparent, use_context
from common.http.middleware import last_resort
from common.problems import Forbidden, Problem, Unauthenticated
from common.service import Runtime
from common.telemetry import logger, metrics
from gateway.proxy.addresses import client_address
from gateway.proxy.bodies import ClientGone
from gateway.proxy.exchange import Answer, Exchange
from gateway.proxy.table import GATEWAY, Route, RouteTable
from gateway.resources import Resources
from gateway.settings import Settings
from gateway.tokens.internal import Identity

LOG = logger(__name__)

EXPOSED: Final = b"ETag, Location, Retry-After, RateLimit, Idempotency-Replayed, X-Request-Id"
ALLOWED_METHODS: Final = b"GET, POST, PUT, PATCH, DELETE"
ALLOWED_HEADERS: Final = (
    b"Accept-Language, Authorization, Cart-Token, Content-Type, Idempotency-Key, If-Match, If-None-Match, "
    b"Last-Event-ID, Prefer, Request-Timeout, X-Request-Id, traceparent"
)
PREFLIGHT_SECONDS: Final = b"600"
HSTS: Final = (b"strict-transport-security", b"max-age=31536000; includeSubDomains")
ALWAYS: Final = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"x-frame-options", b"DENY"),
)
NO_STORE: Final = (b"cache-control", b"no-store")

# Replaced before FastAPI sees the request.
REWRITTEN: Final = frozenset(
    {b"authorization", b"cart-token", b"request-timeout", b"x-request-id", b"x-correlation-id", b"traceparent"}
)
READ_HERE: Final = (b"origin", b"x-request-id", b"traceparent", b"request-timeout", b"access-control-request-method")


class Front:
    """The ASGI app that the gateway serves."""

    def __init__(self, app: ASGIApp, runtime: Runtime, *, table: RouteTable | None = None) -> None:
        settings, resources = runtime.settings, runtime.resources
        if not isinstance(settings, Settings) or not isinstance(resources, Resources):
            raise TypeError("the front needs the gateway's own settings and resources")
        self._app = app
        self._table = table or RouteTable()
        self._upstreams = resources.upstreams
        self._tokens = resources.internal_tokens
        self._metrics = runtime.metrics
        self._leaving = runtime.leaving
        self._proxies = settings.trusted_proxies
        self._origins = frozenset(origin.encode() for origin in settings.cors_origins)
        self._headers = (*ALWAYS, HSTS) if settings.public_url.startswith("https://") else ALWAYS

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        heard = {name: value.decode("latin-1") for name, value in scope["headers"] if name in READ_HERE}
        context = RequestContext(
            request_id=accept_request_id(heard.get(b"x-request-id")),
            traceparent=child_traceparent(heard.get(b"traceparent")),
        )
        with use_context(context):
            request = _Request(scope, receive, heard, context)
            await self._answer(request, Answer(self._dressed(send, request)))

    async def _answer(self, request: "_Request", answer: Answer) -> None:
        started = time.perf_counter()
        try:
            await self._dispatch(request, answer)
        except ClientGone:
            answer.status = 499  # nobody is there to be answered; the number is nginx's, for the log alone
        except Problem as problem:
            await self._refuse(problem, request, answer)
        except Exception as error:  # noqa: BLE001 - the last word on whatever was not foreseen
            await self._refuse(last_resort(error), request, answer)
        if not request.inner:
            endless = answer.started and request.route is not None and request.route.limits.endless
            self._record(request, answer, (answer.started_at if endless else time.perf_counter()) - started)

    @staticmethod
    async def _refuse(problem: Problem, request: "_Request", answer: Answer) -> None:
        """Answer with the problem; an answer that has begun stays incomplete, and the server closes its connection."""
        if not answer.started:
            await problem_answer(problem)(request.scope, request.receive, answer)

    async def _dispatch(self, request: "_Request", answer: Answer) -> None:
        scope = request.scope
        if scope["method"] == "OPTIONS" and b"access-control-request-method" in request.heard:
            await self._preflight(request, answer)
            return
        route = request.route = self._table.find(scope["method"], scope.get("raw_path") or scope["path"].encode())
        identity = request.identity = self._tokens.identify(scope["headers"]) if route.identity else None
        if identity is None and not route.public:
            raise Unauthenticated("This needs a credential; send an access token as Authorization: Bearer.")
        if route.service == GATEWAY:
            request.inner = True
            await self._app(self._inner_scope(request, route, identity), request.receive, answer)
            return
        await Exchange(
            scope,
            request.receive,
            answer,
            route=route,
            upstream=self._upstreams[route.service],
            token=None if identity is None else self._tokens.token(identity, route.service),
            context=request.context,
            client_seconds=request.seconds,
            leaving=self._leaving,
            address=client_address(scope, self._proxies) if route.address else None,
        ).run()

    def _inner_scope(self, request: "_Request", route: Route, identity: Identity | None) -> Scope:
        """Say to our own routes what a service would be told."""
        context, limit = request.context, route.limits.seconds
        seconds = limit if request.seconds is None else min(limit, request.seconds)
        headers = [(name, value) for name, value in request.scope["headers"] if name not in REWRITTEN]
        headers += [
            (b"x-request-id", context.request_id.encode()),
            (b"x-correlation-id", context.correlation_id.encode()),
            (b"traceparent", context.traceparent.encode()),
            (b"request-timeout", str(max(1, int(seconds * 1000))).encode()),
        ]
        if identity is not None:
            headers.append((b"authorization", b"Bearer " + self._tokens.token(identity, GATEWAY).encode()))
        return {**request.scope, "headers": headers}

    # -- what every answer carries ------------------------------------------------------------------------------------

    def _dressed(self, send: Send, request: "_Request") -> Send:
        async def dress(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = [item for item in message.get("headers", ()) if item[0] != b"x-request-id"]
                headers.append((b"x-request-id", request.context.request_id.encode()))
                headers += self._headers
                if request.identity is not None and not any(name == b"cache-control" for name, _ in headers):
                    headers.append(NO_STORE)
                headers += self._cors(request)
                message = {**message, "headers": headers}
            await send(message)

        return dress

    def _cors(self, request: "_Request") -> list[tuple[bytes, bytes]]:
        if not self._origins:
            return []
        headers = [(b"vary", b"Origin")]
        origin = request.heard.get(b"origin", "").encode("latin-1")
        if origin in self._origins:
            headers += [(b"access-control-allow-origin", origin), (b"access-control-expose-headers", EXPOSED)]
        return headers

    async def _preflight(self, request: "_Request", answer: Answer) -> None:
        origin = request.heard.get(b"origin", "")
        if origin.encode("latin-1") not in self._origins:
            raise Forbidden(
                f"Pages of {origin or 'no origin'} may not call this API; GATEWAY_CORS_ORIGINS lists who may."
            )
        headers = [
            (b"access-control-allow-methods", ALLOWED_METHODS),
            (b"access-control-allow-headers", ALLOWED_HEADERS),
            (b"access-control-max-age", PREFLIGHT_SECONDS),
        ]
        await answer({"type": "http.response.start", "status": 204, "headers": headers})
        await answer({"type": "http.response.body", "body": b""})

    def _record(self, request: "_Request", answer: Answer, seconds: float) -> None:
        """Write what FastAPI's middleware writes for our own routes."""
        route = "unmatched" if request.route is None else request.route.path
        method, status = request.scope["method"], answer.status or 500
        label = method if request.route is not None else "any"
        self._metrics.count(metrics.HTTP_REQUESTS, label, route, f"{status // 100}xx")
        self._metrics.observe(metrics.HTTP_DURATION, seconds, label, route)
        LOG.info("request.answered", method=method, route=route, status=status, ms=round(seconds * 1000, 1))


class _Request:
    """A request and what was found out about it."""

    __slots__ = ("context", "heard", "identity", "inner", "receive", "route", "scope")

    def __init__(self, scope: Scope, receive: Receive, heard: dict[bytes, str], context: RequestContext) -> None:
        self.scope = scope
        self.receive = receive
        self.heard = heard
        self.context = context
        self.route: Route | None = None
        self.identity: Identity | None = None
        self.inner = False

    @property
    def seconds(self) -> float | None:
        """How long the client waits, if it said so."""
        value = self.heard.get(b"request-timeout", "")
        return max(1, int(value[:10])) / 1000 if value.isascii() and value.isdigit() else None
