"""GET /v1/events: nothing is missed, nothing comes twice, whoever asks and however they filter."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from uuid import uuid4

import pytest
import pytest_asyncio

from common.database import Database
from common.events.contracts.orders import OrderPlaced
from common.testing import Api
from common.testing.suite import until
from notifications.feed.models import LoggedEvent
from notifications.feed.repository import EventLog
from notifications.testing import logged, order_event

Append = Callable[[Sequence[LoggedEvent]], Awaitable[None]]

WAITING = """
SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted
    AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
"""


async def read_all(reader: Api, path: str) -> list[str]:
    """Follow ``next`` until a page is empty; return the events' ids."""
    seen: list[str] = []
    joint = "&" if "?" in path else "?"
    after = ""
    while True:
        page = (await reader.get(f"{path}{after}")).json()
        if not page["items"]:
            return seen
        seen += [item["id"] for item in page["items"]]
        after = f"{joint}after={page['next']}"


@pytest_asyncio.fixture(autouse=True, loop_scope="session")
async def _empty(database: Database) -> AsyncIterator[None]:
    """Each test has a log of its own, on positions that go on."""
    yield
    async with database.acquire() as connection:
        await connection.execute("DELETE FROM event_log")


async def test_pages_hold_every_event_once_in_order(append: Append, partner: Api) -> None:
    events = [logged() for _ in range(7)]
    await append(events[:4])
    await append(events[4:])

    assert await read_all(partner, "/v1/events?limit=3") == [str(event.event_id) for event in events]


async def test_the_cursor_at_the_end_is_where_later_events_follow(append: Append, partner: Api) -> None:
    await append([logged()])
    end = (await partner.get("/v1/events")).json()["next"]
    assert (await partner.get(f"/v1/events?after={end}")).json() == {"items": [], "next": end}

    await append([later := logged()])

    page = (await partner.get(f"/v1/events?after={end}")).json()
    assert [item["id"] for item in page["items"]] == [str(later.event_id)]


async def test_a_reader_may_begin_with_what_comes_next(append: Append, partner: Api) -> None:
    await append([logged()])
    start = (await partner.get("/v1/events?after=latest")).json()
    await append([new := logged()])

    page = (await partner.get(f"/v1/events?after={start['next']}")).json()

    assert start["items"] == []
    assert [item["id"] for item in page["items"]] == [str(new.event_id)]
    assert len(await read_all(partner, "/v1/events")) == len(
        (await partner.get("/v1/events?after=oldest")).json()["items"]
    )


async def test_a_slow_transaction_beside_a_fast_one_loses_nothing(database: Database, partner: Api) -> None:
    """Whoever got the smaller position and commits last would be skipped by everyone who has read on meanwhile."""
    slow, fast = logged(), logged()
    start = (await partner.get("/v1/events?after=latest")).json()["next"]

    async def append_fast() -> None:
        async with database.uow(lock_timeout_ms=20_000) as uow:
            await EventLog(uow).append([fast])

    async with database.uow() as uow:
        await EventLog(uow).append([slow])
        beside = asyncio.create_task(append_fast())

        async def waits_or_is_done() -> bool:
            async with database.acquire() as connection:
                return beside.done() or bool(await connection.fetchval(WAITING))

        await until(waits_or_is_done)
        early = (await partner.get(f"/v1/events?after={start}")).json()
    await beside
    late = (await partner.get(f"/v1/events?after={early['next']}")).json()

    assert [item["id"] for item in early["items"] + late["items"]] == [str(slow.event_id), str(fast.event_id)]


async def test_an_event_that_comes_again_keeps_its_place(append: Append, partner: Api) -> None:
    first, second = logged(), logged()
    await append([first])
    await append([first, second])

    assert await read_all(partner, "/v1/events") == [str(first.event_id), str(second.event_id)]


