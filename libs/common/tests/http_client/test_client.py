"""Calls to other services end in time, are repeated only where that is harmless, and say what went wrong."""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import replace

import pytest
from pydantic import BaseModel

from common.context import RequestContext, use_context
from common.http._breaker import BreakerState
from common.http.client import MAX_RETRIES, ServiceClient, UpstreamProblem
from common.problems import Unavailable
from common.telemetry import Metrics
from common.testing.upstream import Drop, Hang, Say, Upstream


class Signer:
    def token(self, audience: str) -> str:
        return f"token-for-{audience}"


class FakeClock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def metrics() -> Metrics:
    return Metrics("test")


@pytest.fixture
async def client(upstream: Upstream, clock: FakeClock, metrics: Metrics) -> AsyncIterator[ServiceClient]:
    async with ServiceClient(
        "inventory", upstream.url, Signer(), metrics=metrics, clock=clock, jitter=lambda: 0.0
    ) as opened:
        yield opened


async def test_an_answer_is_read(client: ServiceClient, upstream: Upstream) -> None:
    class Stock(BaseModel):
        available: int

    upstream.says = [Say(201, {"available": 7})]

    reply = await client.get("/v1/stock", params={"sku": "A B"})

    assert (reply.status, reply.json(), reply.read(Stock)) == (201, {"available": 7}, Stock(available=7))
    assert (upstream.requests[0].method, upstream.requests[0].path) == ("GET", "/v1/stock?sku=A+B")


async def test_a_call_says_who_calls_what_for_and_how_long(client: ServiceClient, upstream: Upstream) -> None:
    context = RequestContext()
    with use_context(context):
        await client.post("/internal/reservations", json={"lines": []}, key="k-1", timeout=2)

    (request,) = upstream.requests
    assert request.body == b'{"lines":[]}'
    headers = request.headers
    assert headers["authorization"] == "Bearer token-for-inventory"
    assert headers["idempotency-key"] == "k-1"
    assert headers["x-request-id"] == context.request_id
    assert headers["x-correlation-id"] == context.correlation_id
    assert headers["traceparent"].split("-")[1] == context.trace_id
    assert headers["traceparent"] != context.traceparent
    assert 1000 < int(headers["request-timeout"]) <= 2000


async def test_the_callers_deadline_shortens_the_call(client: ServiceClient, upstream: Upstream) -> None:
    deadline = asyncio.get_running_loop().time() + 0.7
    with use_context(RequestContext(deadline=deadline)):
        await client.get("/", timeout=5)

    assert int(upstream.requests[0].headers["request-timeout"]) <= 700


async def test_a_call_after_the_deadline_is_not_made(client: ServiceClient, upstream: Upstream) -> None:
    with use_context(RequestContext(deadline=asyncio.get_running_loop().time())), pytest.raises(Unavailable):
        await client.get("/")

    assert upstream.requests == []


async def test_a_retry_has_only_what_is_left_of_the_time(upstream: Upstream) -> None:
    async with ServiceClient("inventory", upstream.url, Signer(), jitter=lambda: 1.0) as client:
        upstream.says = [Drop, Say()]
        await client.get("/")

    first, second = (int(request.headers["request-timeout"]) for request in upstream.requests)
    assert second <= first - 49  # the pause before the first retry is up to 50 ms


async def test_a_service_that_does_not_answer_is_unavailable_in_time(client: ServiceClient, upstream: Upstream) -> None:
    upstream.says = [Hang]
    started = asyncio.get_running_loop().time()

    with pytest.raises(Unavailable) as refused:
        await client.get("/", timeout=0.1)

    assert asyncio.get_running_loop().time() - started < 1
    assert refused.value.headers["Retry-After"] == "1"


async def test_a_service_that_is_not_there_is_unavailable(clock: FakeClock) -> None:
    async with ServiceClient("inventory", "http://127.0.0.1:1", Signer(), clock=clock, jitter=lambda: 0.0) as client:
        with pytest.raises(Unavailable, match="cannot be reached"):
            await client.get("/")


@pytest.mark.parametrize(
    ("call", "tries"),
    [
        (lambda client: client.get("/"), 3),
        (lambda client: client.put("/", json={}), 3),
        (lambda client: client.delete("/"), 3),
        (lambda client: client.post("/", json={}, key="k"), 3),
        (lambda client: client.post("/", json={}), 1),
    ],
)
async def test_only_what_may_act_twice_is_repeated_and_at_most_twice(
    client: ServiceClient, upstream: Upstream, call: Callable[[ServiceClient], asyncio.Future[object]], tries: int
) -> None:
    upstream.says = [Drop]

    with pytest.raises(Unavailable):
        await call(client)

    assert len(upstream.requests) == tries


