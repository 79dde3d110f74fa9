"""The whole of a catalogue, counted and recomputed on another way: none wrong, none lost, prices to the cent.

With REAL_DATA=<dir> it is the real one; without, the project's own small files.
"""

import csv
import gzip
import io
import os
from collections.abc import Awaitable, Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from catalog.app import SERVICE
from common.database import Database
from common.invariants import run_invariants
from common.testing import Api, EventProbe

Json = dict[str, Any]
OWN = sorted((Path(__file__).parent.parent / "data").glob("*.csv"))
REAL = "catalogues/magento_luma_men_in_shopify_columns.csv.gz"


def catalogues() -> list[Path]:
    real = os.environ.get("REAL_DATA")
    return [Path(real) / REAL] if real else OWN


def content_of(path: Path) -> bytes:
    return gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()


def rows_of(content: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(content.decode("utf-8-sig"), newline="")))


def expected_variants(rows: list[dict[str, str]]) -> dict[str, tuple[str, int | None, dict[str, str]]]:
    """SKU -> handle, cents, options, by the shortest way there is."""
    names: dict[str, list[str]] = {}
    found = {}
    for row in rows:
        named = [row.get(f"Option{place} Name", "") for place in (1, 2, 3)]
        if any(named):
            names[row["Handle"]] = named
        if not row["Variant SKU"]:
            continue
        options = {
            name: row[f"Option{place} Value"]
            for place, name in enumerate(names.get(row["Handle"], []), start=1)
            if name and row[f"Option{place} Value"] != "Default Title"
        }
        cents = int(Decimal(row["Variant Price"]) * 100) if row["Variant Price"] else None
        found[row["Variant SKU"]] = (row["Handle"], cents, options)
    return found


async def stored_variants(api: Api, handles: set[str]) -> dict[str, tuple[str, int | None, dict[str, str]]]:
    found = {}
    for handle in handles:
        product = (await api.get(f"/v1/products/{handle}")).json()
        for variant in product["variants"]:
            prices = {price["currency"]: price["amount"] for price in variant["prices"]}
            assert prices.keys() <= {"USD"}
            found[variant["sku"]] = (handle, prices.get("USD"), variant["options"])
    return found


@pytest.mark.parametrize("path", catalogues(), ids=lambda path: path.name.split(".")[0])
async def test_a_whole_catalogue_arrives_unchanged(
    path: Path,
    staff: Api,
    run_import: Callable[..., Awaitable[Json]],
    probe: EventProbe,
    database: Database,
) -> None:
    content = content_of(path)
    rows = rows_of(content)
    expected = expected_variants(rows)
    handles = {row["Handle"] for row in rows}
    before = len(await probe.events("product.created"))

    ended = await run_import(content, currency="USD")

    assert (ended["status"], ended["errors"]["items"], ended["failure"]) == ("completed", [], None)
    assert ended["counts"] == {
        "rows": len(rows),
        "products": len(handles),
        "variants": len(expected),
        "created": len(handles),
        "updated": 0,
        "unchanged": 0,
        "failed": 0,
        "stock_set": 0,
    }
    assert await stored_variants(staff, handles) == expected
    assert len(await probe.events("product.created")) - before == len(handles)
    assert await run_invariants(database, SERVICE.invariants) == []
    if os.environ.get("REAL_DATA"):
        assert (len(expected), len(handles)) == (910, 72)


@pytest.mark.parametrize("path", catalogues(), ids=lambda path: path.name.split(".")[0])
async def test_the_same_catalogue_again_changes_and_announces_nothing(
    path: Path, run_import: Callable[..., Awaitable[Json]], probe: EventProbe
) -> None:
    content = content_of(path)
    await run_import(content, currency="USD")
    announced = len(await probe.events("product.created")), len(await probe.events("product.updated"))

    again = await run_import(content, currency="USD")

    handles = {row["Handle"] for row in rows_of(content)}
    assert (again["counts"]["unchanged"], again["counts"]["created"], again["counts"]["updated"]) == (
        len(handles),
        0,
        0,
    )
    assert (len(await probe.events("product.created")), len(await probe.events("product.updated"))) == announced
