"""The demo shop's rates, locations and staff can be used as they stand."""

from collections import Counter
from itertools import groupby, pairwise

import pytest

from quartermaster_demo import shop

EU_CODES = "ATBEBGCYCZDEDKEEESFIFRGRHRHUIEITLTLULVMTNLPLPTROSESISK"
EU = {EU_CODES[place : place + 2] for place in range(0, len(EU_CODES), 2)}


def test_every_country_has_a_standard_and_a_reduced_rate_without_region() -> None:
    found = {(rate["country"], rate["class"]) for rate in shop.tax_rates() if rate["region"] is None}
    assert found == {
        (country, tax_class) for country in EU | {"GB", "CH", "NO", "US", "CA"} for tax_class in ("standard", "reduced")
    }


def test_a_country_region_and_class_has_one_rate() -> None:
    keys = Counter((rate["country"], rate["region"], rate["class"]) for rate in shop.tax_rates())
    assert max(keys.values()) == 1
    assert {country for country, region, _ in keys if region} == {"US", "CA"}


def test_tax_rates_are_whole_basis_points_and_reduced_is_never_above_standard() -> None:
    rates = {(rate["country"], rate["region"], rate["class"]): rate["basis_points"] for rate in shop.tax_rates()}
    for (country, region, _), points in rates.items():
        assert type(points) is int
        assert 0 <= points <= 2700
        assert rates[country, region, "reduced"] <= rates[country, region, "standard"]


@pytest.mark.parametrize(
    ("country", "region", "tax_class", "points"),
    [
        ("DE", None, "standard", 1900),
        ("DE", None, "reduced", 700),
        ("FI", None, "standard", 2550),
        ("FR", None, "reduced", 550),
        ("DK", None, "reduced", 2500),
        ("CH", None, "standard", 810),
        ("CA", "ON", "standard", 1300),
        ("CA", "QC", "standard", 1498),
        ("US", "NY", "standard", 400),
    ],
)
def test_known_rates(country: str, region: str | None, tax_class: str, points: int) -> None:
    assert [
        rate["basis_points"]
        for rate in shop.tax_rates()
        if (rate["country"], rate["region"], rate["class"]) == (country, region, tax_class)
    ] == [points]


def test_shipping_reaches_the_whole_union_and_three_countries_more_in_both_services() -> None:
    for service in ("Standard", "Express"):
        reached = {
            country for rate in shop.shipping_rates() if rate["name"] == service for country in rate["countries"]
        }
        assert reached == EU | {"GB", "CH", "US"}


def test_a_parcel_of_any_weight_has_one_price_a_service() -> None:
    def service(rate: shop.ShippingRate) -> tuple[list[str], str]:
        return rate["countries"], rate["name"]

    rates = shop.shipping_rates()
    for _, group in groupby(sorted(rates, key=service), key=service):
        bands = sorted(group, key=lambda rate: rate["min_weight_grams"])
        assert bands[0]["min_weight_grams"] == 0
        assert all(rate["min_weight_grams"] < rate["max_weight_grams"] for rate in bands)
        for lighter, heavier in pairwise(bands):
            assert heavier["min_weight_grams"] == lighter["max_weight_grams"] + 1
            assert heavier["price"] > lighter["price"]


def test_a_country_belongs_to_one_zone() -> None:
    zones = {tuple(rate["countries"]) for rate in shop.shipping_rates()}
    countries = [country for zone in zones for country in zone]
    assert len(countries) == len(set(countries))


def test_shipping_ids_are_unique_and_amounts_are_minor_units() -> None:
    rates = shop.shipping_rates()
    assert len({rate["id"] for rate in rates}) == len(rates)
    assert all(type(rate["price"]) is int and rate["price"] > 0 and rate["currency"] == "EUR" for rate in rates)
    assert all(rate["free_over"] is None or rate["free_over"] > rate["price"] for rate in rates)


def test_each_role_has_one_login_at_example_com() -> None:
    staff = shop.staff()
    roles = [member["role"] for member in staff]
    assert roles == ["admin", "coordinator", "merchandiser", "warehouse", "marketer", "support", "analyst", "partner"]
    assert [member["email"] for member in staff] == [f"{role}@example.com" for role in roles]
    assert all(member.keys() == {"role", "name", "email"} for member in staff)


def test_stock_is_held_in_berlin_first_then_in_rotterdam() -> None:
    locations = shop.locations()
    assert [(place["code"], place["priority"]) for place in locations] == [("BER", 1), ("RTM", 2)]
    assert [place["address"]["country"] for place in locations] == ["DE", "NL"]
