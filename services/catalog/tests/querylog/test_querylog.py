"""Searches are counted by what was asked, never by who asked."""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import pytest
import pytest_asyncio

from catalog.querylog.counting import MOST_QUERIES, Outcome, SearchLog
from catalog.querylog.rules import normalised
from catalog.testing import product_body
from common.database import Database
from common.testing import Api, TestClock

Json = dict[str, Any]
RunSweep = Callable[[str], Awaitable[int]]


@pytest.fixture
def analyst(api: Api) -> Api:
    return api.as_user(scopes="metrics:read")


@pytest_asyncio.fixture(scope="module", loop_scope="session", autouse=True)
async def shop(api: Api) -> None:
    staff = api.as_user(scopes="catalog:write")
    assert (await staff.post("/v1/products", json=product_body(title="Enamel mug"))).status_code == 201


@pytest.fixture(autouse=True)
async def empty(database: Database, run_sweep: RunSweep) -> None:
    await run_sweep("keep-search-log")
    async with database.acquire() as connection:
        await connection.execute("DELETE FROM search_log")


async def figures(analyst: Api, query: str = "") -> Json:
    answer = await analyst.get(f"/v1/metrics/search{query}")
    assert answer.status_code == 200, answer.text
    result: Json = answer.json()
    return result


async def test_searches_are_counted_by_query(api: Api, analyst: Api, run_sweep: RunSweep) -> None:
    for q in ("Mug", "mug ", "MUG", "enmel", "sofa", "Söfa", "mug&facets=false", "mug&price_max=1"):
        assert (await api.get(f"/v1/search?q={q}")).status_code == 200
    assert await run_sweep("keep-search-log") == 3

    found = await figures(analyst)

    assert (found["searches"], found["zero_results"], found["corrected"], found["zero_results_share"]) == (
        8, 2, 1, 0.25
    )  # fmt: skip
    assert found["items"] == [
        {"query": "mug", "searches": 5, "zero_results": 0, "corrected": 0},
        {"query": "sofa", "searches": 2, "zero_results": 2, "corrected": 0},
        {"query": "enmel", "searches": 1, "zero_results": 0, "corrected": 1},
    ]
    missing = await figures(analyst, "?zero_results=true")
    assert [item["query"] for item in missing["items"]] == ["sofa"]
    assert missing["searches"] == 8
    assert len((await figures(analyst, "?limit=1"))["items"]) == 1


async def test_later_pages_and_refused_searches_are_none(
    api: Api, analyst: Api, run_sweep: RunSweep, make_product: Callable[..., Awaitable[Json]]
) -> None:
    await make_product(title="Another mug")
    first = (await api.get("/v1/search?q=mug&limit=1")).json()
    await api.get(f"/v1/search?q=mug&limit=1&after={first['next']}")
    await api.get("/v1/search?q=mug&attr.nothing=1")
    await api.get("/v1/search/suggestions?q=mug")
    assert await run_sweep("keep-search-log") == 1
    assert [(item["query"], item["searches"]) for item in (await figures(analyst))["items"]] == [("mug", 1)]


async def test_counts_add_up_over_days_and_go_after_180(
    api: Api, analyst: Api, run_sweep: RunSweep, clock: TestClock, database: Database
) -> None:
    await api.get("/v1/search?q=mug")
    await run_sweep("keep-search-log")
    clock.advance(timedelta(days=2))
    await api.get("/v1/search?q=mug")
    await run_sweep("keep-search-log")
    assert (await figures(analyst))["items"][0]["searches"] == 2
    today = (await figures(analyst))["to"]
    assert (await figures(analyst, f"?from={today}"))["searches"] == 1
    clock.advance(timedelta(days=179))
    assert await run_sweep("forget-old-searches") == 1
    clock.advance(timedelta(days=3))
    assert await run_sweep("forget-old-searches") == 1
    assert await run_sweep("forget-old-searches") == 0


async def test_what_is_counted_is_written_at_the_end_of_the_process(database: Database) -> None:
    log = SearchLog(database, zone="Europe/Berlin")
    log.note("mug", Outcome(found=True, corrected=False))
    await log.close()
    async with database.acquire() as connection:
        assert await connection.fetchval("SELECT searches FROM search_log WHERE query = 'mug'") == 1


async def test_a_write_that_fails_loses_no_count(database: Database) -> None:
    log = SearchLog(database, zone="Nowhere/At_all")
    log.note("mug", Outcome(found=True, corrected=False))
    with pytest.raises(LookupError):
        await log.write()
    log.note("mug", Outcome(found=False, corrected=False))
    log._zone = "UTC"  # noqa: SLF001 - the fault is gone
    assert await log.write() == 1
    async with database.acquire() as connection:
        rows = await connection.fetch("SELECT searches, zero_results FROM search_log")
    assert [tuple(row) for row in rows] == [(2, 1)]


async def test_memory_has_an_end(database: Database) -> None:
    log = SearchLog(database, zone="UTC")
    for number in range(MOST_QUERIES + 10):
        log.note(f"mug {number}", Outcome(found=True, corrected=False))
    log.note("mug 1", Outcome(found=True, corrected=False))
    assert await log.write() == MOST_QUERIES


@pytest.mark.parametrize(
    ("query", "kept"),
    [
        ("  Blue   MUG\t", "blue mug"),
        ("Café", "cafe"),
        ("ada@example.com", None),
        ("mug for ada@example.com", None),
        ("+49 30 123 456", None),
        ("4006381333931", None),
        ("0151/234-5678", None),
        ("mug 123456", "mug 123456"),
        ("iso 9001 2015 b", None),
        ("   ", None),
        ("x" * 150, "x" * 100),
    ],
)
def test_what_looks_like_a_personal_detail_is_not_kept(query: str, kept: str | None) -> None:
    assert normalised(query) == kept


@pytest.mark.parametrize("query", ["?from=2026-02-02&to=2026-02-01", "?from=2020-01-01&to=2026-01-01", "?limit=0"])
async def test_a_wrong_period_is_422(query: str, analyst: Api) -> None:
    refused = await analyst.get(f"/v1/metrics/search{query}")
    assert refused.status_code == 422
    assert refused.json()["errors"][0]["pointer"] in {"/query/from", "/query/limit"}


async def test_only_who_may_read_figures_does(api: Api, staff: Api) -> None:
    assert (await api.get("/v1/metrics/search")).status_code == 401
    assert (await staff.get("/v1/metrics/search")).status_code == 403
