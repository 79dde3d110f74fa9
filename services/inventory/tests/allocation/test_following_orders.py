"""Stock follows its order: the same end however often, late or out of order its events come."""

from collections.abc import Awaitable, Callable
from itertools import permutations
from typing import Any
from uuid import UUID, uuid4

import pytest

from common.database import Database
from common.inbox import Permanent
from common.invariants import run_invariants
from common.testing import Api, EventProbe
from inventory.allocation import service
from inventory.allocation.rules import Order
from inventory.invariants import INVARIANTS, paid_orders_have_their_units
from inventory.testing import order_cancelled, order_placed, order_shipped

MakeLocation = Callable[..., Awaitable[UUID]]
SetStock = Callable[..., Awaitable[None]]
Figures = Callable[[str], Awaitable[dict[str, int]]]
Deliver = Callable[..., Awaitable[UUID]]
Ledger = Callable[[str], Awaitable[list[tuple[str, int, int]]]]


@pytest.fixture
def ledger(database: Database) -> Ledger:
    """A SKU's movements: kind, quantity, on hand after."""

    async def read(sku: str) -> list[tuple[str, int, int]]:
        async with database.acquire() as connection:
            rows = await connection.fetch(
                "SELECT kind, quantity, on_hand_after FROM stock_movement WHERE sku = $1 ORDER BY id", sku
            )
        return [tuple(row) for row in rows]

    return read


@pytest.fixture
def buy(orders: Api) -> Callable[..., Awaitable[UUID]]:
    """Hold and confirm units, as a checkout does; returns the id of the order to come."""

    async def hold_and_confirm(lines: dict[str, int]) -> UUID:
        order_id = uuid4()
        body = {"id": str(order_id), "lines": [{"sku": sku, "quantity": units} for sku, units in lines.items()]}
        assert (await orders.post("/internal/reservations", json=body)).status_code == 200
        assert (await orders.post(f"/internal/reservations/{order_id}/confirm")).status_code == 200
        return order_id

    return hold_and_confirm


Buy = Callable[..., Awaitable[UUID]]


async def broken(database: Database) -> list[str]:
    return [str(violation) for violation in await run_invariants(database, INVARIANTS)]


async def test_a_placed_order_turns_its_hold_into_an_allocation(
    make_location: MakeLocation,
    set_stock: SetStock,
    figures: Figures,
    buy: Buy,
    deliver: Deliver,
    probe: EventProbe,
    database: Database,
    sku: str,
) -> None:
    await set_stock(sku, 5, await make_location())
    order_id = await buy({sku: 2})

    event_id = await deliver(order_placed(order_id, {sku: 2}))
    await deliver(order_placed(order_id, {sku: 2}), event_id=event_id)
    await deliver(order_placed(order_id, {sku: 2}))

    after = await figures(sku)
    assert (after["on_hand"], after["reserved"], after["allocated"], after["available"]) == (5, 0, 2, 3)
    changed = [event.data.model_dump() for event in await probe.events("stock.changed")]
    (allocated,) = [
        data for data in changed if data["object"]["sku"] == sku and data["movement"]["kind"] == "allocation"
    ]
    assert allocated["changed"] == ["/reserved", "/allocated"]
    assert allocated["movement"]["reference"] == str(order_id)
    assert await broken(database) == []


async def test_parcels_leave_the_ledger_and_the_shelf(
    make_location: MakeLocation,
    set_stock: SetStock,
    figures: Figures,
    buy: Buy,
    deliver: Deliver,
    ledger: Ledger,
    database: Database,
    sku: str,
) -> None:
    await set_stock(sku, 5, await make_location())
    order_id = await buy({sku: 3})
    await deliver(order_placed(order_id, {sku: 3}))
    parcel = order_shipped(order_id, {sku: 3}, {sku: 2})

    await deliver(parcel)
    await deliver(parcel)  # again, under another event id
    await deliver(order_shipped(order_id, {sku: 3}, {sku: 1}))

    after = await figures(sku)
    assert (after["on_hand"], after["allocated"], after["available"]) == (2, 0, 2)
    assert await ledger(sku) == [("count", 5, 5), ("shipment", -2, 3), ("shipment", -1, 2)]
    assert await broken(database) == []


async def test_a_cancelled_order_gives_back_all(
    make_location: MakeLocation,
    set_stock: SetStock,
    figures: Figures,
    buy: Buy,
    deliver: Deliver,
    ledger: Ledger,
    sku: str,
) -> None:
    await set_stock(sku, 5, await make_location())
    order_id = await buy({sku: 3})
    await deliver(order_placed(order_id, {sku: 3}))

    await deliver(order_cancelled(order_id, {sku: 3}))
    await deliver(order_cancelled(order_id, {sku: 3}))

    after = await figures(sku)
    assert (after["on_hand"], after["reserved"], after["allocated"], after["available"]) == (5, 0, 0, 5)
    assert await ledger(sku) == [("count", 5, 5)]


