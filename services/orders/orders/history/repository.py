"""The SQL of the import: a statement a table and batch."""

from collections.abc import Sequence
from typing import Final
from uuid import UUID

from common.database import UnitOfWork
from orders.history.rules import PastOrderRow
from orders.ordering.models import Order

INSERT_ORDERS: Final = """
INSERT INTO orders (
    id, number, kind, source, external_id, channel, status, payment_status, fulfilment_status, email, country,
    customer_reference, fingerprint, currency, prices_include_tax, subtotal, shipping, shipping_tax, tax, total,
    captured, placed_at, created_at, updated_at
)
SELECT n.*, $21::timestamptz, $21 FROM unnest(
    $1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[], $9::text[],
    $10::text[], $11::text[], $12::text[], $13::bytea[], $14::text[], $15::boolean[], $16::bigint[], $17::bigint[],
    $18::bigint[], $19::bigint[], $20::bigint[], $22::bigint[], $23::timestamptz[]
) AS n
ON CONFLICT (source, external_id) WHERE source IS NOT NULL DO NOTHING
RETURNING id
"""
FINGERPRINTS: Final = """
SELECT source, external_id, fingerprint FROM orders
JOIN unnest($1::text[], $2::text[]) AS k(source, external_id) USING (source, external_id)
"""
VARIANTS: Final = """
SELECT DISTINCT ON (sku) sku, product_id, variant_id FROM variant WHERE sku = ANY ($1::text[])
ORDER BY sku, product_id
"""
INSERT_LINES: Final = """
INSERT INTO order_line (
    id, order_id, position, sku, product_id, variant_id, title, quantity, unit_price, basis_points, tax, total,
    shipped_quantity, options, requires_shipping
)
SELECT n.*, '{}'::jsonb, false FROM unnest(
    $1::uuid[], $2::uuid[], $3::int[], $4::text[], $5::uuid[], $6::uuid[], $7::text[], $8::int[], $9::bigint[],
    $10::int[], $11::bigint[], $12::bigint[], $13::int[]
) AS n
"""


class HistoryRepository:
    """Writes orders that were placed elsewhere."""

    def __init__(self, uow: UnitOfWork) -> None:
        self._uow = uow

    async def insert_new(self, rows: Sequence[PastOrderRow]) -> set[UUID]:
        """Store the orders that are not there yet, without their lines; returns which those were.

        Sorted by identity, so that two imports of the same orders wait for each other and never crosswise.
        """
        ordered = sorted(rows, key=lambda row: row.identity)
        orders = [row.order for row in ordered]
        inserted = await self._uow.fetch(
            INSERT_ORDERS,
            [order.id for order in orders],
            [order.number for order in orders],
            [order.kind for order in orders],
            [order.source for order in orders],
            [order.external_id for order in orders],
            [order.channel for order in orders],
            [order.status for order in orders],
            [order.payment_status for order in orders],
            [order.fulfilment_status for order in orders],
            [order.email for order in orders],
            [order.country for order in orders],
            [row.customer_reference for row in ordered],
            [row.fingerprint for row in ordered],
            [order.currency for order in orders],
            [order.prices_include_tax for order in orders],
            [order.subtotal for order in orders],
            [order.shipping for order in orders],
            [order.shipping_tax for order in orders],
            [order.tax for order in orders],
            [order.total for order in orders],
            self._uow.now,
            [order.captured for order in orders],
            [order.placed_at for order in orders],
        )
        return {row["id"] for row in inserted}

    async def fingerprints(self, rows: Sequence[PastOrderRow]) -> dict[tuple[str, str], bytes]:
        """Return what orders looked like when they were imported, by identity."""
        sources, ids = zip(*(row.identity for row in rows), strict=True)
        found = await self._uow.fetch(FINGERPRINTS, list(sources), list(ids))
        return {(row["source"], row["external_id"]): row["fingerprint"] for row in found}

    async def variants(self, skus: set[str]) -> dict[str, tuple[UUID, UUID]]:
        """Return product and variant of the SKUs that the catalogue has."""
        found = await self._uow.fetch(VARIANTS, sorted(skus))
        return {row["sku"]: (row["product_id"], row["variant_id"]) for row in found}

    async def insert_lines(self, orders: Sequence[Order]) -> None:
        """Store the lines of new orders."""
        lines = [(order.id, place, line) for order in orders for place, line in enumerate(order.lines, start=1)]
        await self._uow.execute(
            INSERT_LINES,
            [line.id for _, _, line in lines],
            [order_id for order_id, _, _ in lines],
            [place for _, place, _ in lines],
            [line.sku for _, _, line in lines],
            [line.product_id for _, _, line in lines],
            [line.variant_id for _, _, line in lines],
            [line.title for _, _, line in lines],
            [line.quantity for _, _, line in lines],
            [line.unit_price for _, _, line in lines],
            [line.basis_points for _, _, line in lines],
            [line.tax for _, _, line in lines],
            [line.total for _, _, line in lines],
            [line.shipped_quantity for _, _, line in lines],
        )
