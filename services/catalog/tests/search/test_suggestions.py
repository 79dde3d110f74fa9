"""Suggestions while somebody types."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
import pytest_asyncio

from catalog.search.schemas import Suggestions
from catalog.testing import money, product_body, variant_body
from common.testing import Api

Json = dict[str, Any]


@pytest_asyncio.fixture(scope="module", loop_scope="session", autouse=True)
async def shop(api: Api) -> None:
    staff = api.as_user(scopes="catalog:write")
    for title in ("Kitchen", "Kites", "Garden"):
        await staff.post("/v1/categories", json={"title": title})
    for title, sku, category, prices in (
        ("Kettle", "KET-1", "kitchen", [money(3000)]),
        ("Kettle stand", "KET-20", "kitchen", [money(900), money(1000, "USD")]),
        ("Kebab knife", "KN-1", "kitchen", [money(1900)]),
        ("Rake", "ÄST-5", "garden", [money(2900)]),
    ):
        body = product_body(title=title, categories=[category], variants=[variant_body(sku=sku, prices=prices)])
        assert (await staff.post("/v1/products", json=body)).status_code == 201
    await staff.post("/v1/products", json=product_body(title="Kettle drum", status="draft"))


async def suggested(api: Api, **parameters: str) -> Json:
    answer = await api.get("/v1/search/suggestions", params=parameters)
    assert answer.status_code == 200, answer.text
    Suggestions.model_validate_json(answer.content)
    result: Json = answer.json()
    return result


@pytest.mark.parametrize(
    ("q", "titles"),
    [
        ("ke", {"Kettle", "Kettle stand", "Kebab knife"}),
        ("KETT", {"Kettle", "Kettle stand"}),
        ("kettle st", {"Kettle stand"}),
        ("kettles", {"Kettle", "Kettle stand"}),
        ("ket-2", {"Kettle stand"}),
        ("äst", {"Rake"}),
        ("ast-5", {"Rake"}),
        ("garden", {"Rake"}),
        ("k x", set()),
        ("%", set()),
        ("drum", set()),
    ],
)
async def test_products_begin_as_the_query_does(q: str, titles: set[str], api: Api) -> None:
    assert {card["title"] for card in (await suggested(api, q=q))["items"]} == titles


async def test_words_are_completed_and_categories_named(api: Api) -> None:
    found = await suggested(api, q="ki")
    assert [category["title"] for category in found["categories"]] == ["Kitchen"]  # nothing is in Kites
    assert (await suggested(api, q="ket"))["queries"] == ["kettle"]
    assert (await suggested(api, q="kettle s"))["queries"] == ["kettle stand"]


async def test_a_currency_and_a_limit_narrow(api: Api) -> None:
    (card,) = (await suggested(api, q="ke", currency="USD"))["items"]
    assert card["price_from"] == money(1000, "USD")
    assert len((await suggested(api, q="ke", limit="2"))["items"]) == 2


@pytest.mark.parametrize("query", ["", "q=", "q=%00", "q=mug&limit=0", "q=mug&limit=21", f"q={'x' * 201}"])
async def test_a_wrong_request_is_422(query: str, api: Api) -> None:
    assert (await api.get(f"/v1/search/suggestions?{query}")).status_code == 422


async def test_a_code_that_is_gone_is_not_suggested(api: Api, make_product: Callable[..., Awaitable[Json]]) -> None:
    staff = api.as_user(scopes="catalog:write")
    product = await make_product(title="Whisk", variants=[variant_body(sku="WH-OLD")])
    variants = [variant_body(sku="WH-NEW")]
    path = f"/v1/products/{product['id']}"
    assert (await staff.patch(path, json={"variants": variants}, headers={"If-Match": '"1"'})).status_code == 200
    assert (await suggested(api, q="wh-old"))["items"] == []
    assert [card["title"] for card in (await suggested(api, q="wh-new"))["items"]] == ["Whisk"]
    await staff.delete(path)
    assert (await suggested(api, q="wh-new"))["items"] == []
