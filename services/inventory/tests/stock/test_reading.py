"""Who sees what of stock: staff the figures, everyone else whether it can be bought."""

from collections.abc import Awaitable, Callable
from uuid import UUID, uuid4

import pytest

from common.events.contracts.catalog import ProductCreated, ProductUpdated
from common.testing import Api
from inventory.testing import product_event

MakeLocation = Callable[..., Awaitable[UUID]]
SetStock = Callable[..., Awaitable[None]]
Deliver = Callable[..., Awaitable[UUID]]


async def test_the_public_sees_no_figures(api: Api, make_location: MakeLocation, set_stock: SetStock, sku: str) -> None:
    place = await make_location()
    await set_stock(f"{sku}-much", 9, place, reorder_point=3)
    await set_stock(f"{sku}-low", 2, place, reorder_point=3)
    await set_stock(f"{sku}-none", 0, place)
    await set_stock(f"{sku}-closed", 5, await make_location(active=False))
    skus = [f"{sku}-{end}" for end in ("none", "much", "low", "closed", "unknown")]

    listed = await api.get("/v1/stock", params={"sku": skus})
    one = await api.get(f"/v1/stock/{sku}-low")

    assert listed.json() == {
        "items": [
            {"sku": f"{sku}-none", "available": False},
            {"sku": f"{sku}-much", "available": True},
            {"sku": f"{sku}-low", "available": "low"},
            {"sku": f"{sku}-closed", "available": False},
            {"sku": f"{sku}-unknown", "available": False},
        ],
        "next": None,
    }
    assert one.json() == {"sku": f"{sku}-low", "available": "low"}
    assert one.headers["etag"].startswith('"')


async def test_staff_see_each_location_and_totals(
    staff: Api, make_location: MakeLocation, set_stock: SetStock, deliver: Deliver, sku: str
) -> None:
    first, second = await make_location(priority=1), await make_location(priority=2)
    await set_stock(sku, 4, second)
    await set_stock(sku, 3, first, reorder_point=5)
    await deliver(product_event(ProductCreated, uuid4(), title="Mug", variants={sku: "Blue", f"{sku}-x": "Red"}))

    answer = await staff.get(f"/v1/stock/{sku}")

    seen = answer.json()
    assert (seen["title"], seen["totals"]["on_hand"], seen["totals"]["available"]) == ("Mug, Blue", 7, 7)
    assert [(level["location_id"], level["on_hand"]) for level in seen["locations"]] == [
        (str(first), 3), (str(second), 4),
    ]  # fmt: skip
    assert answer.headers["etag"] == '"3"'


async def test_staff_page_through_what_is_low(
    staff: Api, make_location: MakeLocation, set_stock: SetStock, sku: str
) -> None:
    place = await make_location()
    for number in range(5):
        await set_stock(f"{sku}-{number}", number, place, reorder_point=2)
    params = {"location_id": str(place), "below_reorder_point": "true", "limit": 2}

    first = (await staff.get("/v1/stock", params=params)).json()
    second = (await staff.get("/v1/stock", params=params | {"after": first["next"]})).json()
    strange = await staff.get("/v1/stock", params={"limit": 2, "after": first["next"]})

    assert [level["sku"] for level in first["items"] + second["items"]] == [f"{sku}-{number}" for number in range(3)]
    assert second["next"] is None
    assert (strange.status_code, strange.json()["type"]) == (400, "/problems/invalid-cursor")


async def test_a_draft_is_unknown_to_the_public(
    api: Api, staff: Api, make_location: MakeLocation, set_stock: SetStock, deliver: Deliver, sku: str
) -> None:
    product_id = uuid4()
    await set_stock(sku, 5, await make_location())
    await deliver(product_event(ProductCreated, product_id, title="Mug", variants={sku: "Blue"}, status="draft"))

    assert (await api.get(f"/v1/stock/{sku}")).status_code == 404
    assert (await api.get("/v1/stock", params={"sku": sku})).json()["items"] == [{"sku": sku, "available": False}]
    assert (await staff.get(f"/v1/stock/{sku}")).json()["title"] == "Mug"

    await deliver(product_event(ProductUpdated, product_id, title="Mug", variants={sku: "Blue"}))
    assert (await api.get(f"/v1/stock/{sku}")).json()["available"] is True


async def test_a_sku_that_nobody_knows_is_404(api: Api, staff: Api, sku: str) -> None:
    for caller in (api, staff):
        answer = await caller.get(f"/v1/stock/{sku}")
        assert (answer.status_code, answer.json()["type"]) == (404, "/problems/stock-not-found")


@pytest.mark.parametrize(
    ("query", "status", "pointer"),
    [
        ("", 422, "/query/sku"),
        ("?sku=A%00", 422, "/query/sku/0"),
        ("?" + "&".join(["sku=A"] * 101), 422, "/query/sku"),
        ("?sku=A&below_reorder_point=true", 403, None),
        ("?sku=A&limit=201", 422, "/query/limit"),
        ("?sku=A&location_id=here", 422, "/query/location_id"),
    ],
)
async def test_a_bad_question_is_refused(api: Api, query: str, status: int, pointer: str | None) -> None:
    answer = await api.get(f"/v1/stock{query}")

    assert answer.status_code == status
    assert pointer is None or answer.json()["errors"][0]["pointer"] == pointer
