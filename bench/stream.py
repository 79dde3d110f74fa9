"""Events a second into the log, out of its pages and through 200 open streams, on a real PostgreSQL of its own.

``python bench/stream.py [STREAMS [EVENTS]]`` (200, 5,000): events are logged in batches of 500 as the consumer does it
and pulled by the thousand; then STREAMS readers in a process of their own follow one process of notifications while
EVENTS are appended as fast as it goes, and 300 more at 50 a second, of which the time from the commit to each reader is
taken. The process's memory is printed before, while and after.
"""

import asyncio
import os
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx2
import orjson

from common.database import Database, uuid7
from common.events import Event, EventContract, dataschema_of, serialise
from common.events.contracts.orders import OrderPlaced
from common.service import Runtime
from common.testing import Keyring, Platform
from common.testing.plugin import settings_from
from common.testing.suite import until
from notifications.app import SERVICE
from notifications.feed.handlers import log_events
from notifications.testing import order_event
from quartermaster_local.processes import LOOPBACK, Child, free_port

LOGGED = 20_000
BATCH = 500
PAGE = 1_000
PACED, PACE_SECONDS = 300, 0.02
AT_ONCE = 50  # streams that are being opened: a process lets 192 requests in
PATH = "/v1/events/stream"


def event_of(data: EventContract, time_sent: float) -> Event[Any]:
    """An event as it comes over Kafka; when it was sent stands where the trace would."""
    return Event(
        id=uuid7(),
        type=data.type,
        source="/services/orders",
        subject=data.subject,
        time=datetime.now(UTC),
        sequence=1,
        correlation_id=None,
        causation_id=None,
        traceparent=f"{time_sent:.6f}",
        data=data,
        dataschema=dataschema_of(type(data)),
        value=serialise(data),
    )


def events_of(count: int) -> list[Event[Any]]:
    """So many orders, placed now."""
    placed, now = order_event(OrderPlaced), time.perf_counter()
    return [event_of(placed, now) for _ in range(count)]


async def log(database: Database, events: Sequence[Event[Any]]) -> None:
    async with database.uow() as uow:
        await log_events(events, uow)


