"""Facets, held against a plain recomputation, and the filters that they name."""

import itertools
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import pytest
import pytest_asyncio

from catalog.search.schemas import SearchResult
from catalog.testing import money, product_body, variant_body
from common.testing import Api

Json = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Bowl:
    """A product of this shop, by what it can be narrowed by."""

    title: str
    price: int
    colours: tuple[str, ...]
    material: str
    vendor: str
    category: str
    litres: float | None = None
    glazed: bool | None = None

    def body(self) -> Json:
        attributes: list[Json] = [{"name": "Material", "type": "choice", "value": self.material}]
        if self.litres is not None:
            attributes.append({"name": "Litres", "type": "number", "value": self.litres})
        if self.glazed is not None:
            attributes.append({"name": "Glazed", "type": "boolean", "value": self.glazed})
        variants = [variant_body(options={"Colour": each}, prices=[money(self.price)]) for each in self.colours]
        return product_body(
            title=self.title, vendor=self.vendor, categories=[self.category], attributes=attributes, variants=variants
        )


SHOP = [
    Bowl(title="Bowl one", price=500, colours=("Red", "Blue"), material="Oak", vendor="Nord", category="deep",
         litres=0.5, glazed=False),
    Bowl(title="Bowl two", price=900, colours=("Blue",), material="Clay", vendor="Nord", category="deep", litres=1.5,
         glazed=True),
    Bowl(title="Bowl three", price=1500, colours=("Green",), material="Clay", vendor="Süd", category="bowls",
         litres=3, glazed=True),
    Bowl(title="Bowl four", price=2500, colours=("Red",), material="Steel", vendor="Süd", category="bowls"),
    Bowl(title="Bowl five", price=2600, colours=("Red", "Green"), material="Oak", vendor="Süd", category="flat",
         litres=2),
    Bowl(title="Bowl six", price=4000, colours=("Blue",), material="oak", vendor="West", category="flat", litres=0.5,
         glazed=False),
]  # fmt: skip
TREE = {"bowls": (), "deep": ("bowls",), "flat": ("bowls",)}


@pytest_asyncio.fixture(scope="module", loop_scope="session", autouse=True)
async def shop(api: Api) -> None:
    staff = api.as_user(scopes="catalog:write")
    for title, parent in (("Bowls", None), ("Deep", "bowls"), ("Flat", "bowls")):
        assert (await staff.post("/v1/categories", json={"title": title, "parent_id": parent})).status_code == 201
    for bowl in SHOP:
        made = await staff.post("/v1/products", json=bowl.body())
        assert made.status_code == 201, made.text
    hidden = Bowl(title="Bowl hidden", price=1, colours=("Black",), material="Tin", vendor="Ost", category="bowls")
    assert (await staff.post("/v1/products", json=hidden.body() | {"status": "draft"})).status_code == 201


# -- the recomputation ---------------------------------------------------------------------------------------------

FILTERS: Mapping[str, list[tuple[str, str]]] = {
    "attr.Colour": [("attr.colour", "RED"), ("attr.colour", "Green")],
    "attr.Material": [("attr.Material", "Oak")],
    "attr.Litres": [("attr.litres.min", "0.5"), ("attr.litres.max", "2")],
    "vendor": [("vendor", "Sud"), ("vendor", "nord")],
    "price": [("price_min", "600"), ("price_max", "2600")],
    "category": [("category", "deep")],
}


def passes(bowl: Bowl, facet: str) -> bool:
    match facet:
        case "attr.Colour":
            return bool({"Red", "Green"} & set(bowl.colours))
        case "attr.Material":
            return bowl.material.lower() == "oak"
        case "attr.Litres":
            return bowl.litres is not None and 0.5 <= bowl.litres <= 2
        case "vendor":
            return bowl.vendor in {"Süd", "Nord"}
        case "price":
            return 600 <= bowl.price <= 2600
        case _:
            return bowl.category == "deep"


def under(chosen: tuple[str, ...], *, but: str = "") -> list[Bowl]:
    """The bowls that pass every filter but one."""
    return [bowl for bowl in SHOP if all(passes(bowl, each) for each in chosen if each != but)]


def counts_of(facet: str, bowls: list[Bowl]) -> dict[str, int]:
    def values(bowl: Bowl) -> Iterator[str]:
        match facet:
            case "attr.Colour":
                yield from bowl.colours
            case "attr.Material":
                yield bowl.material.capitalize()
            case "vendor":
                yield bowl.vendor
            case "attr.Glazed":
                if bowl.glazed is not None:
                    yield str(bowl.glazed).lower()
            case _:
                yield from (bowl.category, *TREE[bowl.category])

    return dict(Counter(value for bowl in bowls for value in values(bowl)))


COMBINATIONS = [chosen for size in range(4) for chosen in itertools.combinations(FILTERS, size)] + [tuple(FILTERS)]


async def found(api: Api, parameters: list[tuple[str, str]]) -> Json:
    answer = await api.get(f"/v1/search?{urlencode(parameters)}")
    assert answer.status_code == 200, answer.text
    SearchResult.model_validate_json(answer.content)
    result: Json = answer.json()
    return result


