"""A service described in one place, and the process that runs it.

``Service`` is what a service is: its routes, events, consumers, jobs and invariants, all as data. ``Runtime`` is one
process of it: pool, keys, metrics and the loops in the background.
"""

import asyncio
import signal
import time
from collections.abc import AsyncIterator, Callable, Collection, Coroutine, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import asyncpg
import orjson
from fastapi import FastAPI
from starlette.types import ASGIApp

from common.auth import TokenSigner, TokenVerifier
from common.clock import Clock, SystemClock
from common.database import Aggregate, Database, at_head
from common.events import EventContract, Topic
from common.http.router import Router
from common.inbox import Consumer, ConsumerRunner
from common.invariants import Invariant
from common.outbox import Relay
from common.problems import Unavailable
from common.scheduling import Job, JobRunner, Sweep, SweepRunner
from common.settings import ServiceSettings
from common.telemetry import COMMON_METRICS, Metric, Metrics, logger, metrics
from common.upkeep import UPKEEP

LOG = logger(__name__)

ROLES = ("http", "relay", "consumers", "jobs")
STOP_SECONDS = 10.0  # for the loops; HTTP has drained by then, all of it within compose's 25 s
LOOP_PROBE_SECONDS = 0.5
OPEN_DEAD_LETTERS = "SELECT count(*) FROM dead_letter WHERE status = 'open'"

Resources = Callable[["Runtime"], AbstractAsyncContextManager[Any]]
Wrap = Callable[[FastAPI, "Runtime"], ASGIApp]


@dataclass(frozen=True, slots=True)
class Loop:
    """Work without end that each process with the role does, until it is cancelled."""

    name: str
    role: str
    run: Callable[["Runtime"], Coroutine[Any, Any, None]]


@dataclass(frozen=True, kw_only=True)
class Service:
    """What a service is made of.

    ``aggregates`` maps each topic that the service publishes to the row that numbers its events; ``uploads`` are paths
    whose body may be large, ``streams`` those whose answer goes on without limit once it has begun; ``resources`` opens
    what routes and jobs need beside the database (clients, mailers); ``loops`` run beside relay, consumers and jobs;
    ``wrap`` puts an ASGI app of the service's own in front of FastAPI.
    """

    name: str
    settings: type[ServiceSettings]
    migrations: str
    routers: tuple[Router, ...] = ()
    publishes: tuple[type[EventContract], ...] = ()
    aggregates: Mapping[Topic, Aggregate] = field(default_factory=dict)
    consumers: tuple[Consumer, ...] = ()
    jobs: tuple[Job[Any], ...] = ()
    sweeps: tuple[Sweep, ...] = ()
    loops: tuple[Loop, ...] = ()
    invariants: tuple[Invariant, ...] = ()
    resources: Resources | None = None
    wrap: Wrap | None = None
    uploads: tuple[str, ...] = ()
    streams: tuple[str, ...] = ()
    extra_metrics: tuple[Metric, ...] = ()

    @cached_property
    def metrics(self) -> Metrics:
        """The metrics of this process of the service."""
        return Metrics(self.name, COMMON_METRICS + self.extra_metrics)

    @property
    def topics(self) -> list[Topic]:
        """Every topic that the service publishes or consumes."""
        named = {contract.topic.name: contract.topic for contract in self.publishes}
        named |= {topic.name: topic for consumer in self.consumers for topic in consumer.topics}
        return [named[name] for name in sorted(named)]


@dataclass(frozen=True, slots=True)
class Readiness:
    """What ``/readyz`` says."""

    ready: bool
    parts: Mapping[str, str]

    def body(self) -> bytes:
        """Return the report as JSON."""
        return orjson.dumps({"status": "ready" if self.ready else "not ready", **self.parts})


