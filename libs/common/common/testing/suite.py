"""The six services as processes, on the test run's PostgreSQL and Kafka: what journeys and drills play against.

Each suite has databases, topics and ports of its own, so several can live in one run.
"""

import asyncio
import secrets
import signal
import sys
from collections.abc import Awaitable, Callable, Iterable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import asyncpg
import httpx2

from common.events import CONTRACTS, create_topics, topics_of
from common.testing._keys import NAMES, Keyring
from common.testing._platform import Platform
from quartermaster_local.processes import LOOPBACK, Child, free_port

READY_SECONDS = 60.0
WAIT_SECONDS = 30.0
CALLS = {
    "CATALOG_INVENTORY_URL": "inventory",
    "INVENTORY_ORDERS_URL": "orders",
    "ORDERS_INVENTORY_URL": "inventory",
} | {f"GATEWAY_{name.upper()}_URL": name for name in NAMES if name != "gateway"}


class Suite:
    """Six running services; ``async with`` starts and stops them."""

    def __init__(
        self, platform: Platform, keyring: Keyring, folder: Path, *, settings: Mapping[str, str] | None = None
    ) -> None:
        self.platform = platform
        self.namespace = f"{platform.run}-{secrets.token_hex(3)}"
        self.databases: dict[str, str] = {}
        self.ports = {name: free_port() for name in NAMES}
        self.smtp_port, self.mailbox_port = free_port(), free_port()
        self._keyring = keyring
        self._folder = folder
        self._settings = dict(settings or {})
        self._children: dict[str, Child] = {}

    @property
    def gateway(self) -> str:
        """The one API's URL."""
        return self.url("gateway")

    def url(self, name: str) -> str:
        """Where a service listens."""
        return f"http://{LOOPBACK}:{self.ports[name]}"

    async def __aenter__(self) -> Self:
        for name in NAMES:
            self.databases[name] = await self.platform.new_database(f"{name}.migrations")
        await create_topics(self.platform.bootstrap, self.namespace, topics_of(CONTRACTS))
        mailbox = ["--smtp-port", str(self.smtp_port), "--http-port", str(self.mailbox_port)]
        mailbox += ["--data-dir", str(self._folder / "mail")]
        self._spawn("mailbox", ["-m", "quartermaster_local.mailbox", *mailbox])
        await self.start(*NAMES)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await asyncio.to_thread(self._stop_all)

    def _stop_all(self) -> None:
        for child in self._children.values():
            child.send(signal.SIGTERM)
        for child in self._children.values():
            child.stop(timeout_seconds=15)

    # -- processes ----------------------------------------------------------------------------------------------------

    def environment_of(self, name: str) -> dict[str, str]:
        """Return the variables of one service."""
        prefix = name.upper()
        return {
            "PATH": "/usr/bin:/bin",
            "PYTHONUNBUFFERED": "1",
            f"{prefix}_DATABASE_URL": self.databases.get(name, ""),
            f"{prefix}_HOST": LOOPBACK,
            f"{prefix}_PORT": str(self.ports[name]),
            f"{prefix}_SIGNING_KEY": self._keyring.private[name],
            "TRUSTED_KEYS": self._keyring.trusted,
            "KAFKA_BOOTSTRAP_SERVERS": self.platform.bootstrap,
            "EVENTS_NAMESPACE": self.namespace,
            "INSTANCE": f"{name}-1",
            "TEST_CLOCK": "1",
            "NOTIFICATIONS_SMTP_URL": f"smtp://{LOOPBACK}:{self.smtp_port}",
            "NOTIFICATIONS_MAIL_FROM": "shop@quartermaster.example",
            "WEBHOOK_ALLOWED_TARGETS": "127.0.0.0/8",  # where tests have their receivers
            **{variable: self.url(callee) for variable, callee in CALLS.items()},
            **self._settings,
        }

    def _spawn(self, name: str, arguments: list[str]) -> Child:
        environment = self.environment_of(name) if name in NAMES else {"PATH": "/usr/bin:/bin"}
        child = Child.start(
            name,
            [sys.executable, *arguments],
            folder=self._folder,
            log=self._folder / f"{name}.log",
            environment=environment,
        )
        self._children[name] = child
        return child

    async def run(self, name: str, *arguments: str, stdin: bytes | None = None) -> tuple[int, str]:
        """Run another verb of a service to its end; returns the exit status and what it printed."""
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            name,
            *arguments,
            env=self.environment_of(name),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        output, _ = await process.communicate(stdin)
        return process.returncode or 0, output.decode()

    async def start(self, *names: str, roles: str | None = None) -> None:
        """Start services, with some of their roles alone where ``roles`` names them; wait until they are ready."""
        for name in names:
            self._spawn(name, ["-m", name, "serve", *(["--roles", roles] if roles is not None else [])])
        await asyncio.gather(*(self.wait_ready(name) for name in names))

    def kill(self, name: str) -> None:
        """Kill a service as a crash would."""
        self._children[name].kill()

    async def stop(self, name: str) -> None:
        """Stop a service as a deploy would."""
        await asyncio.to_thread(self._children[name].stop, timeout_seconds=25)

    def service_token(self, name: str, audience: str) -> str:
        """Sign what the service ``name`` would say of itself."""
        return self._keyring.service_token(name, audience)

    def pids(self) -> dict[str, int]:
        """Return the processes of the services."""
        return {name: self._children[name].pid for name in NAMES}

    async def wait_ready(self, name: str) -> None:
        """Wait until a service is ready; its log is in the error if it never is."""
        child = self._children[name]
        async with httpx2.AsyncClient() as client:

            async def ready() -> bool:
                if child.exit_status is not None:
                    raise RuntimeError(f"{name} ended with {child.exit_status}. {child.last_words()}")
                try:
                    return (await client.get(f"{self.url(name)}/readyz", timeout=2)).status_code == httpx2.codes.OK
                except httpx2.HTTPError:
                    return False

            try:
                await until(ready, timeout=READY_SECONDS)
            except TimeoutError:
                raise RuntimeError(f"{name} was not ready in time. {child.last_words()}") from None

    # -- looking in ---------------------------------------------------------------------------------------------------

    async def rows(self, service: str, sql: str, *args: object) -> list[asyncpg.Record]:
        """Look into a service's database."""
        connection = await asyncpg.connect(self.databases[service])
        try:
            found: list[asyncpg.Record] = await connection.fetch(sql, *args)
            return found
        finally:
            await connection.close()

    async def quiet(self, services: Iterable[str] = NAMES) -> None:
        """Wait until every outbox is published."""

        async def published() -> bool:
            for name in services:
                (row,) = await self.rows(name, "SELECT count(*) AS open FROM outbox WHERE published_at IS NULL")
                if row["open"]:
                    return False
            return True

        await until(published)


async def until(condition: Callable[[], Awaitable[Any]], *, timeout: float = WAIT_SECONDS) -> Any:  # noqa: ANN401 - what the condition found
    """Wait until ``condition`` returns something true, and return that. Raises TimeoutError."""
    async with asyncio.timeout(timeout):
        while True:
            found = await condition()
            if found:
                return found
            await asyncio.sleep(0.05)
