"""GET /v1/messages."""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from uuid import uuid4

import pytest

from common.events.contracts.orders import OrderPlaced, OrderShipped
from common.testing import Api
from common.testing import TestClock as MovedClock
from notifications.testing import MailServer, order_event

Deliver = Callable[..., Awaitable[object]]
RunJobs = Callable[[], Awaitable[None]]


@pytest.fixture
def staff(api: Api) -> Api:
    """Somebody who may read messages."""
    return api.as_user(scopes="messages:read")


async def test_a_sent_mail_is_shown_with_its_text(
    deliver: Deliver, run_jobs: RunJobs, mail_server: MailServer, staff: Api
) -> None:
    """What was said, to whom, when the mail server took it."""
    placed = order_event(OrderPlaced, number="3001")
    await deliver(placed)
    await run_jobs()

    answer = await staff.get(f"/v1/messages?order_id={placed.object.id}")

    assert answer.status_code == 200
    (item,) = answer.json()["items"]
    assert answer.json()["next"] is None
    expected = {
        "channel": "email",
        "template": "order-placed",
        "recipient": "ada@example.com",
        "subject": "Your order 3001",
        "status": "sent",
        "order_id": str(placed.object.id),
        "sku": None,
        "attempts": 1,
        "error": None,
    }
    assert {name: item[name] for name in expected} == expected
    assert "€43.78" in item["body_text"]
    assert item["sent_at"]


async def test_pages_run_from_new_to_old_without_gap_or_repeat(deliver: Deliver, staff: Api) -> None:
    """Also while new messages come in above."""
    for number in range(5):
        await deliver(order_event(OrderPlaced, number=str(number), email="pages@example.com"))
    seen: list[str] = []
    path: str | None = "/v1/messages?recipient=PAGES@example.com&limit=2"
    while path:
        page = (await staff.get(path)).json()
        seen += [item["subject"] for item in page["items"]]
        path = page["next"] and f"/v1/messages?recipient=PAGES@example.com&limit=2&after={page['next']}"
        await deliver(order_event(OrderPlaced, number="new", email="pages@example.com"))

    assert seen == [f"Your order {number}" for number in (4, 3, 2, 1, 0)]


async def test_filters_narrow_the_list(deliver: Deliver, staff: Api, clock: MovedClock) -> None:
    """Each on its own, and together."""
    placed = order_event(OrderPlaced, email="filters@example.com")
    await deliver(placed)
    clock.advance(timedelta(minutes=1))
    since = clock.now().isoformat()
    await deliver(order_event(OrderShipped, order_id=placed.object.id, email="filters@example.com"))

    async def templates(**wanted: str) -> list[str]:
        answer = await staff.get("/v1/messages", params={"recipient": "filters@example.com", **wanted})
        assert answer.status_code == 200, answer.text
        return [item["template"] for item in answer.json()["items"]]

    assert await templates() == ["order-shipped", "order-placed"]
    assert await templates(template="order-placed") == ["order-placed"]
    assert await templates(since=since) == ["order-shipped"]
    assert await templates(status="sent") == []
    assert await templates(status="queued", order_id=str(placed.object.id)) == ["order-shipped", "order-placed"]
    assert await templates(order_id=str(uuid4())) == []


@pytest.mark.parametrize(
    ("query", "pointer"),
    [
        ("limit=0", "/query/limit"),
        ("limit=201", "/query/limit"),
        ("order_id=17", "/query/order_id"),
        ("status=lost", "/query/status"),
        ("since=yesterday", "/query/since"),
        ("since=2026-11-24T09:00:00", "/query/since"),
        ("since=0001-01-01T00:00:00%2B14:00", "/query/since"),
        ("since=9999-12-31T23:59:59-14:00", "/query/since"),
        ("recipient=a%00b", "/query/recipient"),
        ("recipient=", "/query/recipient"),
        ("template=%00", "/query/template"),
        ("template=Order", "/query/template"),
    ],
)
async def test_a_bad_query_is_pointed_at(query: str, pointer: str, staff: Api) -> None:
    """422, never 500."""
    answer = await staff.get(f"/v1/messages?{query}")

    assert (answer.status_code, [error["pointer"] for error in answer.json()["errors"]]) == (422, [pointer])


@pytest.mark.parametrize("cursor", ["x", "W10", "%00"])
async def test_a_cursor_of_another_list_is_refused(cursor: str, staff: Api) -> None:
    """400: start again without it."""
    answer = await staff.get(f"/v1/messages?after={cursor}")

    assert (answer.status_code, answer.json()["type"]) == (400, "/problems/invalid-cursor")


async def test_messages_are_for_those_who_may_read_them(api: Api) -> None:
    """They hold people's addresses."""
    assert (await api.as_anonymous().get("/v1/messages")).status_code == 401
    assert (await api.as_user(scopes="orders:read").get("/v1/messages")).status_code == 403
    assert (await api.as_customer().get("/v1/messages")).status_code == 403


async def test_an_analyst_sees_that_mail_was_sent_not_to_whom(
    deliver: Deliver, run_jobs: RunJobs, mail_server: MailServer, api: Api
) -> None:
    """Roles without personal data read how mails fare, neither address nor text."""
    placed = order_event(OrderPlaced, number="3077")
    await deliver(placed)
    await run_jobs()
    analyst = api.as_user(scopes="messages:read", personal_data=False)

    answer = await analyst.get(f"/v1/messages?order_id={placed.object.id}")

    (item,) = answer.json()["items"]
    assert (item["status"], item["recipient"], item["body_text"]) == ("sent", "withheld", "withheld")
    assert placed.object.email is not None
    assert placed.object.email not in answer.text
    assert (await analyst.get(f"/v1/messages?recipient={placed.object.email}")).status_code == 403
