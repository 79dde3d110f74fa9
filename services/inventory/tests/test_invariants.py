"""Each invariant refuses the damage that it is there for, and is content before."""

from collections.abc import Awaitable, Callable
from uuid import UUID, uuid4

import pytest

from common.database import Database
from common.invariants import run_invariants
from common.testing import Api
from inventory.invariants import INVARIANTS
from inventory.testing import order_placed

MakeLocation = Callable[..., Awaitable[UUID]]
SetStock = Callable[..., Awaitable[None]]

OPEN_LEDGER = "ALTER TABLE stock_movement DISABLE TRIGGER tg_stock_movement_kept"
CLOSE_LEDGER = "ALTER TABLE stock_movement ENABLE TRIGGER tg_stock_movement_kept"
LET_GO = "ALTER TABLE stock_level DROP CONSTRAINT {0}"
HOLD_AGAIN = "ALTER TABLE stock_level ADD CONSTRAINT {0} CHECK ({1})"
PROMISED = ("ck_stock_level_not_promised_twice", "on_hand + short >= reserved + allocated")
SAFETY = ("ck_stock_level_safety", "safety >= 0")

SET_SHORT = """
WITH levels AS (UPDATE stock_level SET short = {0} WHERE sku = '{{sku}}')
UPDATE allocation_line SET short = {0} WHERE sku = '{{sku}}'
"""

# name: (before the damage, the damage, its repair, after the repair)
DAMAGES: dict[str, tuple[str, str, str, str]] = {
    "ledger-adds-up-to-levels": (
        "SELECT",
        "UPDATE stock_level SET on_hand = on_hand + 1 WHERE sku = '{sku}'",
        "UPDATE stock_level SET on_hand = on_hand - 1 WHERE sku = '{sku}'",
        "SELECT",
    ),
    "ledger-is-unbroken": (
        OPEN_LEDGER,
        "UPDATE stock_movement SET on_hand_after = on_hand_after + 1 WHERE sku = '{sku}'",
        "UPDATE stock_movement SET on_hand_after = on_hand_after - 1 WHERE sku = '{sku}'",
        CLOSE_LEDGER,
    ),
    "reserved-is-what-holds-hold": (
        "SELECT",
        "UPDATE stock_level SET reserved = reserved - 1 WHERE sku = '{sku}'",
        "UPDATE stock_level SET reserved = reserved + 1 WHERE sku = '{sku}'",
        "SELECT",
    ),
    "allocated-is-what-orders-wait-for": (
        "SELECT",
        "UPDATE stock_level SET allocated = allocated - 1 WHERE sku = '{sku}'",
        "UPDATE stock_level SET allocated = allocated + 1 WHERE sku = '{sku}'",
        "SELECT",
    ),
    "no-figure-is-negative": (
        LET_GO.format(*SAFETY),
        "UPDATE stock_level SET safety = -1 WHERE sku = '{sku}'",
        "UPDATE stock_level SET safety = 0 WHERE sku = '{sku}'",
        HOLD_AGAIN.format(*SAFETY),
    ),
    "nothing-is-promised-twice": (
        LET_GO.format(*PROMISED),
        "UPDATE stock_level SET short = 0, reserved = 90 WHERE sku = '{sku}'",
        "UPDATE stock_level SET reserved = 2 WHERE sku = '{sku}'",
        HOLD_AGAIN.format(*PROMISED),
    ),
    "paid-orders-have-their-units": (
        "SELECT",
        SET_SHORT.format(1),
        SET_SHORT.format(0),
        "SELECT",
    ),
}


def test_every_invariant_is_damaged_here() -> None:
    assert {each.name for each in INVARIANTS} == DAMAGES.keys()


@pytest.mark.parametrize("name", DAMAGES)
async def test_damage_is_found_and_named(
    name: str,
    orders: Api,
    make_location: MakeLocation,
    set_stock: SetStock,
    deliver: Callable[..., Awaitable[UUID]],
    database: Database,
    sku: str,
) -> None:
    await set_stock(sku, 5, await make_location())
    held, sold = uuid4(), uuid4()
    for reservation_id in (held, sold):
        body = {"id": str(reservation_id), "lines": [{"sku": sku, "quantity": 2}]}
        assert (await orders.post("/internal/reservations", json=body)).status_code == 200
    await deliver(order_placed(sold, {sku: 2}))
    assert [str(violation) for violation in await run_invariants(database, INVARIANTS)] == []
    before, damage, repair, after = DAMAGES[name]

    async with database.acquire() as connection:
        await connection.execute(before)
        await connection.execute(damage.format(sku=sku))
    found = await run_invariants(database, INVARIANTS)
    async with database.acquire() as connection:
        await connection.execute(repair.format(sku=sku))
        await connection.execute(after)

    assert name in {violation.invariant for violation in found}
    assert all(violation.row["sku"] == sku for violation in found)
    assert await run_invariants(database, INVARIANTS) == []
