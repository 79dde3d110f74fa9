"""Alerts reach the outbox once for each crossing, whatever moves the stock."""

from collections.abc import Awaitable, Callable
from uuid import UUID, uuid4

import pytest

from common.testing import Api, EventProbe

MakeLocation = Callable[..., Awaitable[UUID]]
SetStock = Callable[..., Awaitable[None]]
Alerts = Callable[[str], Awaitable[list[str]]]


@pytest.fixture
def alerts(probe: EventProbe) -> Alerts:
    """A SKU's alerts, oldest first."""

    async def read(sku: str) -> list[str]:
        found = await probe.events("stock.low", "stock.out", "stock.replenished")
        return [event.type for event in found if event.data.model_dump()["object"]["sku"] == sku]

    return read


async def test_low_comes_once_a_crossing_and_replenished_re_arms_it(
    make_location: MakeLocation, set_stock: SetStock, alerts: Alerts, probe: EventProbe, sku: str
) -> None:
    place = await make_location()
    await set_stock(sku, 30, place, reorder_point=20)
    assert await alerts(sku) == []

    for units in (20, 21, 19, 21, 20):
        await set_stock(sku, units, place)
    assert await alerts(sku) == ["stock.low"]

    for units in (22, 20, 0, 5, 0, 21, 22):
        await set_stock(sku, units, place)
    assert await alerts(sku) == [
        "stock.low", "stock.replenished", "stock.low", "stock.out", "stock.replenished",
    ]  # fmt: skip
    (first, *_) = await probe.events("stock.low")
    assert first.sequence == 1


async def test_a_checkout_that_takes_the_last_units_gives_the_alerts(
    orders: Api, make_location: MakeLocation, set_stock: SetStock, alerts: Alerts, sku: str
) -> None:
    await set_stock(sku, 3, await make_location(), reorder_point=1)
    held = {"id": str(uuid4()), "lines": [{"sku": sku, "quantity": 3}]}

    await orders.post("/internal/reservations", json=held)
    assert await alerts(sku) == ["stock.low", "stock.out"]

    await orders.post(f"/internal/reservations/{held['id']}/release")
    assert await alerts(sku) == ["stock.low", "stock.out", "stock.replenished"]


async def test_a_level_without_reorder_point_runs_out_all_the_same(
    make_location: MakeLocation, set_stock: SetStock, alerts: Alerts, sku: str
) -> None:
    place = await make_location()
    for units in (0, 2, 0, 0):
        await set_stock(sku, units, place)

    assert await alerts(sku) == ["stock.replenished", "stock.out"]


async def test_each_location_has_alerts_of_its_own(
    make_location: MakeLocation, set_stock: SetStock, probe: EventProbe, sku: str
) -> None:
    first, second = await make_location(), await make_location()
    for place in (first, second):
        await set_stock(sku, 9, place, reorder_point=5)

    await set_stock(sku, 4, second)

    lows = [event.data.model_dump()["object"] for event in await probe.events("stock.low")]
    assert [low["location_id"] for low in lows if low["sku"] == sku] == [second]


async def test_setting_the_point_above_what_is_there_is_a_crossing(
    staff: Api, make_location: MakeLocation, set_stock: SetStock, alerts: Alerts, probe: EventProbe, sku: str
) -> None:
    place = await make_location()
    await set_stock(sku, 9, place)
    point = {"location_id": str(place), "reorder_point": 10, "safety": 2}

    first = await staff.put(f"/v1/stock/{sku}/reorder-point", json=point)
    before = len(await probe.events())
    again = await staff.put(f"/v1/stock/{sku}/reorder-point", json=point)

    assert (first.status_code, first.json()["available"], first.json()["reorder_point"]) == (200, 7, 10)
    assert again.headers["etag"] == first.headers["etag"]
    assert len(await probe.events()) == before
    assert await alerts(sku) == ["stock.low"]


async def test_second_editor_of_a_reorder_point_gets_412(
    staff: Api, make_location: MakeLocation, set_stock: SetStock, sku: str
) -> None:
    place = await make_location()
    await set_stock(sku, 9, place)
    seen = {"If-Match": (await staff.get(f"/v1/stock/{sku}")).headers["etag"]}

    async def put(point: int) -> int:
        body = {"location_id": str(place), "reorder_point": point}
        return (await staff.put(f"/v1/stock/{sku}/reorder-point", json=body, headers=seen)).status_code

    assert [await put(3), await put(4)] == [200, 412]
    assert (await staff.get(f"/v1/stock/{sku}")).json()["locations"][0]["reorder_point"] == 3


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"reorder_point": -1}, "/reorder_point"),
        ({"reorder_point": True}, "/reorder_point"),
        ({"reorder_point": 2**63}, "/reorder_point"),
        ({"safety": 1.5}, "/safety"),
        ({"more": 1}, "/more"),
    ],
)
async def test_a_bad_reorder_point_is_refused(
    staff: Api, make_location: MakeLocation, sku: str, change: dict[str, object], pointer: str
) -> None:
    body = {"location_id": str(await make_location()), "reorder_point": 1} | change

    answer = await staff.put(f"/v1/stock/{sku}/reorder-point", json=body)

    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, pointer)
