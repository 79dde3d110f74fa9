"""Stand-ins and factories for tests. Production code may not import this."""

import socket
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime

import orjson
from aiohttp import web

from common.auth import Caller
from common.database import uuid7
from common.testing.served import Served
from gateway.proxy.table import RouteTable
from gateway.users.repository import User

NAMES = ("catalog", "inventory", "orders", "metrics", "notifications")
READY = {"status": "ready", "database": "migrated", "broker": "there", "projections": "read", "consumers": "running"}
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class TinyService:
    """A real HTTP server that notes what it is asked and answers as told, else with its name."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.requests: list[web.Request] = []
        self.bodies: list[bytes] = []
        self.handlers: dict[str, Handler] = {}
        self.port = 0
        self._runner: web.AppRunner | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def last(self) -> web.Request:
        return self.requests[-1]

    def reset(self) -> None:
        self.requests.clear()
        self.bodies.clear()
        self.handlers.clear()

    async def start(self) -> None:
        app = web.Application(client_max_size=1 << 30)
        app.router.add_route("*", "/{path:.*}", self._answer)
        self._runner = web.AppRunner(app, access_log=None, handle_signals=False, shutdown_timeout=0.1)
        await self._runner.setup()
        listener = socket.create_server(("127.0.0.1", self.port), reuse_port=False)
        self.port = listener.getsockname()[1]
        await web.SockSite(self._runner, listener).start()

    async def stop(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        self.requests.append(request)
        handler = self.handlers.get(request.path)
        if handler is not None:
            return await handler(request)
        self.bodies.append(await request.read())
        if request.path == "/readyz":
            return web.json_response(READY)
        if request.path == "/internal/test-clock":
            return web.json_response(orjson.loads(self.bodies[-1]))
        return web.json_response({"service": self.name})


def make_user(*, role: str = "customer", email: str = "grace@shop.example", name: str = "Grace Hopper") -> User:
    """Make a user that is only in memory."""
    return User(
        id=uuid7(),
        email=email,
        name=name,
        password_hash="none",  # noqa: S106 - nobody signs in with it
        role=role,
        status="active",
        version=1,
        created_at=datetime.now(UTC),
    )


Suite = Mapping[str, TinyService]
Serve = Callable[[RouteTable], Served]
Bearer = Callable[..., dict[str, str]]
ReadToken = Callable[[web.Request, str], Caller]
