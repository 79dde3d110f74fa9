"""Counts of an import: each key once, all in a few statements."""

from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from typing import Any
from uuid import UUID, uuid4

import pytest

from common.testing import Api, EventProbe, StatementCount

MakeLocation = Callable[..., Awaitable[UUID]]
Figures = Callable[[str], Awaitable[dict[str, int]]]


@pytest.fixture
def catalog(api: Api) -> Api:
    """The catalog service."""
    return api.as_service("catalog")


def counts(location_id: UUID | str, import_id: str, units: dict[str, int]) -> dict[str, Any]:
    lines = [
        {"key": f"{import_id}:{row}", "sku": sku, "count": count} for row, (sku, count) in enumerate(units.items())
    ]
    return {"location_id": str(location_id), "reason": "import", "reference": import_id, "lines": lines}


async def test_a_repeated_import_counts_once(
    catalog: Api, make_location: MakeLocation, figures: Figures, staff: Api, sku: str
) -> None:
    place = await make_location()
    body = counts(place, f"import-{sku}", {f"{sku}-a": 3, f"{sku}-b": 0})

    first = await catalog.post("/internal/stock-counts", json=body)
    sold = {"location_id": str(place), "delta": -1, "reason": "broken"}
    await staff.post(f"/v1/stock/{sku}-a/adjustments", json=sold)
    again = await catalog.post("/internal/stock-counts", json=body)

    assert (first.status_code, first.json()) == (200, {"applied": 2, "repeated": 0})
    assert again.json() == {"applied": 0, "repeated": 2}
    assert (await figures(f"{sku}-a"))["on_hand"] == 2
    assert (await figures(f"{sku}-b"))["on_hand"] == 0


async def test_five_hundred_lines_cost_no_more_than_a_few_statements(
    catalog: Api,
    make_location: MakeLocation,
    statements: Callable[[], AbstractAsyncContextManager[StatementCount]],
    probe: EventProbe,
    sku: str,
) -> None:
    body = counts(await make_location(), f"import-{sku}", {f"{sku}-{number}": number for number in range(500)})

    async with statements() as count:
        assert (await catalog.post("/internal/stock-counts", json=body)).json()["applied"] == 500

    assert count.total <= 10
    changed = [event.data.model_dump()["object"]["sku"] for event in await probe.events("stock.changed")]
    assert len([each for each in changed if each.startswith(sku)]) == 500
    assert await probe.events("stock.out", "stock.low", "stock.replenished") == []


async def test_of_two_lines_for_a_sku_the_last_one_counts(
    catalog: Api, make_location: MakeLocation, figures: Figures, sku: str
) -> None:
    body = counts(await make_location(), f"import-{sku}", {sku: 3})
    body["lines"].append({"key": f"import-{sku}:9", "sku": sku, "count": 7})

    assert (await catalog.post("/internal/stock-counts", json=body)).json()["applied"] == 2
    assert (await figures(sku))["on_hand"] == 7


async def test_an_unknown_location_is_told_and_takes_no_key(
    catalog: Api, make_location: MakeLocation, sku: str
) -> None:
    unknown = await catalog.post("/internal/stock-counts", json=counts(uuid4(), f"import-{sku}", {sku: 3}))
    place = await make_location()
    known = await catalog.post("/internal/stock-counts", json=counts(place, f"import-{sku}", {sku: 3}))

    assert (unknown.status_code, unknown.json()["type"]) == (404, "/problems/location-not-found")
    assert known.json()["applied"] == 1
    assert (await catalog.get(f"/internal/locations/{place}")).status_code == 200
    assert (await catalog.get(f"/internal/locations/{uuid4()}")).status_code == 404


async def test_only_catalog_counts(staff: Api, orders: Api) -> None:
    assert (await staff.post("/internal/stock-counts", json={})).status_code in {401, 403, 422}
    assert (await orders.post("/internal/stock-counts", json=counts(uuid4(), "x", {"A": 1}))).status_code == 403
