"""Lists of products: narrowed, sorted, paged by key, and what a page costs."""

import json
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
import pytest_asyncio

from catalog.testing import money, product_body, variant_body
from common.testing import Api, StatementCount

Json = dict[str, Any]
BASELINE = Path(__file__).parent.parent / "statements.json"

SHOP = [
    # title, cents in EUR, cents in USD, category, vendor, tags, status
    ("Alder bowl", 900, 1000, "bowls", "Northfield", ["wood"], "published"),
    ("birch spoon", 300, None, "kitchen", "Northfield", ["wood", "gift"], "published"),
    ("Cedar chest", 25_000, 27_000, "garden", "Hillside", ["wood"], "published"),
    ("Éclair tin", 1_200, None, "kitchen", "Hillside", [], "published"),
    ("Fir lamp", None, 4_000, "bowls", "Hillside", ["gift"], "published"),
    ("Ghost shelf", 100, 100, "bowls", "Northfield", ["wood"], "draft"),
]


@pytest_asyncio.fixture(scope="module", loop_scope="session", autouse=True)
async def shop(api: Api) -> None:
    staff = api.as_user(scopes="catalog:write")
    for title, parent in (("Kitchen", None), ("Bowls", "kitchen"), ("Garden", None)):
        made = await staff.post("/v1/categories", json={"title": title, "parent_id": parent})
        assert made.status_code == 201, made.text
    for title, euros, dollars, category, vendor, tags, status in SHOP:
        prices = [money(amount, code) for amount, code in ((euros, "EUR"), (dollars, "USD")) if amount is not None]
        body = product_body(
            title=title, status=status, categories=[category], vendor=vendor, tags=tags, product_type="Things",
            variants=[variant_body(prices=prices)],
        )  # fmt: skip
        made = await staff.post("/v1/products", json=body)
        assert made.status_code == 201, made.text


async def titles(api: Api, query: str) -> list[str]:
    listed = await api.get(f"/v1/products?{query}")
    assert listed.status_code == 200, listed.text
    return [card["title"] for card in listed.json()["items"]]


ALL = ["Alder bowl", "birch spoon", "Cedar chest", "Éclair tin", "Fir lamp"]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("sort=title", ALL),
        ("sort=newest", ALL[::-1]),
        ("sort=price", ["birch spoon", "Alder bowl", "Éclair tin", "Cedar chest", "Fir lamp"]),
        ("sort=price&currency=USD", ["Alder bowl", "Fir lamp", "Cedar chest"]),
        ("sort=title&category=kitchen", ["Alder bowl", "birch spoon", "Éclair tin", "Fir lamp"]),
        ("sort=title&category=bowls", ["Alder bowl", "Fir lamp"]),
        ("sort=title&category=no-such", []),
        ("sort=title&vendor=Hillside&category=kitchen", ["Éclair tin", "Fir lamp"]),
        ("sort=title&tag=gift", ["birch spoon", "Fir lamp"]),
        ("sort=title&type=Things&tag=wood", ["Alder bowl", "birch spoon", "Cedar chest"]),
        ("sort=title&type=Other", []),
        ("sort=title&price_min=900&price_max=1200", ["Alder bowl", "Éclair tin"]),
        ("sort=title&currency=USD&price_max=4000", ["Alder bowl", "Fir lamp"]),
        ("updated_since=2126-01-01T00:00:00Z", []),
        ("channel=elsewhere", []),
    ],
)
async def test_a_list_shows_what_was_asked_for_in_order(query: str, expected: list[str], api: Api) -> None:
    assert await titles(api, query) == expected


@pytest.mark.parametrize("sort", ["title", "newest", "price"])
async def test_pages_by_key_are_the_list_in_parts(sort: str, api: Api) -> None:
    whole = await titles(api, f"sort={sort}")
    seen: list[str] = []
    after = ""
    for _ in range(5):
        page = (await api.get(f"/v1/products?sort={sort}&limit=2{after}")).json()
        seen += [card["title"] for card in page["items"]]
        if page["next"] is None:
            break
        after = f"&after={quote(page['next'])}"
    assert seen == whole


