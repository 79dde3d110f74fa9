"""A request reaches its service as it came, apart from who sent it; so does the answer."""

import asyncio
import gzip
from collections.abc import AsyncIterator

import httpx2
import pytest
from aiohttp import web

from gateway.proxy.table import Route, RouteClass, RouteTable
from gateway.testing import Bearer, Serve, Suite, TinyService

IMPORTS = "/v1/imports"


async def test_request_arrives_byte_for_byte(gate: httpx2.AsyncClient, suite: Suite, bearer: Bearer) -> None:
    inventory = suite["inventory"]
    answer = await gate.post(
        "/v1/stock/A%2FB%20%C3%A9/adjustments?x=1&x=%20",
        content=b'{"delta": 1}',
        headers=bearer("warehouse") | {"Content-Type": "application/json", "Idempotency-Key": "k-1"},
    )
    assert answer.json() == {"service": "inventory"}
    assert inventory.last.raw_path == "/v1/stock/A%2FB%20%C3%A9/adjustments?x=1&x=%20"
    assert inventory.bodies == [b'{"delta": 1}']
    assert inventory.last.headers["Idempotency-Key"] == "k-1"
    assert inventory.last.headers["Content-Type"] == "application/json"


async def test_headers_that_say_who_one_is_stay_outside(gate: httpx2.AsyncClient, catalog: TinyService) -> None:
    forged = {
        "X-User-Id": "1",
        "X-Customer-Id": "1",
        "X-Forwarded-For": "10.0.0.1",
        "X-Forwarded-User": "admin",
        "Forwarded": "for=10.0.0.1",
        "Cookie": "session=1",
        "X-Correlation-Id": "not-from-a-client",
        "TE": "trailers",
        "If-None-Match": '"1"',
    }
    await gate.get("/v1/products", headers=forged)
    seen = catalog.last.headers
    passed = {name.lower() for name in forged} & {name.lower() for name in seen}
    assert passed == {"x-correlation-id", "if-none-match"}
    assert seen["X-Correlation-Id"] != "not-from-a-client"
    assert "Authorization" not in seen


async def test_ids_are_made_once_and_travel(gate: httpx2.AsyncClient, catalog: TinyService) -> None:
    trace = "0af7651916cd43dd8448eb211c80319c"
    sent = {"X-Request-Id": "request-12345", "traceparent": f"00-{trace}-b7ad6b7169203331-01"}
    answer = await gate.get("/v1/products", headers=sent)
    assert answer.headers.get_list("X-Request-Id") == ["request-12345"]
    assert catalog.last.headers["X-Request-Id"] == "request-12345"
    assert catalog.last.headers["traceparent"].split("-")[1] == trace
    answer = await gate.get("/v1/products", headers={"X-Request-Id": "no good\tid"})
    assert answer.headers["X-Request-Id"] == catalog.last.headers["X-Request-Id"] != "no good\tid"


async def test_answer_comes_back_without_what_belongs_to_the_hop(
    gate: httpx2.AsyncClient, catalog: TinyService
) -> None:
    packed = gzip.compress(b'{"ok": true}')

    async def answer(_: web.Request) -> web.Response:
        headers = {"ETag": '"3-ab"', "Content-Encoding": "gzip", "Keep-Alive": "timeout=5", "Set-Cookie": "a=b"}
        return web.Response(body=packed, headers=headers, content_type="application/json")

    catalog.handlers["/v1/products/mug"] = answer
    async with gate.stream("GET", "/v1/products/mug") as got:
        raw = b"".join([part async for part in got.aiter_raw()])
    assert raw == packed
    assert (got.headers["ETag"], got.headers["Content-Length"]) == ('"3-ab"', str(len(packed)))
    assert not {"keep-alive", "set-cookie", "server"} & set(got.headers)
    assert len(got.headers.get_list("date")) == 1
    assert got.headers["X-Content-Type-Options"] == "nosniff"


async def test_redirects_and_refusals_pass_untouched(gate: httpx2.AsyncClient, catalog: TinyService) -> None:
    async def gone(_: web.Request) -> web.Response:
        return web.Response(status=308, headers={"Location": "/v1/products/cup"})

    catalog.handlers["/v1/products/mug"] = gone
    answer = await gate.get("/v1/products/mug")
    assert (answer.status_code, answer.headers["Location"]) == (308, "/v1/products/cup")


