"""The tables of rates: replaced as a whole, by whoever saw what they replace."""

from typing import Any

import pytest

from common.testing import Api

TAX = {"rates": [{"country": "DE", "region": None, "class": "standard", "basis_points": 1900, "name": "MwSt"}]}
SHIPPING = {
    "rates": [
        {
            "id": "std", "name": "Standard", "carrier": None, "countries": ["DE"], "currency": "EUR",
            "min_weight_grams": 0, "max_weight_grams": 2000, "price": 490, "free_over": None,
        }
    ]
}  # fmt: skip
TABLES: list[tuple[str, dict[str, Any]]] = [("/v1/tax-rates", TAX), ("/v1/shipping-rates", SHIPPING)]


@pytest.mark.parametrize(("path", "table"), TABLES)
async def test_a_table_is_replaced_and_read_back(staff: Api, path: str, table: dict[str, object]) -> None:
    before = await staff.get(path)
    replaced = await staff.put(path, json=table, headers={"If-Match": before.headers["etag"]})
    assert (replaced.status_code, replaced.json()) == (200, table)
    read = await staff.get(path)
    assert (read.json(), read.headers["etag"]) == (table, replaced.headers["etag"])
    same = await staff.put(path, json=table, headers={"If-Match": read.headers["etag"]})
    assert same.headers["etag"] == read.headers["etag"]  # nothing changed


@pytest.mark.parametrize(("path", "table"), TABLES)
async def test_second_editor_gets_412(staff: Api, path: str, table: dict[str, object]) -> None:
    etag = (await staff.get(path)).headers["etag"]
    first = await staff.put(path, json={"rates": []}, headers={"If-Match": etag})
    assert first.status_code == 200
    if first.headers["etag"] == etag:
        first = await staff.put(path, json=table, headers={"If-Match": etag})
    second = await staff.put(path, json=table, headers={"If-Match": etag})
    assert (second.status_code, second.headers["etag"]) == (412, first.headers["etag"])
    assert (await staff.put(path, json=table)).status_code == 428


@pytest.mark.parametrize(("path", "table"), TABLES)
async def test_only_staff_set_rates(api: Api, path: str, table: dict[str, object]) -> None:
    for caller, status in ((api, 401), (api.as_customer(), 403), (api.as_user(scopes="orders:read"), 403)):
        assert (await caller.put(path, json=table, headers={"If-Match": '"1"'})).status_code == status


BAD = [
    ("/v1/tax-rates", {"country": "XX"}, "/rates/0/country"),
    ("/v1/tax-rates", {"basis_points": 19.5}, "/rates/0/basis_points"),
    ("/v1/tax-rates", {"basis_points": -1}, "/rates/0/basis_points"),
    ("/v1/tax-rates", {"name": "\u0000"}, "/rates/0/name"),
    ("/v1/shipping-rates", {"countries": []}, "/rates/0/countries"),
    ("/v1/shipping-rates", {"price": -1}, "/rates/0/price"),
    ("/v1/shipping-rates", {"currency": "XXX"}, "/rates/0/currency"),
    ("/v1/shipping-rates", {"max_weight_grams": 2**63}, "/rates/0/max_weight_grams"),
    ("/v1/shipping-rates", {"min_weight_grams": 3000}, "/rates/0"),
    ("/v1/shipping-rates", {"surprise": 1}, "/rates/0/surprise"),
]


@pytest.mark.parametrize(("path", "change", "pointer"), BAD)
async def test_bad_rates_are_pointed_at(staff: Api, path: str, change: dict[str, object], pointer: str) -> None:
    before = await staff.get(path)
    table = {"rates": [dict(TABLES)[path]["rates"][0] | change]}
    refused = await staff.put(path, json=table, headers={"If-Match": before.headers["etag"]})
    assert refused.status_code == 422, refused.text
    assert pointer in [error["pointer"] for error in refused.json()["errors"]]
    assert (await staff.get(path)).json() == before.json()


async def test_two_rates_for_one_thing_are_refused(staff: Api) -> None:
    for path, table in TABLES:
        etag = (await staff.get(path)).headers["etag"]
        doubled = {"rates": table["rates"] * 2}
        assert (await staff.put(path, json=doubled, headers={"If-Match": etag})).status_code == 422
