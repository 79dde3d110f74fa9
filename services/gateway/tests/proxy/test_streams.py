"""An answer without end passes as it is written, and ends when one of the two leaves."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import ExitStack

import httpx2
import pytest
from aiohttp import web

from common.problems import Unavailable
from common.service import Runtime
from gateway.proxy.upstreams import IN_FLIGHT, STREAMS
from gateway.resources import Resources
from gateway.testing import Bearer, Suite

STREAM = "/v1/events/stream"
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Source:
    """Writes one part for each ``say``, and notes when nobody takes them any more."""

    def __init__(self) -> None:
        self.parts: asyncio.Queue[bytes] = asyncio.Queue()
        self.left = asyncio.Event()
        self.headers: dict[str, str] = {}

    def say(self, part: bytes) -> None:
        self.parts.put_nowait(part)

    async def __call__(self, request: web.Request) -> web.StreamResponse:
        self.headers = dict(request.headers)
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream", "Cache-Control": "no-store"})
        await response.prepare(request)
        try:
            while request.transport is not None and not request.transport.is_closing():
                try:
                    part = await asyncio.wait_for(self.parts.get(), timeout=0.01)
                except TimeoutError:
                    continue
                await response.write(part)
        finally:
            self.left.set()
        return response


@pytest.fixture
def source(suite: Suite) -> Source:
    made = Source()
    suite["notifications"].handlers[STREAM] = made
    return made


async def test_each_part_arrives_before_the_next_is_written(
    gate: httpx2.AsyncClient, source: Source, bearer: Bearer
) -> None:
    """Nothing on the way waits for more; where to go on reaches the service, and no deadline does."""
    headers = bearer("partner") | {"Last-Event-ID": "41"}
    async with gate.stream("GET", STREAM, headers=headers) as response:
        parts = response.aiter_raw()
        for number in range(3):
            source.say(b"id: %d\n\n" % number)
            async with asyncio.timeout(5):
                assert await anext(parts) == b"id: %d\n\n" % number

    assert response.headers["Content-Type"] == "text/event-stream"
    assert response.headers["Cache-Control"] == "no-store"
    assert source.headers["Last-Event-ID"] == "41"
    assert "Request-Timeout" not in source.headers


async def test_a_client_that_leaves_takes_its_stream_with_it(
    gate: httpx2.AsyncClient, source: Source, bearer: Bearer
) -> None:
    """Though the service says nothing at which the gateway could notice."""
    async with gate.stream("GET", STREAM, headers=bearer("partner")) as response:
        source.say(b": here\n\n")
        await anext(response.aiter_raw())
        assert not source.left.is_set()

    async with asyncio.timeout(5):
        await source.left.wait()


async def test_a_gateway_that_stops_ends_its_streams(
    gate: httpx2.AsyncClient, source: Source, bearer: Bearer, runtime: Runtime
) -> None:
    """Their readers see an end, not a break, and connect again; the service is rid of them."""
    try:
        async with gate.stream("GET", STREAM, headers=bearer("partner")) as response:
            source.say(b"id: 1\n\n")
            parts = response.aiter_raw()
            first = await anext(parts)
            runtime.leaving.set()
            async with asyncio.timeout(5):
                rest = [part async for part in parts]
                await source.left.wait()
        assert (await gate.get(STREAM, headers=bearer("partner"))).status_code == 503
    finally:
        runtime.leaving.clear()
    assert (first, rest) == (b"id: 1\n\n", [])


async def test_a_service_that_breaks_off_breaks_the_stream(
    gate: httpx2.AsyncClient, suite: Suite, bearer: Bearer
) -> None:
    async def breaking(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        await response.write(b"id: 1\n\n")
        if request.transport is not None:
            request.transport.abort()
        return response

    suite["notifications"].handlers[STREAM] = breaking
    with pytest.raises(httpx2.RemoteProtocolError):
        await gate.get(STREAM, headers=bearer("partner"))


async def test_a_refusal_is_passed_on_whole(gate: httpx2.AsyncClient, suite: Suite, bearer: Bearer) -> None:
    async def refuse(_: web.Request) -> web.Response:
        return web.json_response(
            {"type": "/problems/cursor-too-old"}, status=410, content_type="application/problem+json"
        )

    suite["notifications"].handlers[STREAM] = refuse
    answer = await gate.get(STREAM, headers=bearer("partner"))
    assert (answer.status_code, answer.json()) == (410, {"type": "/problems/cursor-too-old"})


def test_open_streams_take_no_place_from_requests(resources: Resources) -> None:
    notifications = resources.upstreams["notifications"]
    with ExitStack() as held:
        for _ in range(STREAMS):
            held.enter_context(notifications.place(endless=True))
        with pytest.raises(Unavailable), notifications.place(endless=True):
            pass
        for _ in range(IN_FLIGHT):
            held.enter_context(notifications.place())
    with notifications.place(endless=True):
        pass
