"""How every service is, asked at the moment."""

import asyncio
import time
from collections.abc import Callable
from typing import Final

from common.service import Runtime
from gateway.proxy.upstreams import Upstream, Upstreams
from gateway.suite.schemas import ServiceState, SuiteState

PATIENCE_SECONDS: Final = 2.0
FRESH_SECONDS: Final = 1.0  # anyone may ask: a thousand askers a second are one question a second to the services


class StatusBoard:
    """Asks all services at once, at most once a second, however many want to know."""

    def __init__(self, runtime: Runtime, upstreams: Upstreams, *, now: Callable[[], float] = time.monotonic) -> None:
        self._runtime = runtime
        self._upstreams = upstreams
        self._now = now
        self._lock = asyncio.Lock()
        self._asked_at = -FRESH_SECONDS
        self._state: SuiteState | None = None

    async def read(self) -> SuiteState:
        """Return the state of the suite, at most a second old."""
        async with self._lock:
            if self._state is None or self._now() - self._asked_at >= FRESH_SECONDS:
                self._state = await self._ask()
                self._asked_at = self._now()
            return self._state

    async def _ask(self) -> SuiteState:
        upstreams = list(self._upstreams)
        own, *others = await asyncio.gather(self._own(), *(_ask(upstream) for upstream in upstreams))
        services = {"gateway": own} | {upstream.name: state for upstream, state in zip(upstreams, others, strict=True)}
        ready = all(state.status == "ready" for state in services.values())
        return SuiteState(status="ready" if ready else "degraded", services=services)

    async def _own(self) -> ServiceState:
        report = await self._runtime.readiness()
        return _state_of({"status": "ready" if report.ready else "not ready", **report.parts})


async def _ask(upstream: Upstream) -> ServiceState:
    told = await upstream.ask("GET", "/readyz", seconds=PATIENCE_SECONDS)
    if told is None or not isinstance(told.body, dict):
        return ServiceState(status="away")
    return _state_of(told.body)


def _state_of(report: dict[str, str]) -> ServiceState:
    return ServiceState(
        status="ready" if report.get("status") == "ready" else "not ready",
        database=report.get("database"),
        broker=report.get("broker"),
        projections=report.get("projections"),
        consumers=report.get("consumers"),
    )
