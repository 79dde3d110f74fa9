"""Each invariant finds the damage that it is there for."""

from collections.abc import AsyncIterator, Awaitable, Callable
from uuid import UUID, uuid4

import asyncpg
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


PAST_DAMAGE = [
    (invariants.order_totals_add_up, "UPDATE order_line SET total = total - 1 WHERE order_id = $1"),
    (invariants.order_totals_add_up, "UPDATE orders SET shipping = shipping + 1 WHERE id = $1"),
    (invariants.order_totals_add_up, "DELETE FROM order_line WHERE order_id = $1"),
    (
        invariants.imported_orders_are_only_history,
        """INSERT INTO payment (id, order_id, method, currency, authorised, created_at, updated_at)
        VALUES (gen_random_uuid(), $1, 'test', 'EUR', 1, '2026-01-01Z', '2026-01-01Z')""",
    ),
    (
        invariants.imported_orders_are_only_history,
        """INSERT INTO shipment (id, order_id, status, furthest, status_at, shipped_at, created_at, updated_at)
        SELECT gen_random_uuid(), id, 'picked_up', 'picked_up', placed_at, placed_at, placed_at, placed_at
        FROM orders WHERE id = $1""",
    ),
    (
        invariants.imported_orders_are_only_history,
        "UPDATE order_line SET shipped_quantity = 0 WHERE order_id = $1",
    ),
    (invariants.imported_orders_are_only_history, "UPDATE orders SET event_sequence = 0 WHERE id = $1"),
]
IMPOSSIBLE = [
    "UPDATE orders SET payment_status = 'authorised' WHERE id = $1",
    "UPDATE orders SET status = 'open' WHERE id = $1",
    "UPDATE orders SET captured = 0 WHERE id = $1",
    "UPDATE orders SET source = NULL WHERE id = $1",
    "UPDATE orders SET cart_id = gen_random_uuid() WHERE id = $1",
    """INSERT INTO orders (id, number, source, external_id, fingerprint, channel, status, payment_status, captured,
        fulfilment_status, currency, prices_include_tax, subtotal, shipping, shipping_tax, tax, total, placed_at,
        created_at, updated_at)
    SELECT gen_random_uuid(), 'another', source, external_id, fingerprint, channel, status, payment_status, captured,
        fulfilment_status, currency, prices_include_tax, subtotal, shipping, shipping_tax, tax, total, placed_at,
        created_at, updated_at FROM orders WHERE id = $1""",
]


@pytest.fixture
async def past_id(api: Api, database: Database) -> AsyncIterator[UUID]:
    """A sound imported order."""
    price = {"amount": 1999, "currency": "EUR"}
    order = {
        "source": "damaged",
        "external_id": "1",
        "placed_at": "2011-01-04T10:00:00Z",
        "currency": "EUR",
        "lines": [{"sku": "PAST", "title": "Mug", "quantity": 2, "unit_price": price}],
    }
    importer = api.as_user(scopes="orders:import orders:read")
    answer = await importer.post(
        "/v1/orders/import", json=order, headers={"content-type": "application/jsonl", "idempotency-key": None}
    )
    assert answer.json()["rejected"] == 0
    assert await run_invariants(database, invariants.INVARIANTS) == []
    yield UUID((await importer.get("/v1/orders", params={"source": "damaged"})).json()["items"][0]["id"])
    assert await run_invariants(database, invariants.INVARIANTS) == []


@pytest.mark.parametrize(("broken", "damage"), PAST_DAMAGE)
async def test_damage_to_a_past_order_is_found(
    database: Database, past_id: UUID, broken: Invariant, damage: str
) -> None:
    assert isinstance(broken.check, str)
    with pytest.raises(Damage):
        async with database.uow() as uow:
            await uow.execute(damage, past_id)
            assert await uow.fetch(broken.check), broken.name
            raise Damage


@pytest.mark.parametrize("damage", IMPOSSIBLE)
async def test_some_damage_to_a_past_order_cannot_be_done(database: Database, past_id: UUID, damage: str) -> None:
    with pytest.raises((asyncpg.CheckViolationError, asyncpg.UniqueViolationError, asyncpg.ForeignKeyViolationError)):
        async with database.uow() as uow:
            await uow.execute(damage, past_id)


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
    assert {each.name for each, _ in DAMAGE + PAST_DAMAGE} == {each.name for each in invariants.INVARIANTS}
