"""What a process of the gateway opens beside its database."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from aiohttp import web

from common.service import Runtime
from common.telemetry import logger
from gateway.proxy.upstreams import Upstreams
from gateway.settings import Settings
from gateway.suite.board import StatusBoard
from gateway.suite.clock import SuiteClock
from gateway.tokens.access import AccessTokens
from gateway.tokens.internal import InternalTokens
from gateway.users.passwords import Passwords

LOG = logger(__name__)


@dataclass(frozen=True, slots=True)
class Resources:
    """Opened with the process, closed with it."""

    passwords: Passwords
    access_tokens: AccessTokens
    internal_tokens: InternalTokens
    upstreams: Upstreams
    board: StatusBoard
    clock: SuiteClock


@asynccontextmanager
async def open_resources(runtime: Runtime) -> AsyncIterator[Resources]:
    """Open them around the block."""
    settings = runtime.settings
    if not isinstance(settings, Settings):
        raise TypeError(f"the gateway runs with {type(settings).__name__}, not with its own Settings")

    def now() -> float:
        return runtime.clock.now().timestamp()

    access_tokens = AccessTokens(settings.signing_key.get_secret_value(), issuer=settings.public_url, now=now)
    internal_tokens = InternalTokens(runtime.signer, access_tokens, now=now)
    async with AsyncExitStack() as stack:
        upstreams = await stack.enter_async_context(Upstreams.open(settings.services, runtime.metrics))
        if settings.metrics_port:
            await stack.enter_async_context(_metrics_page(runtime, settings))
        yield Resources(
            passwords=Passwords(),
            access_tokens=access_tokens,
            internal_tokens=internal_tokens,
            upstreams=upstreams,
            board=StatusBoard(runtime, upstreams),
            clock=SuiteClock(runtime.database, upstreams, internal_tokens),
        )


@asynccontextmanager
async def _metrics_page(runtime: Runtime, settings: Settings) -> AsyncIterator[None]:
    """Serve ``/metrics`` on a port of its own: the public one never shows it."""

    async def exposition(_: web.Request) -> web.Response:
        await runtime.sample_metrics()
        return web.Response(body=runtime.metrics.exposition(), headers={"Content-Type": "text/plain; version=0.0.4"})

    app = web.Application()
    app.router.add_get("/metrics", exposition)
    runner = web.AppRunner(app, access_log=None, handle_signals=False)
    await runner.setup()
    try:
        await web.TCPSite(runner, settings.metrics_host, settings.metrics_port).start()
        LOG.info("metrics.served", host=settings.metrics_host, port=settings.metrics_port)
        yield
    finally:
        await runner.cleanup()
