"""Orders in SQL. Whoever changes one locks it first and reads it then: a read that waited for the lock would be old."""

# ruff: noqa: S608 - every fragment put into a statement is a constant of this module

from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from common.auth import Caller
from common.database import UnitOfWork
from orders.ordering.models import Order
from orders.ordering.problems import OrderNotFound

TOKEN_READS_FOR = timedelta(days=90)  # a Cart-Token opens the order that its cart became for that long

SHOWN: Final = """
o.id, o.number, o.cart_token_hash, o.channel, o.status, o.payment_status, o.fulfilment_status, o.customer_id, o.email,
o.shipping_address, o.billing_address, o.shipping_option, o.currency, o.prices_include_tax, o.subtotal, o.shipping,
o.shipping_tax, o.tax, o.total, o.captured, o.session_id, o.placed_at, o.cancelled_at, o.cancellation_reason, o.version,
o.kind, o.source, o.external_id, o.country,
(SELECT jsonb_agg(jsonb_build_object(
        'id', l.id, 'sku', l.sku, 'product_id', l.product_id, 'variant_id', l.variant_id, 'title', l.title,
        'quantity', l.quantity, 'unit_price', l.unit_price, 'basis_points', l.basis_points, 'tax', l.tax,
        'total', l.total, 'shipped_quantity', l.shipped_quantity
    ) ORDER BY l.position) FROM order_line AS l WHERE l.order_id = o.id) AS lines
"""

MAY_SEE: Final = """
($2::boolean OR o.customer_id = $3::uuid OR (o.cart_token_hash = $4::text AND o.placed_at > $5::timestamptz))
"""
READ: Final = f"SELECT {SHOWN} FROM orders AS o WHERE o.id = $1 AND {MAY_SEE}"
LOCK: Final = "SELECT id FROM orders WHERE id = $1 FOR NO KEY UPDATE"
READ_LOCKED: Final = f"SELECT {SHOWN} FROM orders AS o WHERE o.id = $1"

SAVE: Final = """
UPDATE orders SET status = $2, payment_status = $3, fulfilment_status = $4, captured = $5, cancelled_at = $6,
    cancellation_reason = $7, version = version + 1, updated_at = $8
WHERE id = $1 RETURNING version
"""
SAVE_SHIPPED: Final = """
UPDATE order_line AS l SET shipped_quantity = s.shipped
FROM unnest($1::uuid[], $2::int[]) AS s(id, shipped) WHERE l.id = s.id
"""

FILTERS: Final = {
    "status": "o.status = {}",
    "payment_status": "o.payment_status = {}",
    "fulfilment_status": "o.fulfilment_status = {}",
    "customer_id": "o.customer_id = {}",
    "email": "lower(o.email) = lower({})",
    "number": "o.number = {}",
    "channel": "o.channel = {}",
    "kind": "o.kind = {}",
    "source": "o.source = {}",
    "external_id": "o.external_id = {}",
    "customer_reference": "o.customer_reference = {}",
    "placed_from": "o.placed_at >= {}",
    "placed_to": "o.placed_at < {}",
}


class OrderRepository:
    """Orders by id, and lists of them."""

    def __init__(self, uow: UnitOfWork) -> None:
        self._uow = uow

    async def read(self, order_id: UUID, *, by: Caller) -> Order:
        """Return the order. Raises OrderNotFound, also where ``by`` may not see it."""
        run = self._uow.fetchrow if self._uow.entered else self._uow.single_row
        row = await run(
            READ,
            order_id,
            any(by.has(scope) for scope in ("orders:read", "orders:write", "orders:fulfil")),
            by.customer_id,
            by.cart,
            self._uow.now - TOKEN_READS_FOR,
        )
        if row is None:
            raise OrderNotFound(order_id)
        return Order.of(row)

    async def lock(self, order_id: UUID) -> Order:
        """Return the order and hold its row until the transaction ends. Raises OrderNotFound."""
        if await self._uow.fetchval(LOCK, order_id) is None:
            raise OrderNotFound(order_id)
        row = await self._uow.fetchrow(READ_LOCKED, order_id)
        if row is None:
            raise OrderNotFound(order_id)
        return Order.of(row)

    async def save(self, order: Order) -> None:
        """Write the axes and sums of a locked order; it is a version further then."""
        order.version = await self._uow.fetchval(
            SAVE,
            order.id,
            order.status,
            order.payment_status,
            order.fulfilment_status,
            order.captured,
            order.cancelled_at,
            order.cancellation_reason,
            self._uow.now,
        )

    async def save_shipped(self, order: Order) -> None:
        """Write how many units of each line have left."""
        await self._uow.execute(
            SAVE_SHIPPED, [line.id for line in order.lines], [line.shipped_quantity for line in order.lines]
        )

    async def list(self, filters: dict[str, Any], *, after: tuple[datetime, UUID] | None, limit: int) -> list[Order]:
        """Return orders, the newest first."""
        values: list[Any] = [*filters.values()]
        conditions = [FILTERS[name].format(f"${place}") for place, name in enumerate(filters, start=1)]
        if after is not None:
            conditions.append(f"(o.placed_at, o.id) < (${len(values) + 1}, ${len(values) + 2})")
            values += after
        where = f"WHERE {' AND '.join(conditions)}" if conditions else ""
        sql = f"SELECT {SHOWN} FROM orders AS o {where} ORDER BY o.placed_at DESC, o.id DESC LIMIT ${len(values) + 1}"
        run = self._uow.fetch if self._uow.entered else self._uow.single
        return [Order.of(row) for row in await run(sql, *values, limit)]
