"""GET /v1/events/stream over real connections: in order, without a gap, once, whatever happens meanwhile."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager

import httpx2
import orjson
import pytest
import pytest_asyncio
import uvicorn
from fastapi import FastAPI

from common.cli import _Server as Server
from common.database import Database
from common.events.contracts.orders import OrderPlaced
from common.service import Runtime
from common.testing import Api, Keyring
from common.testing.served import Served
from common.testing.sse import Reader
from common.testing.suite import until
from notifications.dependencies import stream_hub
from notifications.feed.hub import Hub, StreamTimes
from notifications.feed.models import LoggedEvent
from notifications.feed.ring import Ring
from notifications.testing import logged, order_event

Append = Callable[[Sequence[LoggedEvent]], Awaitable[None]]
Open = Callable[..., contextlib.AbstractAsyncContextManager[Reader]]

STREAM = "/v1/events/stream"
QUICK = StreamTimes(poll=0.05, reconnect=0.05)
POSITIONS = "SELECT array_agg(position ORDER BY position) FROM event_log WHERE position > $1"
LISTENING = (
    "SELECT pid FROM pg_stat_activity WHERE application_name = 'notifications streams' AND datname = current_database()"
)


class Stage:
    """The service behind a real server, with a hub that the test chooses."""

    def __init__(self, app: FastAPI, runtime: Runtime, keyring: Keyring) -> None:
        self._app, self._runtime, self._keyring = app, runtime, keyring
        self.leaving = asyncio.Event()
        self.hub: Hub

    @asynccontextmanager
    async def open(
        self, *, times: StreamTimes = QUICK, ring: Ring | None = None, most_streams: int = 100
    ) -> AsyncIterator["Stage"]:
        async with (
            Hub.open(
                self._runtime.database,
                leaving=self.leaving,
                metrics=self._runtime.metrics,
                most_streams=most_streams,
                times=times,
                ring=ring,
            ) as self.hub,
            Served(self._app) as served,
            httpx2.AsyncClient(base_url=served.url, timeout=30, trust_env=False) as self.client,
        ):
            self._app.dependency_overrides[stream_hub] = self._the_hub
            try:
                yield self
            finally:
                self.leaving.set()
                del self._app.dependency_overrides[stream_hub]

    async def _the_hub(self) -> Hub:
        return self.hub

    def reader(self, query: str = "", *, scopes: str = "events:subscribe", last_id: str | None = None) -> Reader:
        claims = {"sub": "partner", "kind": "user", "scope": scopes}
        token = self._keyring.user_token("notifications", claims)
        headers = {"Authorization": f"Bearer {token}"}
        return Reader(self.client, STREAM + query, headers=headers, pause=0.0, last_id=last_id)

    @asynccontextmanager
    async def following(self, query: str = "", **options: str | None) -> AsyncIterator[Reader]:
        """A reader with an open stream."""
        reader = self.reader(query, **options)  # type: ignore[arg-type] # scopes and last_id
        task = asyncio.create_task(reader.follow())
        try:
            await reader.until_connected()
            yield reader
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


@pytest.fixture
def stage(app: FastAPI, runtime: Runtime, keyring: Keyring) -> Stage:
    return Stage(app, runtime, keyring)


@pytest_asyncio.fixture(loop_scope="session")
async def start(database: Database) -> int:
    """Where the log ends before the test."""
    async with database.acquire() as connection:
        found: int = await connection.fetchval("SELECT coalesce(max(position), 0) FROM event_log")
        return found


async def positions(database: Database, start: int) -> list[int]:
    """What a reader from ``start`` on must have seen, in this order."""
    async with database.acquire() as connection:
        return await connection.fetchval(POSITIONS, start) or []


async def test_a_stream_tells_what_comes_from_now_on(stage: Stage, append: Append) -> None:
    await append([logged()])
    async with stage.open(), stage.following() as reader:
        await append([first := logged(), second := logged()])
        seen = await reader.until(2)

    assert [orjson.loads(message.data)["id"] for message in seen] == [str(first.event_id), str(second.event_id)]


async def test_a_committed_event_is_told_by_the_bell_not_by_the_poll(
    stage: Stage, deliver: Callable[..., Awaitable[object]]
) -> None:
    async with (
        stage.open(times=StreamTimes(poll=60)),
        stage.following(scopes="events:subscribe events:pii") as whole,
        stage.following() as public,
    ):
        await deliver(order_event(OrderPlaced, email="ada@example.com"))
        (known,), (unknown,) = await whole.until(1), await public.until(1)

    assert orjson.loads(known.data)["data"]["object"]["email"] == "ada@example.com"
    assert "email" not in orjson.loads(unknown.data)["data"]["object"]
    assert known.id == unknown.id


async def test_an_event_whose_notify_got_lost_is_told_all_the_same(stage: Stage, append: Append) -> None:
    async with stage.open(), stage.following() as reader:
        await append([logged()])  # the repository alone rings nothing
        await reader.until(1)


async def test_a_reader_that_comes_back_gets_what_it_missed(
    stage: Stage, append: Append, start: int, database: Database
) -> None:
    """From the table, page by page, and then what happens meanwhile: in one order and each once."""
    await append([logged() for _ in range(450)])
    async with stage.open(), stage.following(last_id=str(start)) as reader:
        for _ in range(20):
            await append([logged() for _ in range(5)])
        await reader.until(550)
        expected = await positions(database, start)

    assert reader.ids == expected


async def test_the_header_of_a_browser_that_comes_back_goes_before_its_address(
    stage: Stage, append: Append, start: int, database: Database
) -> None:
    await append([logged() for _ in range(3)])
    expected = await positions(database, start)
    async with stage.open(), stage.following(f"?after={start}", last_id=str(expected[1])) as reader:
        await reader.until(1)

    assert reader.ids == expected[2:]


async def test_fifty_readers_get_everything(stage: Stage, append: Append, start: int, database: Database) -> None:
    """Half of them from the table, while others append."""
    await append([logged() for _ in range(100)])
    async with stage.open(), contextlib.AsyncExitStack() as stack:
        early = [await stack.enter_async_context(stage.following(f"?after={start}")) for _ in range(25)]
        late = [await stack.enter_async_context(stage.following()) for _ in range(25)]
        for _ in range(10):
            await asyncio.gather(*(append([logged() for _ in range(10)]) for _ in range(3)))
        for reader in early:
            await reader.until(400)
        for reader in late:
            await reader.until(300)
        expected = await positions(database, start)

    assert all(reader.ids == expected for reader in early)
    assert all(reader.ids == expected[100:] for reader in late)


async def test_a_reader_that_does_not_read_holds_nobody_up_and_loses_nothing(
    stage: Stage, append: Append, start: int, database: Database
) -> None:
    """What it has not taken drops out of the ring, and it gets it from the table."""
    ring = Ring(most_events=20)
    async with stage.open(ring=ring):
        slow = stage.reader(f"?after={start}", scopes="events:subscribe events:pii")
        headers = dict(slow.headers)
        async with (
            stage.following("?types=stock.low") as quick,
            stage.client.stream("GET", slow.path, headers=headers) as unread,
        ):
            for _ in range(60):
                await append([logged("order.placed", size=200_000), logged("stock.low")])
            await quick.until(60)
            assert ring.floor is not None
            assert ring.floor > start + 20
            expected = await positions(database, start)
            ids: list[int] = []
            rest = b""
            async for part in unread.aiter_raw():
                *lines, rest = (rest + part).split(b"\n")
                ids += [int(line[4:]) for line in lines if line.startswith(b"id: ")]
                if ids and ids[-1] == expected[-1]:
                    break

    assert ids[1:] == expected  # the first says where it began


async def test_a_stream_has_the_types_that_were_asked_for(stage: Stage, append: Append) -> None:
    async with stage.open(), stage.following("?types=stock.*") as reader:
        await append([logged("order.placed"), low := logged("stock.low"), logged("order.paid")])
        (seen,) = await reader.until(1)

    assert orjson.loads(seen.data)["id"] == str(low.event_id)


async def test_pings_carry_the_cursor_past_what_nobody_asked_for(
    stage: Stage, append: Append, start: int, database: Database
) -> None:
    """So that a quiet subscription does not come back with a cursor that is too old."""
    async with (
        stage.open(times=StreamTimes(ping=0.05, poll=0.05)),
        stage.following("?types=webhook.disabled") as reader,
    ):
        await append([logged("order.placed") for _ in range(3)])
        last = (await positions(database, start))[-1]

        async def moved() -> bool:
            return reader.last_id == str(last)

        await until(moved)

    assert reader.events == []


async def test_a_process_that_stops_says_so_and_the_reader_goes_on_elsewhere(
    stage: Stage, append: Append, start: int, database: Database
) -> None:
    async with stage.open():
        reader = stage.reader(f"?after={start}")
        reading = asyncio.create_task(reader.read())
        await append([logged()])
        await reader.until(1)
        stage.leaving.set()
        await reading
    assert [message.event for message in reader.messages] == ["message", "stop"]
    assert orjson.loads(reader.messages[-1].data) == {"reason": "restart"}

    await append([logged()])
    stage.leaving = asyncio.Event()
    async with stage.open():
        reader.client = stage.client
        following = asyncio.create_task(reader.follow())
        await reader.until(2)
        following.cancel()
    assert reader.ids == await positions(database, start)


async def test_a_server_that_is_told_to_stop_lets_its_streams_end_first(
    app: FastAPI, runtime: Runtime, stage: Stage
) -> None:
    """It does not wait for them until it has to cut them off."""
    listening = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(app, log_config=None, lifespan="off", timeout_graceful_shutdown=60)
    server = Server(config, runtime)
    serving = asyncio.create_task(server.serve(sockets=[listening]))
    try:
        url = f"http://127.0.0.1:{listening.getsockname()[1]}"
        async with httpx2.AsyncClient(base_url=url, timeout=30, trust_env=False) as stage.client:
            reader = stage.reader()
            reading = asyncio.create_task(reader.read())
            await reader.until_connected()
            server.should_exit = True
            async with asyncio.timeout(30):
                await asyncio.gather(reading, serving)
    finally:
        runtime.leaving.clear()

    assert [(each.event, each.data) for each in reader.messages] == [("stop", '{"reason":"restart"}')]


async def test_a_stream_ends_in_time_so_that_rights_are_looked_at_again(
    stage: Stage, append: Append, start: int, database: Database
) -> None:
    async with stage.open(times=StreamTimes(longest=0.05, poll=0.02)), stage.following(f"?after={start}") as reader:
        for count in range(1, 6):
            await append([logged()])
            await reader.until(count)
            await reader.until_connected(count + 1)
        expected = await positions(database, start)

    assert {message.data for message in reader.messages if message.event == "stop"} == {'{"reason":"renew"}'}
    assert reader.ids == expected


async def test_one_stream_too_many_is_told_to_come_again(stage: Stage) -> None:
    """And a place is free again as soon as its reader has left."""
    async with stage.open(most_streams=1):
        more = stage.reader()
        async with stage.following():
            await more.read()
            assert more.answers == [503]
            assert orjson.loads(more.problem)["type"] == "/problems/too-many-streams"

        async def free() -> bool:
            answer = stage.reader()
            task = asyncio.create_task(answer.read())
            await asyncio.wait((task,), timeout=0.05)
            task.cancel()
            return bool(answer.connections)

        await until(free)


async def test_a_lost_connection_loses_no_event(stage: Stage, append: Append, start: int, database: Database) -> None:
    async with stage.open(), stage.following() as reader:
        await append([logged()])
        await reader.until(1)
        async with database.acquire() as connection:
            ended = await connection.fetch(f"SELECT pg_terminate_backend(pid) FROM ({LISTENING}) AS them")  # noqa: S608
        await append([logged(), logged()])
        await reader.until(3)
        expected = await positions(database, start)

    assert ended
    assert reader.ids == expected
    assert reader.connections == 1


async def test_no_stream_takes_a_connection_from_requests(stage: Stage, runtime: Runtime, append: Append) -> None:
    """A hundred of them hold one, and none of the pool; the last one to leave closes it."""
    pool = runtime.database.engine.pool

    async def listening() -> set[int]:
        async with runtime.database.acquire() as connection:
            return {row["pid"] for row in await connection.fetch(LISTENING)}

    earlier = await listening()  # the server may not have noticed yet that those of an earlier stage are gone

    async with stage.open(), contextlib.AsyncExitStack() as stack:
        readers = [await stack.enter_async_context(stage.following()) for _ in range(30)]
        await append([logged()])
        for reader in readers:
            await reader.until(1)
        assert pool.checkedout() == 0  # type: ignore[attr-defined] # a queue pool counts
        assert len(await listening() - earlier) <= 3

    async def closed() -> bool:
        return not await listening() - earlier

    await until(closed)


async def test_open_streams_hold_up_no_request_and_have_no_deadline(stage: Stage) -> None:
    """More of them than requests are worked on at a time."""
    clock = asyncio.get_running_loop().time
    async with stage.open(times=StreamTimes(ping=0.05)), contextlib.AsyncExitStack() as stack:
        readers = [await stack.enter_async_context(stage.following()) for _ in range(70)]
        hurried = stage.reader()
        hurried.headers = {**hurried.headers, "Request-Timeout": "1000"}
        reading, began = asyncio.create_task(hurried.read()), clock()
        answer = await stage.client.get("/v1/events?after=latest", headers=dict(hurried.headers))
        while clock() < began + 1.1:
            await hurried.until_ping()
        assert not reading.done()
        reading.cancel()

    assert answer.status_code == 200
    assert all(reader.connections == 1 for reader in readers)


async def test_what_is_no_place_to_begin_is_refused_before_the_stream(stage: Stage, partner: Api) -> None:
    assert (await partner.get(f"{STREAM}?after=nonsense")).status_code == 400
    answer = await partner.get(STREAM, headers={"Last-Event-ID": "999999999"})
    assert (answer.status_code, answer.json()["type"]) == (400, "/problems/invalid-cursor")
    assert (await partner.get(f"{STREAM}?types=nonsense")).status_code == 422
