"""A service that is away, slow or broken costs its own routes and no others. Each test troubles another service."""

import asyncio
from collections.abc import AsyncIterator

import httpx2
import pytest
from aiohttp import web

from common.problems import Unavailable
from gateway.proxy.table import (
    API,
    CHECKOUT,
    DOWNLOAD,
    READ,
    STREAM,
    UPLOAD,
    WRITE,
    Route,
    RouteClass,
    RouteTable,
)
from gateway.proxy.upstreams import IN_FLIGHT
from gateway.resources import Resources
from gateway.testing import Bearer, Serve, Suite


async def test_service_that_is_away_is_503_on_its_own_routes_only(
    gate: httpx2.AsyncClient, suite: Suite, bearer: Bearer
) -> None:
    inventory, headers = suite["inventory"], bearer("admin")
    assert (await gate.get("/v1/stock", headers=headers)).status_code == 200
    await inventory.stop()
    try:
        for _ in range(8):  # more than it takes to leave it alone
            away = await gate.get("/v1/stock", headers=headers)
            assert (away.status_code, away.json()["type"]) == (503, "/problems/unavailable")
            assert int(away.headers["Retry-After"]) >= 1
        posted = await gate.post("/v1/locations", json={}, headers=headers)
        assert posted.status_code == 503
        assert (await gate.get("/v1/products")).json() == {"service": "catalog"}
        assert (await gate.get("/v1/status")).json()["services"]["inventory"]["status"] == "away"
    finally:
        await inventory.start()
    async with asyncio.timeout(10):  # the breaker lets one through after five seconds
        while (await gate.get("/v1/stock", headers=headers)).status_code != 200:
            pass


async def test_slow_service_is_504_within_the_client_s_time(
    gate: httpx2.AsyncClient, suite: Suite, bearer: Bearer
) -> None:
    metrics, released = suite["metrics"], asyncio.Event()

    async def hang(_: web.Request) -> web.Response:
        await released.wait()
        return web.Response()

    metrics.handlers["/v1/metrics/kpis"] = hang
    try:
        answer = await gate.get("/v1/metrics/kpis", headers=bearer("analyst") | {"Request-Timeout": "300"})
    finally:
        released.set()
    assert (answer.status_code, answer.json()["type"]) == (504, "/problems/deadline-exceeded")
    assert 200 <= int(metrics.last.headers["Request-Timeout"]) <= 250  # less than 300: it shrinks from hop to hop


async def test_each_class_has_its_time(gate: httpx2.AsyncClient, suite: Suite, bearer: Bearer) -> None:
    orders, headers = suite["orders"], bearer("admin")
    for method, path, most in (
        ("GET", "/v1/orders", 5000),
        ("POST", "/v1/orders/1/cancel", 10_000),
        ("POST", "/v1/carts/1/checkout", 25_000),
    ):
        await gate.request(method, path, headers=headers)
        assert most - 500 < int(orders.last.headers["Request-Timeout"]) <= most
        await gate.request(method, path, headers=headers | {"Request-Timeout": "999999"})
        assert int(orders.last.headers["Request-Timeout"]) <= most


def test_every_route_is_in_the_class_that_its_work_needs() -> None:
    special = {(route.method, route.path): route.limits for route in API if route.limits not in {READ, WRITE}}
    assert special == {
        ("POST", "/v1/imports"): UPLOAD,
        ("POST", "/v1/orders/import"): UPLOAD,
        ("POST", "/v1/carts/{id}/checkout"): CHECKOUT,
        ("GET", "/v1/products/export"): DOWNLOAD,
        ("GET", "/v1/imports/{id}/rejected"): DOWNLOAD,
        ("GET", "/v1/events/stream"): STREAM,
    }
    assert {route.limits for route in API if route.method == "GET"} == {READ, DOWNLOAD, STREAM}
    assert (UPLOAD.seconds, UPLOAD.body_limit) == (30, 2 << 30)


