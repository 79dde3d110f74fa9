"""Parcels: what leaves is counted once, paid for to the cent, and followed to the door."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from common.database import Database
from common.invariants import run_invariants
from common.money import Money
from common.testing import Api, EventProbe
from orders.invariants import INVARIANTS
from orders.testing import MakeOrder, MakeProduct, WatchedPayments, away, told

RunJobs = Callable[[], Awaitable[None]]
Order = dict[str, Any]


@pytest.fixture(autouse=True)
async def _nothing_broken(database: Database) -> Any:  # noqa: ANN401 - a generator
    yield
    assert await run_invariants(database, INVARIANTS) == []


@pytest.fixture
def warehouse(api: Api) -> Api:
    """Someone who ships."""
    return api.as_user(scopes="orders:read orders:fulfil")


async def ship(warehouse: Api, order: Order, lines: Any, **parcel: Any) -> Any:  # noqa: ANN401 - bodies
    return await warehouse.post(f"/v1/orders/{order['id']}/fulfilments", json={"lines": lines} | parcel)


async def scan(warehouse: Api, shipment: dict[str, Any], status: str, minutes: int = 0) -> Any:  # noqa: ANN401 - response
    at = datetime.now(UTC) - timedelta(hours=2) + timedelta(minutes=minutes)
    return await warehouse.post(
        f"/v1/shipments/{shipment['id']}/tracking", json={"status": status, "at": at.isoformat()}
    )


async def read(warehouse: Api, order: Order) -> Order:
    document: Order = (await warehouse.get(f"/v1/orders/{order['id']}")).json()
    return document


async def test_an_order_leaves_in_parts_and_is_paid_to_the_cent(
    make_product: MakeProduct, make_order: MakeOrder, warehouse: Api, run_jobs: RunJobs, probe: EventProbe
) -> None:
    await make_product("PART-A", prices=[Money(amount=333, currency="EUR")])
    await make_product("PART-B", prices=[Money(amount=1000, currency="EUR")])
    order = await make_order({"PART-A": 3, "PART-B": 1})
    key = UUID(order["id"])

    first = await ship(
        warehouse, order, {"PART-A": 2}, carrier="Paketpost", tracking_number="T1",
        tracking_url="https://track.example/T1", weight_grams=900,
    )  # fmt: skip
    assert first.status_code == 201, first.text
    assert [(line["sku"], line["quantity"]) for line in first.json()["remaining"]] == [("PART-A", 1), ("PART-B", 1)]
    await run_jobs()
    partly = await read(warehouse, order)
    assert (partly["fulfilment_status"], partly["payment_status"]) == ("partial", "partly_paid")
    assert partly["captured"]["amount"] == 666 + 490
    assert await told(probe, "order.paid", key) == []

    line = next(line["id"] for line in order["lines"] if line["sku"] == "PART-A")
    second = await ship(warehouse, order, [{"line_id": line, "quantity": 1}, {"sku": "PART-B", "quantity": 1}])
    assert second.json()["remaining"] == []
    await run_jobs()
    paid = await read(warehouse, order)
    assert (paid["fulfilment_status"], paid["payment_status"]) == ("fulfilled", "paid")
    assert paid["captured"] == paid["total"] == {"amount": 1999 + 490, "currency": "EUR"}
    shipped = await told(probe, "order.shipped", key)
    assert [len(event.data.remaining) for event in shipped] == [2, 0]
    assert shipped[0].data.parcel.tracking_number == "T1"
    assert shipped[0].data.changed == ["/lines/0/shipped_quantity", "/fulfilment_status"]
    [event] = await told(probe, "order.paid", key)
    assert event.data.captured.amount == 2489
    assert event.data.changed == ["/captured", "/payment_status"]
    listed = (await warehouse.get(f"/v1/orders/{order['id']}/shipments")).json()["items"]
    assert [shipment["id"] for shipment in listed] == [first.json()["id"], second.json()["id"]]


async def test_units_sent_once_are_not_open_again(
    make_product: MakeProduct, make_order: MakeOrder, warehouse: Api, probe: EventProbe
) -> None:
    await make_product("ONCE")
    order = await make_order({"ONCE": 2})
    await ship(warehouse, order, {"ONCE": 2})

    refused = await ship(warehouse, order, {"ONCE": 2})

    assert (refused.status_code, refused.json()["type"]) == (409, "/problems/nothing-left-to-ship")
    assert refused.json()["still_open"] == 0
    assert len(await told(probe, "order.shipped", UUID(order["id"]))) == 1


async def test_parallel_parcels_take_each_unit_once(
    make_product: MakeProduct, make_order: MakeOrder, warehouse: Api, run_jobs: RunJobs
) -> None:
    await make_product("PARALLEL")
    order = await make_order({"PARALLEL": 3})
    answers = await asyncio.gather(*(ship(warehouse, order, {"PARALLEL": 1}) for _ in range(6)))
    assert Counter(answer.status_code for answer in answers) == {201: 3, 409: 3}
    await run_jobs()
    assert (await read(warehouse, order))["payment_status"] == "paid"


async def test_two_lines_of_one_sku_are_summed(
    make_product: MakeProduct, make_order: MakeOrder, warehouse: Api
) -> None:
    await make_product("DOUBLE")
    order = await make_order({"DOUBLE": 3})
    twice = [{"sku": "DOUBLE", "quantity": 2}, {"sku": "DOUBLE", "quantity": 2}]
    refused = await ship(warehouse, order, twice)
    assert (refused.status_code, refused.json()["still_open"]) == (409, 3)


async def test_a_repeated_hand_over_is_one_parcel(
    make_product: MakeProduct, make_order: MakeOrder, warehouse: Api
) -> None:
    await make_product("REPEAT")
    order = await make_order({"REPEAT": 2})
    path, body = f"/v1/orders/{order['id']}/fulfilments", {"lines": {"REPEAT": 1}}
    first = await warehouse.post(path, json=body, headers={"Idempotency-Key": "parcel-1"})
    again = await warehouse.post(path, json=body, headers={"Idempotency-Key": "parcel-1"})
    assert again.content == first.content
    assert len((await warehouse.get(f"/v1/orders/{order['id']}/shipments")).json()["items"]) == 1
    missing = await warehouse.post(path, json=body, headers={"Idempotency-Key": None})
    assert missing.json()["type"] == "/problems/idempotency-key-missing"


async def test_a_capture_waits_for_the_provider(
    make_product: MakeProduct,
    make_order: MakeOrder,
    warehouse: Api,
    payments: WatchedPayments,
    run_jobs: RunJobs,
    database: Database,
) -> None:
    await make_product("WAITING")
    order = await make_order({"WAITING": 1})
    payments.before = away("capture")
    await ship(warehouse, order, {"WAITING": 1})
    await run_jobs()
    assert (await read(warehouse, order))["payment_status"] == "authorised"

    payments.before = None
    async with database.acquire() as connection:
        await connection.execute("UPDATE pgqueuer SET execute_after = clock_timestamp()")
    await run_jobs()

    assert (await read(warehouse, order))["payment_status"] == "paid"


async def test_an_order_is_delivered_once_with_its_last_parcel(
    make_product: MakeProduct, make_order: MakeOrder, warehouse: Api, run_jobs: RunJobs, probe: EventProbe
) -> None:
    await make_product("DOOR")
    order = await make_order({"DOOR": 2})
    key = UUID(order["id"])
    first = (await ship(warehouse, order, {"DOOR": 1})).json()
    assert (await scan(warehouse, first, "delivered")).json()["status"] == "delivered"
    assert await told(probe, "order.delivered", key) == []  # a part is still to come
    second = (await ship(warehouse, order, {"DOOR": 1})).json()
    await run_jobs()
    for status, minutes in (("in_transit", 5), ("picked_up", 1), ("out_for_delivery", 7), ("delivered", 9)):
        assert (await scan(warehouse, second, status, minutes)).status_code == 200
    assert (await scan(warehouse, second, "delivered", 10)).status_code == 200

    [event] = await told(probe, "order.delivered", key)
    assert event.data.parcel.id == UUID(second["id"])
    delivered = await read(warehouse, order)
    assert (delivered["status"], delivered["fulfilment_status"]) == ("closed", "delivered")
    [_, shown] = (await warehouse.get(f"/v1/orders/{order['id']}/shipments")).json()["items"]
    assert [(each["status"], each["moved"]) for each in shown["tracking"]] == [
        ("picked_up", False),
        ("in_transit", True),
        ("out_for_delivery", True),
        ("delivered", True),
        ("delivered", False),
    ]


async def test_delivered_before_paid_closes_when_paid(
    make_product: MakeProduct, make_order: MakeOrder, warehouse: Api, run_jobs: RunJobs, probe: EventProbe
) -> None:
    await make_product("FASTER")
    order = await make_order({"FASTER": 1})
    parcel = (await ship(warehouse, order, {"FASTER": 1})).json()
    await scan(warehouse, parcel, "delivered")
    assert (await read(warehouse, order))["status"] == "open"
    await run_jobs()
    assert (await read(warehouse, order))["status"] == "closed"
    [event] = await told(probe, "order.paid", UUID(order["id"]))
    assert "/status" in event.data.changed


async def test_a_free_order_is_paid_with_its_first_parcel(
    make_product: MakeProduct, make_order: MakeOrder, warehouse: Api, run_jobs: RunJobs, probe: EventProbe
) -> None:
    await make_product("GIFT", prices=[Money(amount=0, currency="EUR")], requires_shipping=False)
    await make_product("GIFT-2", prices=[Money(amount=20000, currency="EUR")])
    order = await make_order({"GIFT": 2, "GIFT-2": 1})
    await ship(warehouse, order, {"GIFT": 1})  # shipping was free too: nothing to take
    await run_jobs()
    assert (await read(warehouse, order))["payment_status"] == "authorised"
    await ship(warehouse, order, {"GIFT": 1, "GIFT-2": 1})
    await run_jobs()
    assert len(await told(probe, "order.paid", UUID(order["id"]))) == 1


async def test_only_the_warehouse_ships(
    api: Api, make_product: MakeProduct, make_order: MakeOrder, warehouse: Api
) -> None:
    await make_product("MAYNOT")
    order = await make_order({"MAYNOT": 1})
    for caller, status in ((api, 401), (api.as_customer(), 403), (api.as_user(scopes="orders:read"), 403)):
        assert (await ship(caller, order, {"MAYNOT": 1})).status_code == status
    parcel = (await ship(warehouse, order, {"MAYNOT": 1})).json()
    for caller, status in ((api, 401), (api.as_customer(), 403)):
        assert (await scan(caller, parcel, "delivered")).status_code == status
    assert (await api.as_customer().get(f"/v1/orders/{order['id']}/shipments")).status_code == 404
    assert (await ship(warehouse, {"id": str(uuid4())}, {"MAYNOT": 1})).status_code == 404
    assert (await scan(warehouse, {"id": str(uuid4())}, "delivered")).status_code == 404


BAD: list[tuple[dict[str, Any], str]] = [
    ({"lines": {}}, "/lines"),
    ({"lines": [{"sku": "BADPARCEL", "quantity": 0}]}, "/lines/0/quantity"),
    ({"lines": {"ANOTHER": 1}}, "/lines/0/sku"),
    ({"lines": [{"quantity": 1}]}, "/lines/0"),
    ({"lines": [{"line_id": str(uuid4()), "quantity": 1}]}, "/lines/0/line_id"),
    ({"lines": {"BADPARCEL": 1}, "tracking_url": "javascript:alert(1)"}, "/tracking_url"),
    ({"lines": {"BADPARCEL": 1}, "weight_grams": 0}, "/weight_grams"),
    ({"lines": {"BADPARCEL": 1}, "carrier": "\u0000"}, "/carrier"),
]


@pytest.mark.parametrize(("body", "pointer"), BAD)
async def test_bad_parcels_are_pointed_at_and_change_nothing(
    make_product: MakeProduct, make_order: MakeOrder, warehouse: Api, body: dict[str, Any], pointer: str
) -> None:
    await make_product("BADPARCEL")
    order = await make_order({"BADPARCEL": 1})
    refused = await warehouse.post(f"/v1/orders/{order['id']}/fulfilments", json=body)
    assert refused.status_code == 422, refused.text
    assert [error["pointer"] for error in refused.json()["errors"]] == [pointer]
    assert await read(warehouse, order) == order


async def test_a_scan_from_the_future_is_refused(
    make_product: MakeProduct, make_order: MakeOrder, warehouse: Api
) -> None:
    await make_product("FUTURE")
    order = await make_order({"FUTURE": 1})
    parcel = (await ship(warehouse, order, {"FUTURE": 1})).json()
    for minutes, status, pointer in ((2 * 60 + 60, "delivered", "/at"), (0, "teleported", "/status")):
        refused = await scan(warehouse, parcel, status, minutes)
        assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, pointer)