async def test_answer_streams(gate: httpx2.AsyncClient, catalog: TinyService) -> None:
    """The first part arrives while the service still writes."""
    first_seen = asyncio.Event()

    async def slowly(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        await response.write(b"one")
        await asyncio.wait_for(first_seen.wait(), 4)
        await response.write(b"two")
        return response

    catalog.handlers["/v1/products"] = slowly
    async with gate.stream("GET", "/v1/products") as answer:
        parts = answer.aiter_raw()
        assert await anext(parts) == b"one"
        first_seen.set()
        assert b"".join([part async for part in parts]) == b"two"


async def test_upload_streams(gate: httpx2.AsyncClient, catalog: TinyService, bearer: Bearer) -> None:
    """The service has the first part while the client still sends."""
    first_seen = asyncio.Event()
    parts: list[bytes] = []

    async def take(request: web.Request) -> web.Response:
        async for part in request.content.iter_any():
            parts.append(part)
            first_seen.set()
        return web.json_response({"size": sum(map(len, parts))}, status=202)

    async def body() -> AsyncIterator[bytes]:
        yield b"x" * 3_000_000  # more than any other route takes
        await asyncio.wait_for(first_seen.wait(), 5)
        yield b"y"

    catalog.handlers[IMPORTS] = take
    answer = await gate.post(IMPORTS, content=body(), headers=bearer("merchandiser"))
    assert (answer.status_code, answer.json()) == (202, {"size": 3_000_001})


async def test_upload_keeps_its_length(gate: httpx2.AsyncClient, catalog: TinyService, bearer: Bearer) -> None:
    await gate.post(IMPORTS, content=b"a,b", headers=bearer("merchandiser"))
    assert catalog.last.headers["Content-Length"] == "3"
    assert catalog.bodies == [b"a,b"]


async def test_body_over_its_limit_is_413_and_costs_the_service_nothing(
    gate: httpx2.AsyncClient, suite: Suite, bearer: Bearer
) -> None:
    async def unannounced() -> AsyncIterator[bytes]:
        for _ in range(20):
            yield b"x" * 100_000

    announced = await gate.post("/v1/products", content=b"x" * 1_048_577, headers=bearer("admin"))
    assert (announced.status_code, announced.json()["type"]) == (413, "/problems/too-large")
    chunked = await gate.post("/v1/products", content=unannounced(), headers=bearer("admin"))
    assert chunked.status_code == 413
    fits = await gate.post("/v1/products", content=b"x" * 1_048_576, headers=bearer("admin"))
    assert fits.status_code == 200
    assert len(suite["catalog"].requests) == 1


async def test_upload_over_its_limit_is_broken_off(serve: Serve, catalog: TinyService) -> None:
    small = RouteClass("upload", 5.0, body_limit=1000, streams=True)

    async def body() -> AsyncIterator[bytes]:
        for _ in range(4):
            yield b"x" * 500

    async with (
        serve(RouteTable([Route("POST", IMPORTS, "catalog", small, public=True)])) as served,
        httpx2.AsyncClient(base_url=served.url, trust_env=False) as client,
    ):
        assert (await client.post(IMPORTS, content=body())).status_code == 413
        assert (await client.post(IMPORTS, content=b"x" * 1000)).status_code == 200
    assert [len(body) for body in catalog.bodies] == [1000]


@pytest.mark.parametrize(
    "path",
    [
        "/v1/unknown",
        "/v1/products/",
        "/v1/products/a/b",
        "/internal/reservations",
        "/internal/test-clock",
        "/metrics",
        "/v1/products/..",
        "/v1/products/%2e%2E",
        "/v2/products",
    ],
)
async def test_what_is_not_in_the_table_is_404(address: str, suite: Suite, path: str) -> None:
    host = address.removeprefix("http://")
    reader, writer = await asyncio.open_connection(*host.split(":"))
    writer.write(f"GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())  # no client tidies it up
    answer = await reader.read()
    writer.close()
    assert answer.startswith(b"HTTP/1.1 404")
    assert b"/problems/not-found" in answer
    assert not any(service.requests for service in suite.values())


async def test_wrong_method_is_405_with_the_right_ones(gate: httpx2.AsyncClient) -> None:
    answer = await gate.put("/v1/products")
    assert (answer.status_code, answer.headers["Allow"]) == (405, "GET, POST")
