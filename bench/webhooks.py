"""Events to partners' receivers, on real PostgreSQL and Kafka of its own.

``python bench/webhooks.py [--events 2000] [--endpoints 20] [--seconds 20]``

First a backlog of EVENTS for each of ENDPOINTS is delivered, then the same for one endpoint alone. Last, events are
published for SECONDS, 20 a second, while one of the endpoints never answers, and the time from the publisher's commit,
through relay, Kafka and log, to the receivers of the others is taken. Notifications is one process with its usual
loops, the receivers are another one; they share the machine with PostgreSQL and Kafka.
"""

import argparse
import asyncio
import statistics
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import UUID

import httpx2
import orjson

from common.database import Database, uuid7
from common.events import create_topics
from common.events.contracts.notifications import MessageSent
from common.service import Runtime
from common.telemetry import configure_logs
from common.testing import Keyring, Platform
from common.testing.plugin import settings_from
from common.testing.receiver import Call, Receiver, Reply
from common.testing.suite import until
from notifications.app import SERVICE
from notifications.feed.repository import EventLog
from notifications.testing import logged
from notifications.webhooks.fan_out import queue_deliveries
from notifications.webhooks.signing import Secret

PACE_SECONDS = 0.05
PATIENCE_SECONDS = 300.0
HANGS = "/hangs"
ADD_WEBHOOK = """
INSERT INTO webhook (id, owner, url, types, personal_data, secret, status, subscribed_at, created_at, updated_at)
VALUES ($1, 'bench', $2, ARRAY['message.sent'], true, $3, 'enabled', $4, $4, $4)
"""
ADD_MESSAGE = """
INSERT INTO message (id, channel, template, recipient, subject, body_text, body_html, event_id, status, sent_at,
    attempts, created_at, updated_at)
VALUES ($1, 'email', 'bench', 'bench@example.com', 's', 't', 'h', $1, 'sent', $2, 1, $2, $2)
"""


# -- the receivers' process -------------------------------------------------------------------------------------------


async def receive() -> None:
    """Take everything but what goes to HANGS; say on ``/seen`` what came when, on ``/clear`` forget it."""
    taken: list[tuple[str, str, float]] = []

    def answer(call: Call) -> Reply | None:
        receiver.calls.clear()
        if call.path == HANGS:
            return None
        if call.path == "/count":
            return Reply(content=str(len(taken)).encode())
        if call.path == "/seen":
            return Reply(content=orjson.dumps(taken))
        if call.path == "/clear":
            taken.clear()
        else:
            taken.append((call.path, orjson.loads(call.body)["subject"], call.at))
        return Reply()

    async with Receiver(answer) as receiver:
        sys.stdout.write(f"{receiver.port}\n")
        sys.stdout.flush()
        await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)


