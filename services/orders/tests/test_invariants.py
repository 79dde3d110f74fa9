"""Each invariant finds the damage that it is there for."""

from collections.abc import AsyncIterator, Awaitable, Callable
from uuid import UUID, uuid4

import pytest

from common.database import Database
from common.invariants import Invariant, run_invariants
from common.testing import Api
from orders import invariants
from orders.testing import MakeOrder, MakeProduct

RunJobs = Callable[[], Awaitable[None]]


class Damage(Exception):
    """Raised to take the damage back."""


DAMAGE = [
    (invariants.order_totals_add_up, "UPDATE orders SET total = total + 1 WHERE id = $1"),
    (invariants.order_totals_add_up, "UPDATE orders SET tax = tax + 1 WHERE id = $1"),
    (invariants.order_totals_add_up, "UPDATE order_line SET total = total - 1 WHERE order_id = $1"),
    (invariants.captured_money_is_counted_once, "UPDATE orders SET captured = captured - 1 WHERE id = $1"),
    (invariants.captured_money_is_counted_once, "UPDATE capture SET amount = amount + 1 WHERE order_id = $1"),
    (invariants.every_order_has_its_payment, "DELETE FROM payment WHERE order_id = $1"),
    (invariants.every_order_has_its_payment, "UPDATE sandbox_charge SET state = 'voided' WHERE key = $1"),
    (
        invariants.no_payment_without_order,
        "INSERT INTO sandbox_charge SELECT $2::uuid, 'authorised', 'EUR', 9 WHERE $1::uuid <> $2",
    ),
    (invariants.placed_checkouts_are_orders, "UPDATE checkout SET state = 'undone' WHERE id = $1"),
    (invariants.placed_checkouts_are_orders, "UPDATE cart SET state = 'open', order_id = NULL WHERE order_id = $1"),
    (
        invariants.checkouts_come_to_an_end,
        "UPDATE checkout SET state = 'undone', step = 'undoing', deadline_at = '2026-01-01Z' WHERE id = $1",
    ),
    (
        invariants.carts_checking_out_have_a_checkout,
        "UPDATE cart SET state = 'checking_out', order_id = NULL WHERE order_id = $1",
    ),
    (
        invariants.shipped_units_are_in_parcels,
        "UPDATE order_line SET shipped_quantity = shipped_quantity - 1 WHERE order_id = $1",
    ),
    (invariants.shipped_units_are_in_parcels, "UPDATE orders SET fulfilment_status = 'none' WHERE id = $1"),
    (invariants.paid_means_paid, "UPDATE orders SET payment_status = 'authorised' WHERE id = $1"),
    (invariants.paid_means_paid, "UPDATE orders SET payment_status = 'paid', captured = 0 WHERE id = $1"),
    (
        invariants.captures_come_through,
        "UPDATE capture SET captured_at = NULL, created_at = created_at - interval '2 days' WHERE order_id = $1",
    ),
]


@pytest.fixture
async def order_id(
    make_product: MakeProduct, make_order: MakeOrder, staff: Api, run_jobs: RunJobs, database: Database
) -> AsyncIterator[UUID]:
    """A sound order, shipped and paid."""
    await make_product("SOUND")
    order = await make_order({"SOUND": 2})
    await staff.post(f"/v1/orders/{order['id']}/fulfilments", json={"lines": {"SOUND": 2}})
    await run_jobs()
    assert await run_invariants(database, invariants.INVARIANTS) == []
    yield UUID(order["id"])
    assert await run_invariants(database, invariants.INVARIANTS) == []


@pytest.mark.parametrize(("broken", "damage"), DAMAGE)
async def test_damage_is_found(database: Database, order_id: UUID, broken: Invariant, damage: str) -> None:
    assert isinstance(broken.check, str)
    with pytest.raises(Damage):
        async with database.uow() as uow:
            await uow.execute(damage, *([order_id, uuid4()] if "$2" in damage else [order_id]))
            found = await uow.fetch(broken.check, *([uow.now] if "$1" in broken.check else []))
            assert found, broken.name
            raise Damage


def test_every_invariant_has_a_test() -> None:
    assert {each.name for each, _ in DAMAGE} == {each.name for each in invariants.INVARIANTS}