class Runtime:
    """One process of a service."""

    def __init__(self, service: Service, settings: ServiceSettings, *, clock: Clock | None = None) -> None:
        self.service = service
        self.settings = settings
        self.clock = clock or SystemClock()
        self.metrics = service.metrics
        aggregates = {topic.name: aggregate for topic, aggregate in service.aggregates.items()}
        self.database = Database.open(
            settings.database_url.get_secret_value(),
            service=service.name,
            clock=self.clock,
            test_clock=settings.test_clock,
            aggregates=aggregates,
        )
        self.signer = TokenSigner(service.name, settings.signing_key.get_secret_value())
        self.verifier = TokenVerifier(settings.trusted_keys, service.name)
        self.resources: Any = None
        self.stopping = False
        self.leaving = asyncio.Event()
        """Set before HTTP drains: answers without end come to one."""
        self._migrated = False
        self._runners: list[ConsumerRunner] = []

    @classmethod
    @asynccontextmanager
    async def open(
        cls, service: Service, settings: ServiceSettings, *, clock: Clock | None = None
    ) -> AsyncIterator["Runtime"]:
        """Open a process of ``service`` and close it at the end of the block."""
        runtime = cls(service, settings, clock=clock)
        async with AsyncExitStack() as stack:
            stack.push_async_callback(runtime.database.close)
            if service.resources is not None:
                runtime.resources = await stack.enter_async_context(service.resources(runtime))
                runtime.database.resources = runtime.resources
            yield runtime

    # -- the loops ----------------------------------------------------------------------------------------------------

    @asynccontextmanager
    async def background(self, roles: Collection[str] = ROLES) -> AsyncIterator[None]:
        """Run relay, consumers and jobs beside the block; they stop together within STOP_SECONDS of its end.

        A loop that fails ends the process as SIGTERM would: whoever keeps it running starts it anew.
        """
        tasks = [asyncio.create_task(coroutine, name=name) for name, coroutine in self._loops(roles)]
        for task in tasks:
            task.add_done_callback(self._on_loop_end)
        try:
            yield
        finally:
            self.stopping = True
            for task in tasks:
                task.cancel()
            if tasks:
                _, late = await asyncio.wait(tasks, timeout=STOP_SECONDS)
                for task in late:
                    LOG.warning("loop.abandoned", loop=task.get_name())

    def _on_loop_end(self, task: asyncio.Task[None]) -> None:
        if task.cancelled() or self.stopping:
            return
        LOG.critical("loop.failed", loop=task.get_name(), exc_info=task.exception())
        self.stopping = True
        signal.raise_signal(signal.SIGTERM)

    def _loops(self, roles: Collection[str]) -> list[tuple[str, Any]]:
        service = self.service
        loops: list[tuple[str, Any]] = [("loop-lag", self._watch_loop())]
        if "relay" in roles and service.publishes:
            loops.append(("relay", self._new_relay().run()))
        if "consumers" in roles:
            self._runners = [self._new_runner(consumer) for consumer in service.consumers]
            loops += [(f"consumer {runner.group}", runner.run()) for runner in self._runners]
        if "jobs" in roles:
            if service.jobs:
                jobs = JobRunner(self.database, service.jobs, runtime=self)
                self.database.after_enqueue.append(jobs.wake)
                loops.append(("jobs", jobs.run()))
            loops.append(("sweeps", SweepRunner(self.database, (*service.sweeps, *UPKEEP), runtime=self).run()))
        loops += [(loop.name, loop.run(self)) for loop in service.loops if loop.role in roles]
        return loops

    def _new_relay(self) -> Relay:
        settings = self.settings
        return Relay(
            self.database,
            service=self.service.name,
            bootstrap_servers=settings.kafka_bootstrap_servers,
            namespace=settings.events_namespace,
            instance=settings.instance,
            metrics=self.metrics,
        )

    def _new_runner(self, consumer: Consumer) -> ConsumerRunner:
        settings = self.settings
        return ConsumerRunner(
            consumer,
            self.database,
            bootstrap_servers=settings.kafka_bootstrap_servers,
            namespace=settings.events_namespace,
            instance=settings.instance,
            metrics=self.metrics,
        )

    async def _watch_loop(self) -> None:
        while True:
            before = time.perf_counter()
            await asyncio.sleep(LOOP_PROBE_SECONDS)
            self.metrics.set(metrics.LOOP_LAG, max(0.0, time.perf_counter() - before - LOOP_PROBE_SECONDS))

    # -- what others ask it -------------------------------------------------------------------------------------------

    async def readiness(self) -> Readiness:
        """Look at the database, its migrations, the broker, the projections and the consumer groups.

        A broker that is away does not make the service unready: the outbox holds what it says. Nor does a halted group:
        requests are answered as well as before, and sending them elsewhere would mend nothing.
        """
        parts = {"database": await self._database_state()}
        parts["broker"] = "away" if any(runner.broker_away for runner in self._runners) else "there"
        behind = [runner.group for runner in self._runners if not runner.caught_up.is_set()]
        parts["projections"] = f"reading {', '.join(behind)}" if behind else "read"
        halted = [runner.group for runner in self._runners if runner.halted]
        parts["consumers"] = f"halted: {', '.join(halted)}" if halted else "running"
        ready = parts["database"] == "migrated" and not behind and not self.stopping
        return Readiness(ready, parts)

    async def _database_state(self) -> str:
        try:
            async with self.database.acquire() as connection:
                await connection.fetchval("SELECT 1")
            if not self._migrated:
                self._migrated = await at_head(self.database.engine, self.service.migrations)
        except (Unavailable, OSError, asyncpg.PostgresError, asyncpg.InternalClientError):
            return "away"
        return "migrated" if self._migrated else "not at head: run migrate"

    async def sample_metrics(self) -> None:
        """Bring the gauges that are only read up to date."""
        pool = self.database.engine.pool
        self.metrics.set(metrics.POOL_IN_USE, pool.checkedout())  # type: ignore[attr-defined] # a queue pool counts
        with suppress(Unavailable):
            async with self.database.acquire() as connection:
                self.metrics.set(metrics.DEAD_LETTERS_OPEN, await connection.fetchval(OPEN_DEAD_LETTERS))
