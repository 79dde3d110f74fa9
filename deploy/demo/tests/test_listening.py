"""What the demo says of webhook, stream and feed is true: it refuses what is not."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx2
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from common.testing.served import Served
from common.testing.suite import until
from partner_kit import sign
from quartermaster_demo.client import Visitor, WrongAnswer
from quartermaster_demo.listening import Listener, about, differences, first_times, out_of_order, verified
from quartermaster_demo.receiver import Post

SECRET = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"
OTHER = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
AT = 1_800_000_000


def event(event_id: str, *, sequence: int = 1, subject: str = "s", **data: object) -> dict[str, Any]:
    """An event, as far as it is looked at."""
    place = f"{sequence:020}"
    return {"id": event_id, "type": "order.placed", "subject": subject, "sequence": place, "data": data}


def post(body: bytes, *, secret: str = SECRET, message_id: str = "a", at: int = AT, arrived: int = AT) -> Post:
    """A delivery of the shop's, or of somebody else's."""
    headers = {
        "webhook-id": message_id,
        "webhook-timestamp": str(at),
        "webhook-signature": sign(secret, message_id, at, body),
    }
    return Post(arrived, headers, body)


def test_a_delivery_with_the_right_signature_is_taken() -> None:
    body = json.dumps(event("a")).encode()
    assert verified([post(body), post(body, arrived=AT + 200)], SECRET) == [event("a"), event("a")]


@pytest.mark.parametrize(
    "wrong",
    [
        post(b'{"id": "a"}', secret=OTHER),
        Post(AT, post(b'{"id": "a"}').headers, b'{"id": "a" }'),
        Post(AT, {}, b'{"id": "a"}'),
        post(b'{"id": "a"}', arrived=AT + 301),
        post(b'{"id": "b"}'),
    ],
    ids=["another secret", "another body", "no signature", "an old one", "another event's id"],
)
def test_a_delivery_that_is_not_the_shop_s_ends_the_demo(wrong: Post) -> None:
    with pytest.raises(WrongAnswer):
        verified([wrong], SECRET)


def test_an_event_that_comes_again_is_known_by_its_id() -> None:
    came = [event("a", total=1), event("b", sequence=2), event("a", total=2)]
    assert first_times(came) == came[:2]


def test_events_of_other_subjects_are_left_out() -> None:
    assert about([event("a"), event("b", subject="other")], {"s"}) == [event("a")]


def test_an_earlier_event_behind_a_later_one_of_its_subject_is_noticed() -> None:
    mixed = [event("a", sequence=2), event("b", subject="other"), event("c", sequence=3)]
    assert out_of_order(mixed) == []
    (late,) = out_of_order([*mixed, event("d", sequence=1)])
    assert "order.placed d" in late


LOG = [event("a", total=1), event("b", sequence=2, total=1)]


@pytest.mark.parametrize(
    ("brought", "complaint"),
    [
        (LOG[:1], "the stream lacks order.placed b"),
        ([*LOG, event("c", sequence=3)], "the log lacks order.placed c of the stream"),
        ([LOG[0], event("b", sequence=2, total=9)], "the stream tells order.placed b differently"),
        ([*LOG, LOG[1]], "the stream brought an event twice"),
        (LOG[::-1], "the stream: order.placed a"),
    ],
    ids=["lost", "made up", "changed", "twice", "out of order"],
)
def test_a_way_that_differs_from_the_log_is_noticed(brought: list[dict[str, Any]], complaint: str) -> None:
    assert differences("the stream", LOG, LOG) == []
    found = differences("the stream", brought, LOG)
    assert any(each.startswith(complaint) for each in found), found


# -- the stream -------------------------------------------------------------------------------------------------------


def frame(position: int, content: dict[str, Any]) -> bytes:
    """An event as the stream sends it."""
    return f"id: {position}\ndata: {json.dumps(content)}\n\n".encode()


def server(answer: Callable[[str], Response]) -> Starlette:
    """Answer the stream by the id that was sent."""

    async def stream(request: Request) -> Response:
        return answer(request.headers["last-event-id"])

    return Starlette(routes=[Route("/v1/events/stream", stream)])


async def test_a_stream_that_breaks_off_goes_on_behind_what_was_read() -> None:
    """The second event breaks off before its end: it is read anew, and counts once."""
    asked: list[str] = []
    first, second = frame(9, event("a")), frame(10, event("b"))
    parts = {
        "7": [b"retry: 10\nid: 7\n\n: ping\nid: 8\n\n", first[:20], first[20:], second[:-1]],
        "9": [second, b'id: 11\nevent: stop\ndata: {"reason": "restart"}\n\n'],
    }

    def answer(last_id: str) -> Response:
        asked.append(last_id)
        return StreamingResponse(_sent(parts.get(last_id), ended=ended), media_type="text/event-stream")

    ended = asyncio.Event()
    async with Served(server(answer)) as served, httpx2.AsyncClient(base_url=served.url) as client:
        async with Listener(Visitor(client), ["order.*"], after="7") as listener:

            async def at_the_end() -> bool:
                return asked[-1:] == ["11"]

            await until(at_the_end)
            assert listener.events() == [event("a"), event("b")]
            assert (asked[:3], listener.connections >= 2) == (["7", "9", "11"], True)
        ended.set()


async def _sent(parts: list[bytes] | None, *, ended: asyncio.Event) -> AsyncIterator[bytes]:
    for part in parts or []:
        yield part
    if parts is None:
        yield b": ping\n\n"
        await ended.wait()


async def test_a_stream_that_is_refused_ends_the_demo() -> None:
    app = server(lambda _: JSONResponse({"type": "/problems/forbidden"}, status_code=403))
    async with (
        Served(app) as served,
        httpx2.AsyncClient(base_url=served.url) as client,
        Listener(Visitor(client), ["order.*"], after="7") as listener,
    ):

        async def refused() -> bool:
            try:
                listener.events()
            except WrongAnswer as answer:
                return "403" in str(answer)
            return False

        await until(refused)