@pytest.mark.parametrize("chosen", COMBINATIONS, ids=lambda chosen: "+".join(chosen) or "nothing")
async def test_each_facet_counts_under_all_other_filters(chosen: tuple[str, ...], api: Api) -> None:
    result = await found(api, [("q", "bowl"), *(each for facet in chosen for each in FILTERS[facet])])

    assert {card["title"] for card in result["items"]} == {bowl.title for bowl in under(chosen)}
    facets = {facet["parameter"]: facet for facet in result["facets"]}
    for facet in ("attr.Colour", "attr.Material", "attr.Glazed", "vendor", "category"):
        counted = {each["value"]: each["count"] for each in facets.get(facet, {"values": []})["values"]}
        assert counted == counts_of(facet, under(chosen, but=facet)), facet
    litres = [bowl.litres for bowl in under(chosen, but="attr.Litres") if bowl.litres is not None]
    shown = facets.get("attr.Litres")
    assert (shown and (shown["min"], shown["max"], shown["count"])) == (
        (min(litres), max(litres), len(litres)) if litres else None
    )
    prices = [bowl.price for bowl in under(chosen, but="price")]
    assert (facets["price"]["min"], facets["price"]["max"]) == (min(prices), max(prices))


async def test_what_is_chosen_is_marked(api: Api) -> None:
    result = await found(api, [("q", "bowl"), ("attr.material", "OAK"), ("category", "deep")])
    facets = {facet["parameter"]: facet for facet in result["facets"]}
    marked = {name: [each["value"] for each in facets[name]["values"] if each["selected"]] for name in facets if
              facets[name]["kind"] == "values"}  # fmt: skip
    assert (marked["attr.Material"], marked["category"], marked["attr.Colour"]) == (["Oak"], ["deep"], [])


async def test_a_category_alone_is_a_page_with_facets(api: Api) -> None:
    result = await found(api, [("category", "flat"), ("sort", "price")])
    assert [card["title"] for card in result["items"]] == ["Bowl five", "Bowl six"]
    facets = {facet["parameter"]: facet for facet in result["facets"]}
    assert {each["value"]: each["count"] for each in facets["attr.Colour"]["values"]} == {
        "Red": 1, "Green": 1, "Blue": 1
    }  # fmt: skip


async def test_facets_are_left_out_on_request_and_on_later_pages(api: Api) -> None:
    assert (await found(api, [("q", "bowl"), ("facets", "false")]))["facets"] is None
    first = await found(api, [("q", "bowl"), ("limit", "2")])
    assert (await found(api, [("q", "bowl"), ("limit", "2"), ("after", first["next"])]))["facets"] is None
    asked = [("q", "bowl"), ("limit", "2"), ("after", first["next"]), ("facets", "true")]
    assert (await found(api, asked))["facets"] == first["facets"]


@pytest.mark.parametrize(
    ("query", "pointer", "reason"),
    [
        ("attr.shade=Red", "/query/attr.shade", "no product has it"),
        ("attr.colour.min=1", "/query/attr.colour.min", "it is no number"),
        ("attr.colour.max=1", "/query/attr.colour.max", "it is no number"),
        ("attr.litres=2", "/query/attr.litres", "it is a number"),
        ("attr.litres.min=much", "/query/attr.litres.min", "is not a number"),
        ("attr.litres.min=nan", "/query/attr.litres.min", "is not a number"),
        ("attr.colour=", "/query/attr.colour", "a value has"),
        ("attr.a/b=1", "/query/attr.a~1b", "no product has it"),
        ("attr.=x", "/query/attr.", "the attribute's name"),
        ("attr.colour=%00", "/query/attr.colour", "NUL"),
        ("in_stock=maybe", "/query/in_stock", "bool"),
        ("&".join(f"attr.a{number}=1" for number in range(21)), "/query/attr", "at most 20"),
    ],
)
async def test_a_filter_that_cannot_be_is_refused_with_its_pointer(
    query: str, pointer: str, reason: str, api: Api
) -> None:
    refused = await api.get(f"/v1/search?q=bowl&{query}")
    assert refused.status_code == 422, refused.text
    (error,) = refused.json()["errors"]
    assert error["pointer"] == pointer
    assert reason in error["detail"]


async def test_a_value_that_no_product_has_finds_nothing_and_leaves_the_facet(api: Api) -> None:
    result = await found(api, [("q", "bowl"), ("attr.colour", "Pink")])
    assert result["items"] == []
    (colours,) = [facet for facet in result["facets"] if facet["parameter"] == "attr.Colour"]
    assert {each["value"]: each["count"] for each in colours["values"]} == counts_of("attr.Colour", SHOP)


async def test_a_cursor_does_not_fit_other_filters(api: Api) -> None:
    first = await found(api, [("q", "bowl"), ("attr.colour", "Red"), ("limit", "1")])
    other = await api.get(f"/v1/search?q=bowl&attr.colour=Blue&limit=1&after={first['next']}")
    assert other.status_code == 400


async def test_a_moved_category_takes_its_products_along_at_once(api: Api) -> None:
    staff = api.as_user(scopes="catalog:write")
    made = (await staff.post("/v1/categories", json={"title": "Sale"})).json()
    moved = await staff.patch("/v1/categories/flat", json={"parent_id": made["id"]}, headers={"If-Match": '"1"'})
    assert moved.status_code == 200, moved.text
    try:
        assert len((await found(api, [("q", "bowl"), ("category", "sale")]))["items"]) == 2
        assert len((await found(api, [("q", "bowl"), ("category", "bowls")]))["items"]) == 4
    finally:
        bowls = (await api.get("/v1/categories/bowls")).json()["id"]
        await staff.patch("/v1/categories/flat", json={"parent_id": bowls}, headers={"If-Match": '"2"'})
