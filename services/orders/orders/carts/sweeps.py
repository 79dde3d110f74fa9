"""What happens to carts by time alone: one word when they come to rest, and their end."""

from datetime import timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

import asyncpg
import orjson

from common.database import UnitOfWork
from common.events.contracts.orders import CartLineSnapshot, CartSnapshot, CartUpdated
from common.money import Money

if TYPE_CHECKING:
    from common.service import Runtime

QUIET = timedelta(seconds=60)
AT_ONCE = 200  # carts a transaction

TAKE_QUIET = """
UPDATE cart SET quiet_since = NULL WHERE id IN (
    SELECT id FROM cart WHERE quiet_since <= $1 ORDER BY quiet_since LIMIT $2 FOR NO KEY UPDATE SKIP LOCKED
) RETURNING id, state, channel, currency, customer_id, email, lines, announced, updated_at
"""
NOTE_ANNOUNCED = "UPDATE cart SET announced = $2::jsonb WHERE id = $1"
EXPIRE = """
UPDATE cart SET state = 'expired', email = NULL, shipping_address = NULL, billing_address = NULL, quiet_since = NULL,
    version = version + 1, updated_at = $1
WHERE id IN (
    SELECT id FROM cart WHERE state = 'open' AND expires_at <= $1 ORDER BY expires_at LIMIT $2 FOR UPDATE SKIP LOCKED
) RETURNING id
"""


async def announce_quiet_carts(runtime: "Runtime") -> int:
    """Publish ``cart.updated`` for carts that nobody has touched for a minute and that differ from what was told."""
    async with runtime.database.uow() as uow:
        rows = await uow.fetch(TAKE_QUIET, uow.now - QUIET, AT_ONCE)
        told = [row for row in rows if await _announce(uow, row)]
    return len(told)


async def _announce(uow: UnitOfWork, row: asyncpg.Record) -> bool:
    if row["state"] not in {"open", "checking_out"}:
        return False  # order.placed has told more
    cart = _snapshot(row)
    document = cart.model_dump(mode="json", exclude={"updated_at"})
    before: dict[str, Any] = orjson.loads(row["announced"]) if row["announced"] is not None else {}
    changed = [f"/{name}" for name, value in document.items() if before.get(name, _UNSAID.get(name)) != value]
    if (before and not changed) or (not before and not cart.lines):
        return False
    uow.publish(CartUpdated(object=cart, changed=[pointer for pointer in changed if pointer in _MAY_CHANGE]))
    await uow.execute(NOTE_ANNOUNCED, cart.id, orjson.dumps(document).decode())
    return True


_UNSAID: dict[str, Any] = {"email": None, "customer_id": None}
_MAY_CHANGE = frozenset({"/customer_id", "/email", "/lines", "/subtotal"})


def _snapshot(row: asyncpg.Record) -> CartSnapshot:
    currency = row["currency"]
    lines = [
        CartLineSnapshot(
            sku=line["sku"],
            quantity=line["quantity"],
            unit_price=Money(amount=line["unit_price"], currency=currency),
        )
        for line in orjson.loads(row["lines"])
    ]
    cart_id: UUID = row["id"]
    return CartSnapshot(
        id=cart_id,
        channel=row["channel"],
        currency=currency,
        customer_id=row["customer_id"],
        email=row["email"],
        lines=lines,
        subtotal=Money.sum((line.unit_price * line.quantity for line in lines), currency),
        updated_at=row["updated_at"],
    )


async def expire_carts(runtime: "Runtime") -> int:
    """Close carts that nobody touched for 30 days, and forget whose they were."""
    async with runtime.database.uow() as uow:
        return len(await uow.fetch(EXPIRE, uow.now, AT_ONCE))
