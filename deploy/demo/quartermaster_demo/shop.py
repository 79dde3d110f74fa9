"""The demo shop's files, typed.

The dictionaries have the very keys of the JSON files, so that a loader can pass them on.
"""

import json
from importlib.resources import files
from typing import TypedDict, cast

PLENTIFUL_SKU = "MUG-BLUE"
"""In stock by the hundreds: the SKU that the documentation buys."""

SCARCE_SKU = "LAMP-BRASS"
"""Twelve in stock: the SKU that a second order takes under its reorder point."""

CURRENCY = "EUR"
"""The currency of the prices in the product file."""

TaxRate = TypedDict(
    "TaxRate",
    {"country": str, "region": str | None, "class": str, "basis_points": int, "name": str},
)


class ShippingRate(TypedDict):
    """A price for parcels of some weight to some countries; amounts in minor units, both weights included."""

    id: str
    name: str
    carrier: str
    countries: list[str]
    currency: str
    min_weight_grams: int
    max_weight_grams: int
    price: int
    free_over: int | None


class StaffMember(TypedDict):
    """Somebody who works in the shop. Passwords are made when the shop is loaded."""

    role: str
    name: str
    email: str


class Address(TypedDict):
    """A postal address."""

    name: str
    line1: str
    line2: str | None
    city: str
    region: str | None
    postal_code: str
    country: str


class Location(TypedDict):
    """A warehouse; the lowest number is asked first."""

    code: str
    name: str
    priority: int
    address: Address


def products_csv() -> bytes:
    """Read the product file: UTF-8, in Shopify's columns."""
    return _read("products.csv")


def tax_rates() -> list[TaxRate]:
    """Read the tax by country, region and class, in basis points."""
    return cast("list[TaxRate]", _entries("tax_rates.json", "rates"))


def shipping_rates() -> list[ShippingRate]:
    """Read what shipping costs, by zone, service and weight."""
    return cast("list[ShippingRate]", _entries("shipping_rates.json", "rates"))


def staff() -> list[StaffMember]:
    """Read the logins: a member of staff for each role, and a partner."""
    return cast("list[StaffMember]", _entries("staff.json", "staff"))


def locations() -> list[Location]:
    """Read the warehouses, the one that is asked first at the top."""
    return cast("list[Location]", _entries("locations.json", "locations"))


def pictures() -> dict[str, str]:
    """Read the drawings as SVG, by file name."""
    folder = files("quartermaster_demo") / "data" / "pictures"
    return {entry.name: entry.read_text("utf-8") for entry in sorted(folder.iterdir(), key=lambda entry: entry.name)}


def _entries(file_name: str, key: str) -> list[object]:
    return cast("list[object]", json.loads(_read(file_name))[key])


def _read(file_name: str) -> bytes:
    return (files("quartermaster_demo") / "data" / file_name).read_bytes()