async def test_every_order_of_arrival_ends_the_same(
    make_location: MakeLocation,
    set_stock: SetStock,
    figures: Figures,
    buy: Buy,
    deliver: Deliver,
    database: Database,
    sku: str,
) -> None:
    """Placed, two parcels and a cancellation, in all 24 orders, each event twice."""
    place = await make_location()
    ends = set()
    for number, arrival in enumerate(permutations(range(4))):
        each = f"{sku}-{number}"
        await set_stock(each, 9, place)
        order_id = await buy({each: 5})
        events: list[Any] = [
            order_placed(order_id, {each: 5}),
            order_shipped(order_id, {each: 5}, {each: 1}),
            order_shipped(order_id, {each: 5}, {each: 2}),
            order_cancelled(order_id, {each: 5}),
        ]
        for index in arrival:
            await deliver(events[index])
            await deliver(events[index])
        after = await figures(each)
        ends.add((after["on_hand"], after["reserved"], after["allocated"], after["available"]))

    assert ends == {(6, 0, 0, 6)}
    assert await broken(database) == []


async def test_a_cancellation_before_the_order_keeps_it_from_allocating(
    make_location: MakeLocation, set_stock: SetStock, figures: Figures, deliver: Deliver, orders: Api, sku: str
) -> None:
    await set_stock(sku, 5, await make_location())
    order_id = uuid4()

    await deliver(order_cancelled(order_id, {sku: 2}))
    await deliver(order_placed(order_id, {sku: 2}))
    body = {"id": str(order_id), "lines": [{"sku": sku, "quantity": 2}]}
    late = await orders.post("/internal/reservations", json=body)

    assert late.status_code == 409
    after = await figures(sku)
    assert (after["reserved"], after["allocated"]) == (0, 0)


async def test_an_order_without_its_hold_gets_what_is_there(
    make_location: MakeLocation, set_stock: SetStock, figures: Figures, deliver: Deliver, orders: Api, sku: str
) -> None:
    await set_stock(sku, 1, await make_location(priority=1))
    await set_stock(sku, 4, await make_location(priority=2))
    order_id = uuid4()

    await deliver(order_placed(order_id, {sku: 3}))
    body = {"id": str(order_id), "lines": [{"sku": sku, "quantity": 3}]}
    late = await orders.post("/internal/reservations", json=body)

    assert (await figures(sku))["allocated"] == 3
    assert (await figures(sku))["short"] == 0
    assert (late.status_code, late.json()["type"]) == (409, "/problems/reservation-allocated")
    assert (await figures(sku))["reserved"] == 0


async def test_an_order_without_hold_or_stock_is_owed_its_units_and_told_of(
    make_location: MakeLocation,
    set_stock: SetStock,
    figures: Figures,
    deliver: Deliver,
    database: Database,
    probe: EventProbe,
    sku: str,
) -> None:
    place = await make_location()
    await set_stock(sku, 1, place)

    await deliver(order_placed(uuid4(), {sku: 3}))

    after = await figures(sku)
    assert (after["on_hand"], after["allocated"], after["available"], after["short"]) == (1, 3, -2, 2)
    outs = [event.data.model_dump()["object"]["sku"] for event in await probe.events("stock.out")]
    assert outs.count(sku) == 1
    assert [row.row["sku"] for row in await run_invariants(database, [paid_orders_have_their_units])] == [sku]

    await set_stock(sku, 3, place)

    assert (await figures(sku))["short"] == 0
    assert await run_invariants(database, [paid_orders_have_their_units]) == []


async def test_a_parcel_of_units_that_nobody_counted_corrects_the_ledger_first(
    make_location: MakeLocation,
    set_stock: SetStock,
    figures: Figures,
    buy: Buy,
    deliver: Deliver,
    ledger: Ledger,
    database: Database,
    sku: str,
) -> None:
    place = await make_location()
    await set_stock(sku, 3, place)
    order_id = await buy({sku: 3})
    await deliver(order_placed(order_id, {sku: 3}))
    await set_stock(sku, 1, place)

    await deliver(order_shipped(order_id, {sku: 3}, {sku: 3}))

    assert await ledger(sku) == [("count", 3, 3), ("count", -2, 1), ("correction", 2, 3), ("shipment", -3, 0)]
    after = await figures(sku)
    assert (after["on_hand"], after["allocated"], after["short"]) == (0, 0, 0)
    assert await broken(database) == []


async def test_an_order_without_any_location_is_put_aside(database: Database, sku: str) -> None:
    placed = order_placed(uuid4(), {sku: 1})
    order = Order(snapshot=placed.object, event=None, goes_out=True)  # type: ignore[arg-type] # not looked at
    with pytest.raises(Permanent, match="no location"):
        async with database.uow() as uow:
            await uow.execute("CREATE TEMPORARY TABLE location (LIKE location) ON COMMIT DROP")  # hides all there are
            await service.allocate_without_hold(uow, order)