async def test_a_total_comes_only_on_request(api: Api, staff: Api) -> None:
    assert "total" not in (await api.get("/v1/products")).json()
    assert (await api.get("/v1/products?count=true&limit=1")).json()["total"] == 5
    assert (await staff.get("/v1/products?count=true&limit=1")).json()["total"] == 6


async def test_a_card_names_the_least_price_in_the_asked_currency(api: Api) -> None:
    def prices(cards: list[Json]) -> dict[str, Json | None]:
        return {card["title"]: card["price_from"] for card in cards}

    plain = prices((await api.get("/v1/products")).json()["items"])
    assert (plain["Alder bowl"], plain["Fir lamp"]) == (money(900), money(4_000, "USD"))
    dollars = prices((await api.get("/v1/products?currency=USD")).json()["items"])
    assert dollars["Alder bowl"] == money(1_000, "USD")


@pytest.mark.parametrize(
    "query",
    ["limit=0", "limit=201", "price_min=-1", "sort=colour", "currency=usd", "category=%00", "vendor=%00",
     "updated_since=yesterday", "updated_since=0001-01-01T00:00:00%2B14:00", "price_max=9999999999999999999"],
)  # fmt: skip
async def test_wrong_parameters_are_422_with_a_pointer(query: str, api: Api) -> None:
    refused = await api.get(f"/v1/products?{query}")
    assert refused.status_code == 422, refused.text
    assert refused.json()["errors"][0]["pointer"].startswith("/query/")


async def test_a_cursor_of_another_list_is_refused(api: Api) -> None:
    cursor = (await api.get("/v1/products?sort=title&limit=1")).json()["next"]
    for query in (f"sort=newest&after={cursor}", f"sort=title&tag=gift&after={cursor}", "after=bm9uc2Vuc2U"):
        refused = await api.get(f"/v1/products?{query}")
        assert (refused.status_code, refused.json()["type"]) == (400, "/problems/invalid-cursor")


async def test_hot_reads_send_as_few_statements_as_the_baseline(
    api: Api, staff: Api, statements: Callable[[], AbstractAsyncContextManager[StatementCount]]
) -> None:
    """The counts are the contract: who adds a round trip changes the file, and says why."""
    page = (await api.get("/v1/products?limit=1&sort=title")).json()
    product = page["items"][0]
    product_id = product["id"]
    reads: dict[str, Callable[[], Awaitable[Any]]] = {
        "GET /v1/products/{id}": lambda: api.get(f"/v1/products/{product_id}"),
        "GET /v1/products/{handle}": lambda: api.get(f"/v1/products/{product['handle']}"),
        "GET /v1/products": lambda: api.get("/v1/products?category=kitchen&sort=price&price_max=5000"),
        "GET /v1/products?after=": lambda: api.get(f"/v1/products?limit=1&sort=title&after={page['next']}"),
        "GET /v1/products?count=true": lambda: api.get("/v1/products?count=true"),
        "GET /v1/search": lambda: api.get("/v1/search?q=bowl&category=kitchen"),
        "GET /v1/search?facets=false": lambda: api.get("/v1/search?q=bowl&facets=false&sort=popularity"),
        "GET /v1/search?q=<typo>": lambda: api.get("/v1/search?q=spoom"),
        "GET /v1/search/suggestions": lambda: api.get("/v1/search/suggestions?q=al"),
        "GET /v1/categories": lambda: api.get("/v1/categories"),
        "POST /v1/products": lambda: staff.post("/v1/products", json=product_body(categories=["kitchen"])),
    }
    counted = {}
    for name, read in reads.items():
        assert (await read()).status_code < 300  # the first of a kind also asks for the types of its columns
        async with statements() as count:
            await read()
        counted[name] = count.total
    assert counted == json.loads(BASELINE.read_text())
