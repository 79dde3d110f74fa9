"""Pages follow one another without gaps, and a cursor is good for its own list only."""

import base64
import json
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime, timedelta, timezone
from types import UnionType
from uuid import UUID

import httpx2
import pytest
from fastapi import FastAPI
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from common.pagination import CursorValue, Page, PageParams, Paging, decode_cursor, encode_cursor
from common.problems import InvalidCursor

ID = UUID("01890a5d-ac96-774b-bcce-b302099a8057")
MOMENT = datetime(2026, 11, 24, 15, 30, 0, 123456, tzinfo=UTC)

values = st.one_of(
    st.none(),
    st.integers(min_value=-(2**63) + 1, max_value=2**63 - 1),
    st.uuids(),
    st.datetimes(timezones=st.just(UTC)),
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00")),
)


@given(st.lists(values, min_size=1, max_size=4))
def test_values_come_back_with_their_types(given_values: list[CursorValue]) -> None:
    types = [type(value) for value in given_values]

    assert list(decode_cursor(encode_cursor(given_values), *types)) == given_values


def test_a_moment_of_another_zone_comes_back_in_utc() -> None:
    elsewhere = MOMENT.astimezone(timezone(timedelta(hours=5)))

    (back,) = decode_cursor(encode_cursor([elsewhere]), datetime)

    assert (back, back.tzinfo) == (MOMENT, UTC)


@pytest.mark.parametrize("value", [1.5, True, b"x", datetime(2026, 1, 1)])  # noqa: DTZ001 - a naive one is the point
def test_what_would_not_come_back_is_not_taken(value: CursorValue) -> None:
    with pytest.raises(TypeError, match="cannot hold"):
        encode_cursor([value])


def test_a_cursor_fits_its_own_filters_only() -> None:
    cursor = encode_cursor([ID], filters={"status": "open", "city": None})

    assert decode_cursor(cursor, UUID, filters={"status": "open"}) == (ID,)  # absent and None are the same
    for filters in ({"status": "closed"}, {}, {"status": "open", "city": "Bonn"}):
        with pytest.raises(InvalidCursor, match="other filters"):
            decode_cursor(cursor, UUID, filters=filters)


@pytest.mark.parametrize("types", [(str,), (UUID, UUID), (), (int | None,)])
def test_a_cursor_of_another_list_is_refused(types: Sequence[type | UnionType]) -> None:
    with pytest.raises(InvalidCursor, match="another list"):
        decode_cursor(encode_cursor([ID]), *types)


def forged(*items: object) -> str:
    """Write a cursor whose hash of no filters is right, as anyone can who reads the source."""
    own = json.loads(base64.urlsafe_b64decode(encode_cursor([None]) + "=="))[0]
    return base64.urlsafe_b64encode(json.dumps([own, *items]).encode()).decode()


@pytest.mark.parametrize(
    "cursor",
    [
        "",
        "A",
        "%%%",
        "bm8",
        "é",
        base64.urlsafe_b64encode(b"[]").decode(),
        base64.urlsafe_b64encode(b"[" * 1500).decode(),
        forged(2**63),
        forged("\x00"),
        forged("\ud800"),
        forged({"u": "no id"}),
        forged({"t": "2026-01-01T00:00:00"}),
        forged({"t": "yesterday"}),
        forged([1]),
        forged(1.0),
    ],
)
def test_a_damaged_cursor_is_refused_before_it_reaches_sql(cursor: str) -> None:
    with pytest.raises(InvalidCursor):
        decode_cursor(cursor, object)


@given(st.integers(min_value=1, max_value=7), st.integers(min_value=0, max_value=25))
def test_pages_show_every_item_once(limit: int, count: int) -> None:
    rows = [(number // 3, number) for number in range(count)]
    shown: list[tuple[int, int]] = []
    after: str | None = None
    while True:
        params = PageParams(limit=limit, after=after)
        position = params.position(int, int)
        left = [row for row in rows if position is None or row > position]
        page = Page[tuple[int, int]].of(left[: params.fetch], limit, key=lambda row: row)
        shown += page.items
        after = page.next
        if after is None:
            break

    assert shown == rows


class View(BaseModel):
    number: int


@pytest.fixture
async def client() -> AsyncIterator[httpx2.AsyncClient]:
    app = FastAPI()

    @app.get("/numbers")
    async def numbers(page: Paging, least: int = 0) -> Page[View]:
        (position,) = page.position(int, filters={"least": least}) or (least - 1,)
        rows = list(range(position + 1, 10))[: page.fetch]
        return (
            Page[int]
            .of(rows, page.limit, lambda row: [row], filters={"least": least})
            .map(lambda row: View(number=row))
        )

    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url="http://test") as opened:
        yield opened


async def test_a_route_pages_through(client: httpx2.AsyncClient) -> None:
    first = (await client.get("/numbers", params={"limit": 6, "least": 2})).json()
    second = (await client.get("/numbers", params={"limit": 6, "least": 2, "after": first["next"]})).json()

    assert [item["number"] for item in first["items"] + second["items"]] == list(range(2, 10))
    assert second["next"] is None


@pytest.mark.parametrize("limit", ["0", "201", "-1", "many"])
async def test_a_limit_out_of_bounds_is_refused(client: httpx2.AsyncClient, limit: str) -> None:
    refused = await client.get("/numbers", params={"limit": limit})

    assert (refused.status_code, refused.json()["detail"][0]["loc"]) == (422, ["query", "limit"])


async def test_the_document_knows_page_and_parameters(client: httpx2.AsyncClient) -> None:
    document = (await client.get("/openapi.json")).json()

    limit, after = sorted(document["paths"]["/numbers"]["get"]["parameters"], key=lambda each: each["name"] != "limit")[
        :2
    ]
    assert (limit["schema"]["maximum"], limit["schema"]["default"]) == (200, 50)
    assert after["name"] in {"after", "least"}
    assert set(document["components"]["schemas"]["Page_View_"]["properties"]) == {"items", "next"}
