"""How well search orders what it finds: judged queries over real catalogues, with REAL_DATA=<dir>.

`judgements.json` says of each query which products answer it: 3 is what was meant, 2 a good one, 1 better than nothing.
The figure is nDCG@10, 1.0 being the best order there is. It may not fall under FLOOR.
"""

import csv
import gzip
import json
import math
import os
from collections.abc import Awaitable, Callable, Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
import pytest_asyncio

from catalog.testing import FakeInventory
from common.testing import Api

Json = dict[str, Any]

JUDGED: dict[str, dict[str, int]] = json.loads((Path(__file__).parent / "judgements.json").read_text())
FLOOR = 0.95
BARCODE = "4006381333931"  # the catalogues have none; one product of theirs gets it
DEPTH = 10

pytestmark = pytest.mark.skipif("REAL_DATA" not in os.environ, reason="judges real catalogues: REAL_DATA=<dir>")


def ndcg(found: Sequence[str], grades: Mapping[str, int]) -> float:
    """How near the order of ``found`` comes to the best one, looking at ten."""

    def gain(order: Sequence[int]) -> float:
        return sum(((1 << grade) - 1) / math.log2(place + 2) for place, grade in enumerate(order[:DEPTH]) if grade)

    best = gain(sorted(grades.values(), reverse=True))
    return gain([grades.get(handle, 0) for handle in found]) / best


def appliances(folder: Path) -> list[Json]:
    """Read the catalogue of appliances into bodies of products."""
    with (folder / "spree_products.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    bodies: dict[str, Json] = {}
    for row in rows:
        if row["name"]:
            bodies[row["slug"]] = appliance(row)
        elif row["option1_value"] and row["currency"] == "USD":
            bodies[row["slug"]]["variants"].append(
                {
                    "sku": f"{row['slug']}-{row['option1_value']}".upper().replace(" ", "-"),
                    "options": {row["option1_name"]: row["option1_value"]},
                    "prices": [{"amount": int(Decimal(row["price"]) * 100), "currency": "USD"}],
                    "barcode": BARCODE if row["slug"] == "tower-fan" else None,
                }
            )
    return [body for body in bodies.values() if body["variants"]]


def appliance(row: Mapping[str, str]) -> Json:
    """Make the body of a product without its variants; what is measured in watts becomes a number."""
    own = {name.rpartition(".")[2]: value for name, value in row.items() if name.startswith("custom") and value}
    attributes: list[Json] = [
        {"name": name.capitalize(), "type": "choice", "value": value}
        for name, value in own.items()
        if name not in {"wattage", "noise_level"}
    ]
    if "wattage" in own:
        attributes.append({"name": "Wattage", "type": "number", "value": int(own["wattage"].rstrip("W"))})
    return {
        "handle": row["slug"],
        "title": row["name"],
        "status": "published",
        "description": row["description"],
        "product_type": row["product_type"],
        "tags": [tag.strip() for tag in row["tags"].split(",")],
        "categories": [],
        "path": row["category1"].split(" -> "),
        "attributes": attributes,
        "variants": [],
    }


async def category_of(staff: Api, path: Sequence[str], known: dict[tuple[str, ...], str]) -> str:
    for depth in range(1, len(path) + 1):
        key = tuple(path[:depth])
        if key not in known:
            body = {"title": key[-1], "parent_id": known.get(key[:-1])}
            known[key] = (await staff.post("/v1/categories", json=body)).json()["id"]
    return known[tuple(path)]


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def stocked() -> list[str]:
    """Which catalogues this module has loaded."""
    return []


@pytest.fixture
async def shop(
    api: Api, staff: Api, run_import: Callable[..., Awaitable[Json]], inventory: FakeInventory, stocked: list[str]
) -> None:
    """Clothes by import, appliances by the API; once for the module."""
    if stocked:
        return
    folder = Path(os.environ["REAL_DATA"]) / "catalogues"
    clothes = gzip.decompress((folder / "magento_luma_men_in_shopify_columns.csv.gz").read_bytes())
    assert (await run_import(clothes, currency="USD"))["counts"]["created"] == 72
    known: dict[tuple[str, ...], str] = {}
    for body in appliances(folder):
        body["categories"] = [await category_of(staff, body.pop("path"), known)]
        made = await staff.post("/v1/products", json=body)
        assert made.status_code == 201, made.text
    stocked.append("both")


async def test_what_was_meant_comes_first(shop: None, api: Api, record_property: Callable[[str, object], None]) -> None:
    """The mean over all judged queries; which ones are worst is printed with it."""
    figures = {}
    for query, grades in JUDGED.items():
        answer = await api.get(f"/v1/search?q={quote(query)}&limit={DEPTH}&facets=false")
        assert answer.status_code == 200, answer.text
        figures[query] = ndcg([card["handle"] for card in answer.json()["items"]], grades)
    mean = sum(figures.values()) / len(figures)
    print(f"\nnDCG@{DEPTH} over {len(figures)} judged queries: {mean:.4f}")  # noqa: T201 - the figure is the point
    for query, figure in sorted(figures.items(), key=lambda item: item[1])[:12]:
        print(f"  {figure:.3f}  {query}")  # noqa: T201
    record_property("ndcg_at_10", round(mean, 4))
    assert len(JUDGED) >= 40
    assert mean >= FLOOR


async def test_judgements_name_products_that_there_are(shop: None, api: Api) -> None:
    handles = {handle for grades in JUDGED.values() for handle in grades}
    missing = [each for each in handles if (await api.get(f"/v1/products/{each}")).status_code != 200]
    assert missing == []
