"""Search: codes before words, beginnings, stems, accents; only what is published."""

from typing import Any
from urllib.parse import quote

import pytest
import pytest_asyncio

from catalog.search.schemas import SearchResult
from catalog.testing import money, product_body, variant_body
from common.testing import Api

Json = dict[str, Any]


@pytest_asyncio.fixture(scope="module", loop_scope="session", autouse=True)
async def shop(api: Api) -> None:
    staff = api.as_user(scopes="catalog:write")
    await staff.post("/v1/categories", json={"title": "Kitchen"})
    await staff.post("/v1/categories", json={"title": "Garden"})
    for body in (
        product_body(
            title="Enamel mug", categories=["kitchen"], description="<p>For fires and offices</p>", vendor="Gänsefuß",
            variants=[variant_body(sku="MUG-1", barcode="4006381333931", price=1500)],
        ),
        product_body(title="Tea towel", categories=["kitchen"], variants=[variant_body(sku="TOWEL-1", price=900)]),
        product_body(title="Mug tree", tags=["MUG-1"], categories=["garden"], variants=[variant_body(price=4000)]),
        product_body(
            title="Watering can", categories=["garden"], description="The mug of gardens",
            variants=[variant_body(prices=[money(2500, "USD")])],
        ),
        product_body(title="Hidden mug", status="draft"),
    ):  # fmt: skip
        made = await staff.post("/v1/products", json=body)
        assert made.status_code == 201, made.text


async def found(api: Api, query: str) -> list[str]:
    answer = await api.get(f"/v1/search?{query}")
    assert answer.status_code == 200, answer.text
    SearchResult.model_validate_json(answer.content)
    return [card["title"] for card in answer.json()["items"]]


@pytest.mark.parametrize(
    ("q", "expected"),
    [
        ("enamel", {"Enamel mug"}),
        ("ENAM", {"Enamel mug"}),
        ("fire", {"Enamel mug"}),
        ("mug for the fire", {"Enamel mug"}),
        ("gansefuss", {"Enamel mug"}),
        ("kitchen", {"Enamel mug", "Tea towel"}),
        ("mug", {"Enamel mug", "Mug tree", "Watering can"}),
        ("mug towel", set()),
        ("4006381333931", {"Enamel mug"}),
        ("the", set()),  # says nothing about any of them
        ("'; DROP TABLE product; --", set()),
        ("&|!():*<->", set()),
        ("_", set()),
    ],
)
async def test_words_are_found(q: str, expected: set[str], api: Api) -> None:
    assert set(await found(api, f"q={quote(q)}")) == expected


async def test_an_exact_code_comes_before_words(api: Api) -> None:
    assert (await found(api, "q=mug-1"))[0] == "Enamel mug"


async def test_a_title_counts_more_than_a_description(api: Api) -> None:
    assert (await found(api, "q=mug"))[-1] == "Watering can"


async def test_search_is_narrowed_and_sorted(api: Api) -> None:
    assert await found(api, "q=mug&category=garden&sort=price") == ["Mug tree", "Watering can"]
    assert await found(api, "q=mug&price_max=2000") == ["Enamel mug"]
    assert await found(api, "q=mug&currency=USD") == ["Watering can"]
    assert await found(api, "q=mug&sort=newest") == ["Watering can", "Mug tree", "Enamel mug"]


@pytest.mark.parametrize("sort", ["relevance", "price", "newest"])
async def test_pages_of_results_are_the_results_in_parts(sort: str, api: Api) -> None:
    whole = await found(api, f"q=mug&sort={sort}")
    seen: list[str] = []
    after = ""
    for _ in range(4):
        page = (await api.get(f"/v1/search?q=mug&sort={sort}&limit=1{after}")).json()
        seen += [card["title"] for card in page["items"]]
        if page["next"] is None:
            break
        after = f"&after={page['next']}"
    assert seen == whole


@pytest.mark.parametrize("query", ["", "q=", "q=%00", f"q={'x' * 201}", "q=mug&sort=best", "q=mug&price_min=x"])
async def test_a_wrong_search_is_422(query: str, api: Api) -> None:
    assert (await api.get(f"/v1/search?{query}")).status_code == 422


async def test_staff_too_search_what_is_published(staff: Api) -> None:
    assert await found(staff, "q=hidden") == []
