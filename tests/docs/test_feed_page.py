"""What the page about the event feed shows is what happens."""

import asyncio
from typing import Any

import orjson
import pytest
import pytest_asyncio

from tests.docs.test_examples import Reader
from tests.support.pages import blocks_of, read
from tests.support.shop import Shop

PAGE = "docs/how-to/read-the-feed.md"


def python_of_page(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Run the page's Python, as somebody who may subscribe."""
    monkeypatch.setenv("GATEWAY", shop.suite.gateway)
    monkeypatch.setenv("TOKEN", shop.staff["admin"].headers["Authorization"].removeprefix("Bearer "))
    names: dict[str, Any] = {}
    for block in blocks_of(read(PAGE)):
        if block.language == "python":
            exec(compile(block.content, PAGE, "exec"), names)  # noqa: S102 - our own page
    return names


@pytest_asyncio.fixture(loop_scope="session")
async def order(shop: Shop) -> str:
    """An order whose events have arrived."""
    placed = await shop.order({await shop.stocked(1): 1})
    await shop.settle()
    return str(placed["id"])


async def test_a_page_of_events_looks_as_shown(shop: Shop, order: str) -> None:
    call, shown = (each for each in blocks_of(read(PAGE)) if each.language in {"bash", "json"})
    document = orjson.loads(shown.content)
    reader = Reader(shop.client)
    await reader.type_in(f"TOKEN={shop.staff['admin'].headers['Authorization'].removeprefix('Bearer ')}")

    answer = await reader.type_in(call.content)

    assert answer is not None
    found = answer.json()
    assert found.keys() == document.keys()
    (event,), (example,) = found["items"], document["items"]
    assert example.keys() <= event.keys()
    same = ("specversion", "source", "type", "sequence", "dataschema", "datacontenttype")
    assert {name: event[name] for name in same} == {name: example[name] for name in same}


async def test_the_page_s_reader_of_pages_gets_to_the_end(
    shop: Shop, order: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pull = python_of_page(shop, monkeypatch)["pull"]
    cursor, before = "oldest", ""
    while cursor != before:
        cursor, before = await asyncio.to_thread(pull, cursor), cursor

    assert f"order.placed {order} 1\n" in capsys.readouterr().out


async def test_the_page_s_reader_of_the_stream_hears_of_an_order(
    shop: Shop, order: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    follow = python_of_page(shop, monkeypatch)["follow"]

    def until_mine() -> tuple[str, dict[str, Any]]:
        events = follow("oldest")
        found: tuple[str, dict[str, Any]] = next(
            each for each in events if (each[1]["type"], each[1]["subject"]) == ("order.placed", order)
        )
        events.close()
        return found

    cursor, event = await asyncio.to_thread(until_mine)

    page = await shop.staff["admin"].get("/v1/events", after=int(cursor) - 1, limit=1)
    assert page["items"] == [event]