async def measure_log(database: Database) -> None:
    batches = [events_of(BATCH) for _ in range(LOGGED // BATCH)]
    size = len(batches[0][0].value)
    started = time.perf_counter()
    for batch in batches:
        await log(database, batch)
    rate = LOGGED / (time.perf_counter() - started)
    print(f"log: {rate:,.0f} events/s of {size:,} bytes in batches of {BATCH}")


async def measure_pages(client: httpx2.AsyncClient) -> None:
    started, seen, size, cursor = time.perf_counter(), 0, 0, "oldest"
    while seen < LOGGED:
        answer = (await client.get(f"/v1/events?limit={PAGE}&after={cursor}")).content
        page = orjson.loads(answer)
        seen, size, cursor = seen + len(page["items"]), size + len(answer), page["next"]
    took = time.perf_counter() - started
    print(f"feed: {seen / took:,.0f} events/s ({size / took / 1e6:,.0f} MB/s) by pages of {PAGE:,}, read and parsed")


# -- the readers' process ----------------------------------------------------------------------------------------------


class OneReader:
    """Counts events on a bare connection, and notes how late each paced one was."""

    def __init__(self) -> None:
        self.seen = 0
        self.late: list[float] = []

    async def read(self, port: int, token: str, burst: int, at_once: asyncio.Semaphore) -> None:
        async with at_once:
            reader, writer = await asyncio.open_connection(LOOPBACK, port, limit=1 << 20)
            head = f"GET {PATH} HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer {token}\r\n\r\n"
            writer.write(head.encode())
            await reader.readuntil(b"retry: ")
        rest = b""
        while self.seen < burst + PACED:
            part = await reader.read(1 << 18)
            if not part:
                raise EOFError(f"a stream ended after {self.seen} events")
            *whole, rest = (rest + part).split(b"\n\n")
            for event in whole:
                if b"\ndata: " not in event:
                    continue
                self.seen += 1
                if self.seen > burst:
                    sent = event.partition(b'"traceparent":"')[2][:20].partition(b'"')[0]
                    self.late.append(time.perf_counter() - float(sent))
        writer.close()


async def read_all(port: int, token: str, streams: int, burst: int) -> None:
    """Open the streams, say so, and say how it went."""
    readers = [OneReader() for _ in range(streams)]
    at_once = asyncio.Semaphore(AT_ONCE)
    tasks = [asyncio.create_task(reader.read(port, token, burst, at_once)) for reader in readers]
    while any(reader.seen < burst for reader in readers):
        for task in tasks:
            if task.done():
                task.result()
        await asyncio.sleep(0.002)
    print(time.perf_counter(), flush=True)
    await asyncio.gather(*tasks)
    late = [each for reader in readers for each in reader.late]
    cuts = statistics.quantiles(late, n=100)
    print(orjson.dumps({"readings": len(late), "p50": cuts[49], "p99": cuts[98]}).decode(), flush=True)


# -- the process under measurement -------------------------------------------------------------------------------------


def memory_of(pid: int) -> float:
    """What a process has in memory, MiB."""
    (line,) = (each for each in Path(f"/proc/{pid}/status").read_text().splitlines() if each.startswith("VmRSS"))
    return int(line.split()[1]) / 1024


@asynccontextmanager
async def serving(environment: dict[str, str], port: int, folder: Path) -> AsyncIterator[Child]:
    child = Child.start(
        "notifications",
        [sys.executable, "-m", "notifications", "serve", "--roles", "http"],
        folder=folder,
        log=folder / "notifications.log",
        environment=environment,
    )
    try:
        async with httpx2.AsyncClient() as client:

            async def up() -> bool:
                try:
                    return (await client.get(f"http://{LOOPBACK}:{port}/livez")).is_success
                except httpx2.TransportError:
                    return False

            await until(up)
        yield child
    finally:
        await asyncio.to_thread(child.stop, timeout_seconds=15)


async def open_streams(port: int, count: int) -> None:
    gauge = b"event_streams_open %.1f" % count
    async with httpx2.AsyncClient() as client:

        async def all_open() -> bool:
            return gauge in (await client.get(f"http://{LOOPBACK}:{port}/metrics")).content

        await until(all_open)


async def measure_streams(database: Database, port: int, token: str, pid: int, streams: int, burst: int) -> None:
    before = memory_of(pid)
    arguments = ["--read", str(port), token, str(streams), str(burst)]
    readers = await asyncio.create_subprocess_exec(
        sys.executable, __file__, *arguments, stdout=asyncio.subprocess.PIPE, env=os.environ | {"PYTHONPATH": ""}
    )
    if readers.stdout is None:
        raise RuntimeError("the readers have nothing to say it with")
    await open_streams(port, streams)
    opened = memory_of(pid)
    batches = [events_of(BATCH) for _ in range(burst // BATCH)]
    started = time.perf_counter()
    for batch in batches:
        await log(database, batch)
    done = float(await readers.stdout.readline())
    peak = memory_of(pid)
    print(f"{streams} streams: {streams * burst / (done - started):,.0f} events/s delivered, {burst:,} to each")
    placed = order_event(OrderPlaced)
    for _ in range(PACED):
        await log(database, [event_of(placed, time.perf_counter())])
        await asyncio.sleep(PACE_SECONDS)
    late = orjson.loads(await readers.stdout.readline())
    await readers.wait()
    await open_streams(port, 0)
    print(
        f"from before the commit to the reader, {late['readings']:,} readings at {1 / PACE_SECONDS:.0f} events/s: "
        f"p50 {late['p50'] * 1000:.1f} ms, p99 {late['p99'] * 1000:.1f} ms"
    )
    print(
        f"memory of the process: {before:.0f} MiB before, {opened:.0f} with {streams} streams open, "
        f"{peak:.0f} behind the burst, {memory_of(pid):.0f} when all have left"
    )


async def main(streams: int, burst: int) -> None:
    platform, keyring = Platform(), Keyring()
    port = free_port()
    async with AsyncExitStack() as stack:
        stack.callback(platform.close)
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        environment = {
            "PATH": "/usr/bin:/bin",
            "NOTIFICATIONS_DATABASE_URL": await platform.new_database(SERVICE.migrations),
            "NOTIFICATIONS_SIGNING_KEY": keyring.private["notifications"],
            "NOTIFICATIONS_HOST": LOOPBACK,
            "NOTIFICATIONS_PORT": str(port),
            "NOTIFICATIONS_SMTP_URL": "smtp://127.0.0.1:9",
            "NOTIFICATIONS_MAIL_FROM": "bench@example.com",
            "NOTIFICATIONS_STREAM_LIMIT": str(streams),
            "TRUSTED_KEYS": keyring.trusted,
            "KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:9",
            "INSTANCE": "bench",
        }
        runtime = await stack.enter_async_context(Runtime.open(SERVICE, settings_from(SERVICE, environment)))
        child = await stack.enter_async_context(serving(environment, port, folder))
        claims = {"sub": "bench", "kind": "user", "scope": "events:subscribe events:pii"}
        token = keyring.user_token("notifications", claims)
        client = httpx2.AsyncClient(base_url=f"http://{LOOPBACK}:{port}", headers={"Authorization": f"Bearer {token}"})
        await stack.enter_async_context(client)
        await measure_log(runtime.database)
        await measure_pages(client)
        await measure_streams(runtime.database, port, token, child.pid, streams, burst)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--read"]:
        asyncio.run(read_all(int(sys.argv[2]), sys.argv[3], int(sys.argv[4]), int(sys.argv[5])))
    else:
        counts = [int(each) for each in sys.argv[1:]]
        asyncio.run(main(*(counts + [200, 5_000][len(counts) :])))