@pytest.mark.parametrize("failure", [Drop, Say(502), Say(503, problem="unavailable"), Say(504)])
async def test_a_passing_failure_is_not_seen(
    client: ServiceClient, upstream: Upstream, failure: Say | type[Drop]
) -> None:
    upstream.says = [failure, Say(200, "here")]

    assert (await client.post("/", json={}, key="k")).json() == "here"
    assert [request.headers["idempotency-key"] for request in upstream.requests] == ["k", "k"]


async def test_a_service_that_asks_for_more_time_than_there_is_is_not_asked_again(
    client: ServiceClient, upstream: Upstream
) -> None:
    upstream.says = [Say(503, problem="unavailable", headers={"retry-after": "7"})]

    with pytest.raises(Unavailable) as refused:
        await client.get("/", timeout=1)

    assert len(upstream.requests) == 1
    assert refused.value.headers["Retry-After"] == "7"


async def test_our_own_earlier_try_is_waited_for(client: ServiceClient, upstream: Upstream) -> None:
    upstream.says = [Drop, Say(409, problem="request-in-progress"), Say(201, "done")]

    assert (await client.post("/", json={}, key="k")).status == 201


async def test_a_refusal_keeps_status_type_and_members(client: ServiceClient, upstream: Upstream) -> None:
    upstream.says = [Say(409, problem="out-of-stock")]

    with pytest.raises(UpstreamProblem) as refused:
        await client.get("/")

    assert (refused.value.status, refused.value.slug, refused.value.body["detail"]) == (409, "out-of-stock", "because")
    assert len(upstream.requests) == 1


async def test_a_refusal_without_a_problem_document_is_one_too(client: ServiceClient, upstream: Upstream) -> None:
    upstream.says = [Say(404, {"detail": "Not Found"})]

    with pytest.raises(UpstreamProblem) as refused:
        await client.get("/")

    assert (refused.value.status, refused.value.slug) == (404, "")


async def test_a_bug_of_the_other_is_ours_to_report_and_not_repeated(client: ServiceClient, upstream: Upstream) -> None:
    upstream.says = [Say(500, problem="internal-error")]

    with pytest.raises(Unavailable):
        await client.get("/")

    assert len(upstream.requests) == 1


async def test_retries_stop_when_the_budget_is_spent(client: ServiceClient, upstream: Upstream) -> None:
    upstream.says = [Say(503, problem="unavailable")]
    calls = 50
    for _ in range(calls):
        with pytest.raises(Unavailable):
            await client.get("/")

    assert len(upstream.requests) <= calls + 10 + calls // 10 < calls * (1 + MAX_RETRIES)


async def test_a_service_that_keeps_failing_is_left_alone_then_tried_once(
    client: ServiceClient, upstream: Upstream, clock: FakeClock, metrics: Metrics
) -> None:
    upstream.says = [Drop]
    for _ in range(5):
        with pytest.raises(Unavailable):
            await client.post("/")
    with pytest.raises(Unavailable, match="left alone") as refused:
        await client.post("/")
    assert len(upstream.requests) == 5
    assert int(refused.value.headers["Retry-After"]) >= 5
    assert b'http_client_breaker_open{upstream="inventory"} 1.0' in metrics.exposition()

    clock.now += 5
    upstream.says = [Say()]
    await client.post("/")

    assert client.breaker is BreakerState.CLOSED
    assert b'http_client_breaker_open{upstream="inventory"} 0.0' in metrics.exposition()


async def test_a_service_that_says_itself_that_it_cannot_is_alive(client: ServiceClient, upstream: Upstream) -> None:
    upstream.says = [Say(503, problem="unavailable")]
    for _ in range(10):
        with pytest.raises(Unavailable):
            await client.post("/")

    assert client.breaker is BreakerState.CLOSED


async def test_time_outs_open_the_breaker_unless_the_callers_time_was_short(
    client: ServiceClient, upstream: Upstream
) -> None:
    upstream.says = [Hang]
    context = RequestContext()
    for _ in range(6):
        hurried = replace(context, deadline=asyncio.get_running_loop().time() + 0.01)
        with use_context(hurried), pytest.raises(Unavailable):
            await client.get("/", timeout=1)
    still_closed = client.breaker

    for _ in range(5):
        with pytest.raises(Unavailable):
            await client.get("/", timeout=0.01)

    assert (still_closed, client.breaker) == (BreakerState.CLOSED, BreakerState.OPEN)


async def test_a_caller_that_leaves_says_nothing_about_the_service(client: ServiceClient, upstream: Upstream) -> None:
    upstream.says = [Hang]
    for number in range(6):
        call = asyncio.create_task(client.get("/"))
        await upstream.asked(number + 1)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call

    assert client.breaker is BreakerState.CLOSED


async def test_a_proxy_in_the_environment_is_not_asked(upstream: Upstream, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)

    async with ServiceClient("inventory", upstream.url, Signer()) as client:
        assert (await client.get("/")).status == 200