@pytest.mark.parametrize(
    ("filters", "wanted"),
    [
        ("types=order.placed", [0, 3]),
        ("types=order.*", [0, 1, 3]),
        ("types=stock.low,order.paid", [1, 2]),
        ("types=*", [0, 1, 2, 3]),
    ],
)
async def test_a_reader_gets_the_types_it_asked_for(
    filters: str, wanted: list[int], append: Append, partner: Api
) -> None:
    events = [logged(each) for each in ("order.placed", "order.paid", "stock.low", "order.placed")]
    await append(events)

    found = await read_all(partner, f"/v1/events?limit=1&{filters}")

    assert found == [str(events[place].event_id) for place in wanted]


async def test_a_cursor_moves_past_what_a_filter_leaves_out(append: Append, partner: Api) -> None:
    """A month in which nothing of it happened does not make the cursor too old."""
    await append([logged("stock.low") for _ in range(3)])

    page = (await partner.get("/v1/events?types=webhook.disabled")).json()

    assert page["items"] == []
    assert page["next"] == (await partner.get("/v1/events")).json()["next"]


async def test_a_reader_gets_the_events_of_one_subject(append: Append, partner: Api) -> None:
    order = uuid4()
    mine = [logged("order.placed", subject=order), logged("order.paid", subject=order)]
    await append([mine[0], logged(), mine[1], logged("order.paid")])

    assert await read_all(partner, f"/v1/events?subject={order}&limit=1") == [str(each.event_id) for each in mine]
    assert await read_all(partner, f"/v1/events?subject={order}&types=order.paid") == [str(mine[1].event_id)]


async def test_personal_data_is_for_those_who_may_know_it(
    deliver: Callable[..., Awaitable[object]], partner: Api, trusted: Api
) -> None:
    """The others get the same event without."""
    await deliver(order_event(OrderPlaced, email="ada@example.com"))

    (without,) = (await partner.get("/v1/events?types=order.placed")).json()["items"]
    (whole,) = (await trusted.get("/v1/events?types=order.placed")).json()["items"]

    assert whole["data"]["object"]["email"] == "ada@example.com"
    assert "email" not in without["data"]["object"]
    assert (without["id"], without["sequence"]) == (whole["id"], whole["sequence"])


async def test_large_events_make_a_page_shorter_not_slower(append: Append, trusted: Api) -> None:
    """8 MiB a page, and always one event: whoever follows the cursor gets all of them."""
    events = [logged("product.updated", size=3 << 20) for _ in range(4)]
    await append(events)

    first = (await trusted.get("/v1/events?limit=1000")).json()

    assert len(first["items"]) == 3
    assert await read_all(trusted, "/v1/events?limit=1000") == [str(event.event_id) for event in events]


@pytest.mark.parametrize("cursor", ["", "x", "-1", "1.5", "0x10", "\uff11", "9" * 19, "oldest,latest", "%00"])
async def test_what_is_no_cursor_is_refused(cursor: str, partner: Api) -> None:
    answer = await partner.get(f"/v1/events?after={cursor}")

    assert (answer.status_code, answer.json()["type"]) == (400, "/problems/invalid-cursor")


async def test_a_cursor_from_another_log_is_refused(append: Append, partner: Api) -> None:
    """After a backup was restored the log may end before it: reading on from there would skip what comes now."""
    await append([logged()])
    end = int((await partner.get("/v1/events")).json()["next"])

    answer = await partner.get(f"/v1/events?after={end + 1}")

    assert (answer.status_code, answer.json()["type"]) == (400, "/problems/invalid-cursor")


@pytest.mark.parametrize("types", ["order.plcaed", "order", "order.*.x", "*.placed", "", "order.placed,", "orde*"])
async def test_a_type_that_does_not_exist_is_refused(types: str, partner: Api) -> None:
    """Not answered with silence for ever."""
    answer = await partner.get(f"/v1/events?types={types}")

    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "/query/types")


@pytest.mark.parametrize("limit", ["0", "1001", "x"])
async def test_a_limit_has_limits(limit: str, partner: Api) -> None:
    assert (await partner.get(f"/v1/events?limit={limit}")).status_code == 422


@pytest.mark.parametrize("path", ["/v1/events", "/v1/events/stream", "/v1/event-types"])
async def test_events_are_for_subscribers(path: str, api: Api) -> None:
    assert (await api.get(path)).status_code == 401
    assert (await api.as_user(scopes="messages:read orders:read").get(path)).status_code == 403
