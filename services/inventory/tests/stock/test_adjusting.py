"""Setting what lies at a location: ledger and level together, once for each intention."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest

from common.database import Database
from common.testing import Api, EventProbe

MakeLocation = Callable[..., Awaitable[UUID]]
SetStock = Callable[..., Awaitable[None]]
Figures = Callable[[str], Awaitable[dict[str, int]]]

LEDGER = "SELECT kind, quantity, on_hand_after, reason, reference, actor FROM stock_movement WHERE sku = $1 ORDER BY id"


def adjustment(location_id: UUID, **change: object) -> dict[str, Any]:
    return {"location_id": str(location_id), "reason": "delivery", **change}


async def test_a_difference_and_a_count_are_rows_of_the_ledger(
    staff: Api, make_location: MakeLocation, database: Database, probe: EventProbe, sku: str
) -> None:
    place = await make_location()

    first = await staff.post(f"/v1/stock/{sku}/adjustments", json=adjustment(place, delta=7, reference="DN-1"))
    second = await staff.post(f"/v1/stock/{sku}/adjustments", json=adjustment(place, count=5, reason="counted"))
    third = await staff.post(f"/v1/stock/{sku}/adjustments", json=adjustment(place, count=5, reason="again"))

    assert [answer.status_code for answer in (first, second, third)] == [201] * 3
    assert first.json()["movement"]["quantity"] == 7
    assert second.json()["level"]["on_hand"] == 5
    async with database.acquire() as connection:
        rows = [tuple(row) for row in await connection.fetch(LEDGER, sku)]
    assert rows == [
        ("adjustment", 7, 7, "delivery", "DN-1", "warehouse-1"),
        ("count", -2, 5, "counted", None, "warehouse-1"),
        ("count", 0, 5, "again", None, "warehouse-1"),
    ]
    changed = [
        event for event in await probe.events("stock.changed") if event.data.model_dump()["object"]["sku"] == sku
    ]
    assert [event.data.changed for event in changed] == [[], ["/on_hand", "/available"]]
    assert [event.sequence for event in changed] == [1, 2]


async def test_a_stale_expectation_is_told_the_actual_figure(
    staff: Api, make_location: MakeLocation, set_stock: SetStock, figures: Figures, sku: str
) -> None:
    place = await make_location()
    await set_stock(sku, 5, place)

    stale = await staff.post(f"/v1/stock/{sku}/adjustments", json=adjustment(place, count=9, expected=4))
    fresh = await staff.post(f"/v1/stock/{sku}/adjustments", json=adjustment(place, count=9, expected=5))

    assert (stale.status_code, stale.json()["type"], stale.json()["actual"]) == (409, "/problems/stock-changed", 5)
    assert fresh.status_code == 201
    assert (await figures(sku))["on_hand"] == 9


async def test_less_than_nothing_cannot_lie_there(
    staff: Api, make_location: MakeLocation, set_stock: SetStock, figures: Figures, probe: EventProbe, sku: str
) -> None:
    place = await make_location()
    await set_stock(sku, 5, place)
    before = len(await probe.events())

    refused = await staff.post(f"/v1/stock/{sku}/adjustments", json=adjustment(place, delta=-6))

    assert (refused.status_code, refused.json()["type"]) == (409, "/problems/not-enough-on-hand")
    assert (await figures(sku))["on_hand"] == 5
    assert len(await probe.events()) == before


async def test_a_count_below_what_is_promised_is_taken_and_shown_as_short(
    staff: Api, orders: Api, make_location: MakeLocation, set_stock: SetStock, figures: Figures, sku: str
) -> None:
    place = await make_location()
    await set_stock(sku, 5, place)
    hold = {"id": str(uuid4()), "lines": [{"sku": sku, "quantity": 4}]}
    await orders.post("/internal/reservations", json=hold)

    await set_stock(sku, 1, place)

    after = await figures(sku)
    assert (after["on_hand"], after["reserved"], after["available"], after["short"]) == (1, 4, -3, 3)
    assert (await orders.post("/internal/reservations", json=hold | {"id": str(uuid4())})).status_code == 409
    await orders.post(f"/internal/reservations/{hold['id']}/release")
    assert (await figures(sku))["short"] == 0


async def test_one_key_adjusts_once_even_at_the_same_time(
    staff: Api, make_location: MakeLocation, figures: Figures, sku: str
) -> None:
    place = await make_location()
    headers = {"Idempotency-Key": str(uuid4())}

    async def send() -> tuple[int, bytes]:
        answer = await staff.post(f"/v1/stock/{sku}/adjustments", json=adjustment(place, delta=3), headers=headers)
        return answer.status_code, answer.content

    answers = await asyncio.gather(*(send() for _ in range(8)))
    after = await send()

    assert {status for status, _ in answers} <= {201, 409}
    assert after[0] == 201
    assert {body for status, body in answers if status == 201} == {after[1]}
    assert (await figures(sku))["on_hand"] == 3


async def test_an_adjustment_needs_a_key(staff: Api, make_location: MakeLocation, sku: str) -> None:
    answer = await staff.post(
        f"/v1/stock/{sku}/adjustments",
        json=adjustment(await make_location(), delta=3),
        headers={"Idempotency-Key": None},
    )

    assert (answer.status_code, answer.json()["type"]) == (400, "/problems/idempotency-key-missing")


async def test_adjustments_at_the_same_time_all_count(
    staff: Api, make_location: MakeLocation, figures: Figures, sku: str
) -> None:
    place = await make_location()
    path = f"/v1/stock/{sku}/adjustments"

    answers = await asyncio.gather(*(staff.post(path, json=adjustment(place, delta=1)) for _ in range(20)))

    assert {answer.status_code for answer in answers} == {201}
    assert (await figures(sku))["on_hand"] == 20


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"delta": 1, "count": 1}, ""),
        ({}, ""),
        ({"delta": 0}, ""),
        ({"delta": 2**70}, "/delta"),
        ({"delta": True}, "/delta"),
        ({"delta": 1.5}, "/delta"),
        ({"delta": "1"}, "/delta"),
        ({"count": -1}, "/count"),
        ({"delta": 1, "expected": -1}, "/expected"),
        ({"delta": 1, "reason": "a\x00b"}, "/reason"),
        ({"delta": 1, "reason": " "}, "/reason"),
        ({"delta": 1, "reference": "x" * 201}, "/reference"),
        ({"delta": 1, "location_id": "here"}, "/location_id"),
        ({"delta": 1, "location_id": "019ab3e2-4400-7c00-8d00-102030405060"}, "/location_id"),
        ({"delta": 1, "more": 1}, "/more"),
    ],
)
async def test_a_bad_adjustment_is_refused_and_changes_nothing(
    staff: Api, make_location: MakeLocation, database: Database, sku: str, change: dict[str, Any], pointer: str
) -> None:
    body = adjustment(await make_location()) | change

    answer = await staff.post(f"/v1/stock/{sku}/adjustments", json=body)

    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, pointer)
    async with database.acquire() as connection:
        assert await connection.fetchval("SELECT count(*) FROM stock_level WHERE sku = $1", sku) == 0


@pytest.mark.parametrize("sku", ["%20A", "A%20", "A%00", "A%0A", "x" * 65])
async def test_what_is_no_sku_is_refused(staff: Api, make_location: MakeLocation, sku: str) -> None:
    answer = await staff.post(f"/v1/stock/{sku}/adjustments", json=adjustment(await make_location(), delta=1))

    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "/path/sku")


async def test_skus_are_compared_exactly(
    staff: Api, make_location: MakeLocation, set_stock: SetStock, figures: Figures, sku: str
) -> None:
    place = await make_location()
    await set_stock(sku.upper(), 1, place)
    await set_stock(sku.lower(), 2, place)
    await set_stock(f"{sku} Größe 4%2B", 3, place)

    assert (await figures(sku.upper()))["on_hand"] == 1
    assert (await figures(sku.lower()))["on_hand"] == 2
    assert (await staff.get("/v1/stock", params={"sku": f"{sku} Größe 4+"})).json()["items"][0]["on_hand"] == 3


async def test_only_who_may_adjust_adjusts(api: Api, make_location: MakeLocation, sku: str) -> None:
    body = adjustment(await make_location(), delta=1)
    for caller, status in ((api, 401), (api.as_user(scopes="inventory:read"), 403), (api.as_customer(), 403)):
        assert (await caller.post(f"/v1/stock/{sku}/adjustments", json=body)).status_code == status


@pytest.mark.parametrize(
    "damage", ["UPDATE stock_movement SET quantity = 0", "DELETE FROM stock_movement", "TRUNCATE stock_movement"]
)
async def test_the_ledger_is_only_added_to(database: Database, damage: str) -> None:
    async with database.acquire() as connection:
        with pytest.raises(asyncpg.PostgresError, match="only ever added to"):
            await connection.execute(damage)


async def test_a_level_refuses_to_promise_a_unit_twice(
    database: Database, make_location: MakeLocation, set_stock: SetStock, sku: str
) -> None:
    await set_stock(sku, 1, await make_location())
    async with database.acquire() as connection:
        with pytest.raises(asyncpg.CheckViolationError, match="not_promised_twice"):
            await connection.execute("UPDATE stock_level SET reserved = 2 WHERE sku = $1", sku)
