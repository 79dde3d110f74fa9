"""Events become visits: once each, by visitor and half hour, and join the orders that name them."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4
from zoneinfo import ZoneInfo

import pytest

from common.database import Database, uuid7
from common.events.contracts.orders import OrderPlaced
from common.invariants import run_invariants
from common.testing import Api, StatementCount, TestClock
from metrics.app import SERVICE

BASELINE = json.loads((Path(__file__).parents[1] / "statements.json").read_text())
BROWSER = {"User-Agent": "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"}
SHOP = ZoneInfo("Europe/Berlin")
CRAWLER = "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)"

MakeVisit = Callable[[], Any]
MoveTo = Callable[[int, int], datetime]
MakeOrder = Callable[..., OrderPlaced]
Deliver = Callable[..., Awaitable[UUID]]
Sweep = Callable[[str], Awaitable[int]]
Statements = Callable[[], AbstractAsyncContextManager[StatementCount]]


async def traffic(api: Api, clock: TestClock, channel: str, **query: str) -> list[dict[str, Any]]:
    day = clock.now().date()
    asked = {"from": str(day - timedelta(days=2)), "to": str(day + timedelta(days=1)), "by": "currency"}
    answer = await api.as_user(scopes="metrics:read").get(
        "/v1/metrics/kpis", params=asked | {"channel": channel} | query
    )
    assert answer.status_code == 200, answer.text
    rows: list[dict[str, Any]] = answer.json()["traffic"]
    return rows


async def session_row(database: Database, session: str | None) -> Any:  # noqa: ANN401 - a row
    return await database.uow().single_row("SELECT * FROM session WHERE id = $1", UUID(session))


async def test_an_event_sent_again_counts_once(visit: MakeVisit, database: Database) -> None:
    visitor = visit()
    batch = {"events": [{"id": str(uuid4()), "name": "page_view"}, {"id": str(uuid4()), "name": "view_item"}]}
    first = await visitor.send_batch(batch)
    again = await visitor.send_batch({"events": [*batch["events"], batch["events"][0]]})
    assert (first["accepted"], first["repeated"]) == (2, 0)
    assert (again["accepted"], again["repeated"], again["session_id"]) == (0, 3, first["session_id"])
    mixed = await visitor.send_batch({"events": [*batch["events"], {"id": str(uuid4()), "name": "search"}]})
    assert (mixed["accepted"], mixed["repeated"]) == (1, 2)
    row = await session_row(database, first["session_id"])
    assert (row["events"], row["page_views"]) == (3, 1)


async def test_a_repeat_alone_begins_no_visit(visit: MakeVisit, api: Api, clock: TestClock, channel: str) -> None:
    visitor = visit()
    batch = {"channel": channel, "events": [{"id": str(uuid4()), "name": "page_view"}]}
    await visitor.send_batch(batch)
    clock.advance(timedelta(minutes=31))
    assert (await visitor.send_batch(batch))["session_id"] is None
    (row,) = await traffic(api, clock, channel)
    assert row["sessions"] == 1


async def test_half_an_hour_of_silence_ends_a_visit(
    visit: MakeVisit, api: Api, clock: TestClock, channel: str, move_to: MoveTo
) -> None:
    move_to(12, 0)
    visitor = visit()
    await visitor.send("page_view")
    first = visitor.session
    clock.advance(timedelta(minutes=29))
    await visitor.send("page_view")
    assert visitor.session == first
    clock.advance(timedelta(minutes=29))
    await visitor.send("page_view")
    assert visitor.session == first
    clock.advance(timedelta(minutes=30))
    await visitor.send("page_view")
    assert visitor.session != first
    (row,) = await traffic(api, clock, channel)
    assert (row["sessions"], row["visitors"]) == (2, 1)


async def test_a_visit_goes_on_past_midnight_and_its_visitor_is_new_the_next_day(
    visit: MakeVisit, api: Api, clock: TestClock, channel: str, move_to: MoveTo, run_sweep: Sweep, database: Database
) -> None:
    move_to(23, 50)
    visitor = visit()
    await visitor.send("page_view")
    night = visitor.session
    move_to(0, 10)
    await visitor.send("page_view")
    move_to(0, 35)
    await run_sweep("forget-visitors")
    await visitor.send("page_view")
    assert visitor.session == night
    salts = await database.uow().single("SELECT day FROM visitor_salt")
    assert [row["day"] for row in salts] == [clock.now().astimezone(SHOP).date()]
    move_to(10, 0)
    await visitor.send("page_view")
    assert visitor.session != night
    days = await traffic(api, clock, channel, by="day")
    assert [(row["sessions"], row["visitors"]) for row in days] == [(1, 1), (1, 1)]


async def test_nobody_is_recognised_on_the_next_day(
    visit: MakeVisit, clock: TestClock, move_to: MoveTo, run_sweep: Sweep, database: Database
) -> None:
    move_to(12, 0)
    visitor = visit()
    await visitor.send("page_view")
    (before,) = await database.uow().single("SELECT visitor FROM visit WHERE session_id = $1", UUID(visitor.session))
    (salt,) = await database.uow().single("SELECT salt FROM visitor_salt ORDER BY day DESC LIMIT 1")
    move_to(0, 31)
    await run_sweep("forget-visitors")
    left = await database.uow().single(
        "SELECT 1 FROM visit WHERE visitor = $1 UNION ALL SELECT 1 FROM visitor_salt WHERE salt = $2",
        before["visitor"],
        salt["salt"],
    )
    assert left == []
    await visitor.send("page_view")
    (after,) = await database.uow().single("SELECT visitor FROM visit WHERE session_id = $1", UUID(visitor.session))
    assert after["visitor"] != before["visitor"]


async def test_visitors_differ_by_address_and_browser_and_a_named_visit_goes_on(
    visit: MakeVisit, api: Api, clock: TestClock, channel: str
) -> None:
    one, other = visit(), visit()
    await one.send("page_view")
    await other.send("page_view")
    assert one.session != other.session
    first = one.session
    await one.send("page_view", headers={"User-Agent": BROWSER["User-Agent"].replace("140", "141")})
    assert one.session != first
    one.address = "203.0.113.200"  # another network
    await one.send("page_view", session_id=first)
    assert one.session == first
    await one.send("page_view")  # and from now on by itself
    assert one.session == first
    await one.send("page_view", session_id=str(uuid4()))  # unknown
    assert one.session == first
    (row,) = await traffic(api, clock, channel)
    assert (row["sessions"], row["visitors"]) == (3, 3)


async def test_an_app_names_its_visitor_itself(visit: MakeVisit) -> None:
    app = visit()
    app.address = "192.0.2.1"
    await app.send("page_view", visitor="device-1")
    first = app.session
    await app.send("page_view", visitor="device-2")
    assert app.session != first
    app.address = "192.0.2.2"
    await app.send("page_view", visitor="device-1")
    assert app.session == first


async def test_two_batches_at_once_are_one_visit(visit: MakeVisit, database: Database) -> None:
    visitor = visit()
    answers = await asyncio.gather(*(visitor.send("page_view", "view_item") for _ in range(6)))
    (session,) = {answer["session_id"] for answer in answers}
    row = await session_row(database, session)
    assert (row["events"], row["page_views"]) == (12, 6)


@pytest.mark.parametrize("user_agent", [CRAWLER, "curl/8.5.0", "python-requests/2.32", ""])
async def test_crawlers_and_scripts_are_dropped(
    visit: MakeVisit, api: Api, clock: TestClock, channel: str, user_agent: str
) -> None:
    answer = await visit().send("page_view", "view_item", headers={"User-Agent": user_agent})
    assert answer == {"session_id": None, "accepted": 0, "repeated": 0, "dropped": 2}
    assert await traffic(api, clock, channel) == []


async def test_where_a_visit_came_from_is_kept_and_never_rewritten(visit: MakeVisit, database: Database) -> None:
    visitor = visit()
    first = {
        "id": str(uuid7()), "name": "page_view", "referrer": "https://www.google.com/",
        "url": "https://www.shop.example/mugs?utm_source=News&utm_medium=Email&utm_campaign=Spring&email=a@b.example",
    }  # fmt: skip
    await visitor.send_batch({"events": [first]})
    await visitor.send("page_view", url="https://shop.example/?gclid=1")
    row = await session_row(database, visitor.session)
    kept = {name: row[name] for name in ("host", "path", "referrer", "source", "medium", "campaign", "paid")}
    assert kept == {
        "host": "shop.example", "path": "/mugs", "referrer": "google.com", "source": "news", "medium": "email",
        "campaign": "spring", "paid": False,
    }  # fmt: skip


async def test_no_address_and_no_user_agent_is_kept_anywhere(visit: MakeVisit, database: Database) -> None:
    visitor = visit()
    await visitor.send("page_view")
    tables = await database.uow().single("SELECT relname FROM pg_stat_user_tables WHERE schemaname = 'public'")
    for table in tables:
        rows = await database.uow().single(
            f'SELECT 1 FROM "{table["relname"]}" AS t WHERE strpos(t::text, $1) > 0 OR strpos(t::text, $2) > 0',  # noqa: S608 - a table's name
            visitor.address,
            "Gecko/20100101",
        )
        assert rows == [], table["relname"]


async def test_orders_join_their_visit_and_browsers_cannot_claim_any(
    visit: MakeVisit, api: Api, clock: TestClock, channel: str, deliver: Deliver, placed: MakeOrder, database: Database
) -> None:
    buyer, thinker, liar, reader = visit(), visit(), visit(), visit()
    await buyer.send("page_view", "add_to_cart", "begin_checkout")
    await thinker.send("page_view", "add_to_cart")
    await liar.send("page_view", "add_to_cart", "purchase")
    await reader.send("page_view")
    at = clock.now()
    await deliver(placed(at=at, channel=channel, session_id=buyer.session))
    await deliver(placed(at=at, channel=channel, session_id=buyer.session))
    await deliver(placed(at=at, channel=channel, session_id=reader.session, kind="return"))
    for unknown in (None, str(uuid4()), "no id of ours", str(buyer.session).upper()):
        await deliver(placed(at=at, channel=channel, session_id=unknown))
    (row,) = await traffic(api, clock, channel)
    assert (row["sessions"], row["visitors"]) == (4, 4)
    assert (row["sessions_with_order"], row["conversion_rate"]) == (1, 0.25)
    assert (row["sessions_with_cart"], row["abandoned_carts"], row["cart_abandonment"]) == (3, 2, 0.6667)
    assert (await session_row(database, buyer.session))["orders"] == 2


async def test_traffic_stands_beside_the_currencies(
    visit: MakeVisit, api: Api, clock: TestClock, channel: str, deliver: Deliver, placed: MakeOrder
) -> None:
    await visit().send("page_view")
    for currency in ("EUR", "USD"):
        await deliver(placed(at=clock.now(), channel=channel, currency=currency))
    for query in ({}, {"currency": "USD"}, {"by": "day"}, {"by": "month"}, {"by": "channel"}):
        (row,) = await traffic(api, clock, channel, **query)
        assert (row["sessions"], row["conversion_rate"], row["cart_abandonment"]) == (1, 0.0, None)
        assert row["channel"] == (channel if query.get("by") == "channel" else None)


async def test_a_clock_that_cannot_be_right_is_not_believed(
    visit: MakeVisit, clock: TestClock, database: Database
) -> None:
    visitor, now = visit(), clock.now()
    times = [now - timedelta(hours=2), now + timedelta(days=400), now - timedelta(days=2)]
    events = [{"id": str(uuid7()), "name": "page_view", "at": at.isoformat()} for at in times]
    await visitor.send_batch({"events": events})
    rows = await database.uow().single(
        "SELECT at, received_at FROM behaviour_event WHERE session_id = $1 ORDER BY id", UUID(visitor.session)
    )
    assert rows[0]["at"] == times[0]
    assert all(row["at"] == row["received_at"] for row in rows[1:])


EVENT = {"id": "12345678", "name": "page_view"}


@pytest.mark.parametrize(
    ("body", "status", "pointer"),
    [
        ({"events": []}, 422, "/events"),
        ({"events": [EVENT] * 101}, 422, "/events"),
        ({"events": [EVENT, EVENT | {"id": "short"}]}, 422, "/events/1/id"),
        ({"events": [EVENT | {"name": "page view"}]}, 422, "/events/0/name"),
        ({"events": [EVENT | {"at": "yesterday"}]}, 422, "/events/0/at"),
        ({"events": [EVENT | {"at": "2025-01-01T10:00:00"}]}, 422, "/events/0/at"),
        ({"events": [EVENT | {"url": "https://[1/"}]}, 422, "/events/0/url"),
        ({"events": [EVENT | {"url": "https://shop.example:99999/"}]}, 422, "/events/0/url"),
        ({"events": [EVENT | {"title": "a\x00b"}]}, 422, "/events/0/title"),
        ({"events": [EVENT | {"product_id": "x"}]}, 422, "/events/0/product_id"),
        ({"events": [EVENT | {"value": {"amount": 1.5, "currency": "EUR"}}]}, 422, "/events/0/value/amount"),
        ({"events": [EVENT | {"value": {"amount": 2**60, "currency": "EUR"}}]}, 422, "/events/0/value/amount"),
        ({"events": [EVENT | {"price": 3}]}, 422, "/events/0/price"),
        ({"events": [EVENT], "session_id": "x"}, 422, "/session_id"),
        ({"events": [EVENT], "channel": "a b"}, 422, "/channel"),
        ([EVENT], 422, ""),
        ({"events": [EVENT], "visitor": "x" * 70_000}, 413, None),
    ],
)
async def test_a_batch_with_anything_wrong_changes_nothing(
    api: Api, database: Database, body: object, status: int, pointer: str | None
) -> None:
    before = await database.uow().single("SELECT count(*) FROM behaviour_event")
    answer = await api.post("/v1/collect", content=json.dumps(body), headers={**BROWSER, "Content-Type": "text/plain"})
    assert answer.status_code == status, answer.text
    if pointer is not None:
        assert pointer in {error["pointer"] for error in answer.json()["errors"]}
    assert await database.uow().single("SELECT count(*) FROM behaviour_event") == before


@pytest.mark.parametrize("body", [b"", b"{", b"\xff\xfe", b'{"events": [{"id": "\\ud800"}]}'])
async def test_what_is_no_json_is_400(api: Api, body: bytes) -> None:
    answer = await api.post("/v1/collect", content=body, headers={**BROWSER, "Content-Type": "text/plain"})
    assert answer.status_code == 400


async def test_a_batch_is_one_round_trip(visit: MakeVisit, statements: Statements) -> None:
    visitor = visit()
    await visitor.send("page_view")  # makes the day's salt
    async with statements() as goes_on:
        await visitor.send(*["view_item"] * 100)
    async with statements() as begins:
        await visit().send("page_view", "view_item")
    seen = {"POST /v1/collect": goes_on.total, "POST /v1/collect, a new visit": begins.total}
    assert seen == BASELINE, [*goes_on.statements, *begins.statements]


async def test_single_events_go_after_their_time_and_visits_stay(
    visit: MakeVisit, clock: TestClock, run_sweep: Sweep, database: Database
) -> None:
    visitor = visit()
    batch = {"events": [{"id": str(uuid7()), "name": "add_to_cart"}]}
    await visitor.send_batch(batch)
    session = visitor.session
    clock.advance(timedelta(days=8))
    await run_sweep("forget-events")
    kept = await database.uow().single("SELECT name FROM behaviour_event WHERE session_id = $1", UUID(session))
    assert [row["name"] for row in kept] == ["add_to_cart"]
    assert (await visitor.send_batch(batch))["accepted"] == 1  # a week later nobody knows that it came before
    clock.advance(timedelta(days=393))
    await visit().send("page_view")
    await run_sweep("forget-events")
    kept = await database.uow().single("SELECT name FROM behaviour_event WHERE session_id = $1", UUID(session))
    assert kept == []
    assert (await session_row(database, session))["carted"]


@pytest.mark.parametrize(
    ("damage", "repair", "broken"),
    [
        ("UPDATE session SET orders = orders + 1 WHERE id = $1",
         "UPDATE session SET orders = orders - 1 WHERE id = $1", "session-orders-follow-from-facts"),
        ("UPDATE session SET page_views = page_views + 1 WHERE id = $1",
         "UPDATE session SET page_views = page_views - 1 WHERE id = $1", "sessions-follow-from-events"),
        ("UPDATE session SET carted = true WHERE id = $1",
         "UPDATE session SET carted = false WHERE id = $1", "sessions-follow-from-events"),
        ("UPDATE behaviour_event SET session_id = gen_random_uuid() WHERE session_id = $1",
         "DELETE FROM behaviour_event WHERE session_id NOT IN (SELECT id FROM session) OR session_id = $1",
         "sessions-follow-from-events"),
    ],
)  # fmt: skip
async def test_planted_damage_is_found(
    visit: MakeVisit, database: Database, damage: str, repair: str, broken: str
) -> None:
    visitor = visit()
    await visitor.send("page_view")
    assert await run_invariants(database, SERVICE.invariants) == []
    await database.uow().single(damage, UUID(visitor.session))
    violations = await run_invariants(database, SERVICE.invariants)
    await database.uow().single(repair, *([UUID(visitor.session)] if "$1" in repair else []))
    if broken == "sessions-follow-from-events":
        await database.uow().single("DELETE FROM session WHERE id = $1 AND events = 1", UUID(visitor.session))
        await database.uow().single("DELETE FROM behaviour_event WHERE session_id = $1", UUID(visitor.session))
    assert {violation.invariant for violation in violations} == {broken}