async def test_upload_ends_when_nothing_comes_and_not_before(serve: Serve, suite: Suite) -> None:
    assert suite
    quick = RouteClass("upload", 0.4, body_limit=1 << 30, streams=True)

    async def steadily() -> AsyncIterator[bytes]:
        for _ in range(8):
            yield b"x"
            await asyncio.sleep(0.1)  # twice the idle time in all: the wait is what is tested

    async with (
        serve(RouteTable([Route("POST", "/v1/imports", "catalog", quick, public=True)])) as served,
        httpx2.AsyncClient(base_url=served.url, trust_env=False) as client,
    ):
        assert (await client.post("/v1/imports", content=steadily())).status_code == 200
        url = httpx2.URL(served.url)
        reader, writer = await asyncio.open_connection(url.host, url.port)
        writer.write(b"POST /v1/imports HTTP/1.1\r\nHost: shop\r\nContent-Length: 2\r\n\r\nx")  # and no second byte
        async with asyncio.timeout(10):
            head = await reader.readuntil(b"\r\n\r\n")
            body = await reader.read(1 << 16)
        writer.close()
        assert head.startswith(b"HTTP/1.1 408 ")
        assert b"/problems/request-timeout" in body


@pytest.mark.parametrize(("method", "asked", "status"), [("GET", 2, 200), ("POST", 1, 503)])
async def test_only_reads_are_asked_again(
    gate: httpx2.AsyncClient, suite: Suite, bearer: Bearer, method: str, asked: int, status: int
) -> None:
    catalog = suite["catalog"]

    async def breaking(request: web.Request) -> web.Response:
        if len(catalog.requests) == 1 and request.transport is not None:
            request.transport.abort()
        return web.json_response({})

    catalog.handlers["/v1/categories"] = breaking
    answer = await gate.request(method, "/v1/categories", headers=bearer("admin"))
    assert (answer.status_code, len(catalog.requests)) == (status, asked)


async def test_answer_that_breaks_off_breaks_off(gate: httpx2.AsyncClient, suite: Suite) -> None:
    """A client never takes half an answer for a whole one."""
    catalog = suite["catalog"]

    async def half(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        await response.write(b'{"items": [')
        if request.transport is not None:
            request.transport.abort()
        return response

    catalog.handlers["/v1/search"] = half
    with pytest.raises(httpx2.RemoteProtocolError):
        await gate.get("/v1/search")


async def test_crash_counts_against_a_service_and_a_problem_does_not(
    gate: httpx2.AsyncClient, suite: Suite, bearer: Bearer
) -> None:
    notifications, headers = suite["notifications"], bearer("support")
    media = "application/problem+json"

    async def busy(_: web.Request) -> web.Response:
        return web.Response(status=503, headers={"Retry-After": "7"}, content_type=media)

    async def crash(_: web.Request) -> web.Response:
        return web.Response(status=500, text="Traceback")

    async def statuses(times: int) -> list[int]:
        return [(await gate.get("/v1/messages", headers=headers)).status_code for _ in range(times)]

    notifications.handlers["/v1/messages"] = busy
    assert await statuses(6) == [503] * 6
    assert len(notifications.requests) == 6
    notifications.handlers["/v1/messages"] = crash
    assert await statuses(7) == [500] * 5 + [503] * 2
    assert len(notifications.requests) == 11


def test_places_of_one_service_do_not_run_out_for_another(resources: Resources) -> None:
    catalog, orders = resources.upstreams["catalog"], resources.upstreams["orders"]
    held = [catalog.place() for _ in range(IN_FLIGHT)]
    for place in held:
        place.__enter__()
    try:
        with pytest.raises(Unavailable), catalog.place():
            pass
        with orders.place():
            pass
    finally:
        for place in held:
            place.__exit__(None, None, None)
    with catalog.place():
        pass


def test_table_refuses_the_same_route_twice() -> None:
    route = Route("GET", "/v1/x/{id}", "catalog", READ)
    with pytest.raises(ValueError, match="twice"):
        RouteTable([route, Route("GET", "/v1/x/{other}", "orders", READ)])