@asynccontextmanager
async def receivers() -> AsyncIterator[str]:
    """Run them; gives their URL."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, __file__, "--receive", stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )
    if process.stdin is None or process.stdout is None:
        raise RuntimeError("the receivers have no pipes")
    try:
        yield f"http://127.0.0.1:{(await process.stdout.readline()).decode().strip()}"
    finally:
        process.stdin.close()
        await process.wait()


# -- notifications ----------------------------------------------------------------------------------------------------


@asynccontextmanager
async def notifications(platform: Platform) -> AsyncIterator[Runtime]:
    """One process of it, in this one."""
    keyring, namespace = Keyring(), platform.run
    environment = {
        "NOTIFICATIONS_DATABASE_URL": await platform.new_database(SERVICE.migrations),
        "NOTIFICATIONS_SIGNING_KEY": keyring.private["notifications"],
        "NOTIFICATIONS_SMTP_URL": "smtp://127.0.0.1:9",
        "NOTIFICATIONS_MAIL_FROM": "bench@example.com",
        "TRUSTED_KEYS": keyring.trusted,
        "KAFKA_BOOTSTRAP_SERVERS": platform.bootstrap,
        "EVENTS_NAMESPACE": namespace,
        "INSTANCE": "bench",
        "WEBHOOK_ALLOWED_TARGETS": "127.0.0.0/8",
    }
    await create_topics(platform.bootstrap, namespace, SERVICE.topics)
    async with Runtime.open(SERVICE, settings_from(SERVICE, environment)) as runtime:
        yield runtime


async def register(database: Database, urls: list[str]) -> None:
    async with database.uow() as uow:
        await uow.execute("UPDATE webhook SET status = 'disabled', disabled_reason = 'owner', disabled_at = now()")
        for url in urls:
            await uow.execute(ADD_WEBHOOK, uuid7(), url, Secret.new().text, uow.now)


async def log_backlog(database: Database, count: int) -> None:
    """Log events as the consumer does, 100 at a time, each about something else."""
    for _ in range(count // 100):
        events = [logged("message.sent", size=1_000) for _ in range(100)]
        async with database.uow() as uow:
            await queue_deliveries(uow, events)
            await EventLog(uow).append(events)


async def until_taken(client: httpx2.AsyncClient, count: int) -> None:
    """Ask the receivers until they have taken so many."""

    async def enough() -> bool:
        return int((await client.get("/count")).text) >= count

    await until(enough, timeout=PATIENCE_SECONDS)


async def drain(runtime: Runtime, client: httpx2.AsyncClient, count: int, name: str) -> None:
    """Let the backlog go out."""
    await client.get("/clear")
    started, cpu = time.perf_counter(), time.process_time()
    async with runtime.background(("jobs",)):
        await until_taken(client, count)
        took, busy = time.perf_counter() - started, time.process_time() - cpu
    runtime.stopping = False
    print(f"{name}: {count / took:,.0f} deliveries/s ({count:,} in {took:.1f} s, {busy / count * 1e6:.0f} µs CPU each)")


async def publish_one(database: Database) -> UUID:
    """Announce a message that was sent, as the mails do."""
    example = MessageSent.model_validate(MessageSent.model_config["json_schema_extra"]["examples"][0])  # type: ignore[index] # every contract has one
    message_id = uuid7()
    async with database.uow() as uow:
        await uow.execute(ADD_MESSAGE, message_id, uow.now)
        uow.publish(example.model_copy(update={"object": example.object.model_copy(update={"id": message_id})}))
    return message_id


async def measure_latency(runtime: Runtime, client: httpx2.AsyncClient, *, endpoints: int, seconds: float) -> None:
    """From the publisher's commit to the receivers that answer, one endpoint of them hanging."""
    async with runtime.background(("relay", "consumers", "jobs")):
        await publish_one(runtime.database)
        await until_taken(client, endpoints - 1)  # the consumer has joined
        await client.get("/clear")
        committed: dict[str, float] = {}
        end = time.perf_counter() + seconds
        while time.perf_counter() < end:
            subject = await publish_one(runtime.database)
            committed[str(subject)] = time.perf_counter()
            await asyncio.sleep(PACE_SECONDS)
        await until_taken(client, len(committed) * (endpoints - 1))
        seen = orjson.loads((await client.get("/seen")).content)
    took = [at - committed[subject] for _, subject, at in seen if subject in committed]
    cuts = statistics.quantiles(took, n=100)
    print(
        f"commit to receiver, one of {endpoints} endpoints hanging, {len(committed) / seconds:.0f} events/s: "
        f"p50 {cuts[49] * 1000:.0f} ms, p99 {cuts[98] * 1000:.0f} ms, longest {max(took) * 1000:.0f} ms"
    )


async def main(*, events: int, endpoints: int, seconds: float) -> None:
    platform = Platform()
    try:
        async with receivers() as url, notifications(platform) as runtime, httpx2.AsyncClient(base_url=url) as client:
            await register(runtime.database, [f"{url}/{number}" for number in range(endpoints)])
            await log_backlog(runtime.database, events)
            await drain(runtime, client, events * endpoints, f"{endpoints} endpoints")
            await register(runtime.database, [f"{url}/alone"])
            await log_backlog(runtime.database, events)
            await drain(runtime, client, events, "1 endpoint")
            await client.get("/clear")
            await register(runtime.database, [f"{url}{HANGS}", *(f"{url}/{number}" for number in range(1, endpoints))])
            await measure_latency(runtime, client, endpoints=endpoints, seconds=seconds)
    finally:
        platform.close()


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, default=2_000)
    parser.add_argument("--endpoints", type=int, default=20)
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--receive", action="store_true", help=argparse.SUPPRESS)
    return parser.parse_args()


if __name__ == "__main__":
    import uvloop

    given = arguments()
    configure_logs("bench", "WARNING", stream=sys.stderr)
    run = receive() if given.receive else main(events=given.events, endpoints=given.endpoints, seconds=given.seconds)
    uvloop.run(run)
