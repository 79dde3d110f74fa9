"""The SQL of facts and bookings: one statement a table and batch."""

from collections.abc import Sequence
from typing import Any

from common.database import UnitOfWork
from common.events import Event, without_personal_data
from metrics.facts.rules import Bookings

APPEND = """
INSERT INTO fact_event (event_id, type, subject, sequence, happened_at, correlation_id, data)
SELECT * FROM unnest($1::uuid[], $2::text[], $3::uuid[], $4::bigint[], $5::timestamptz[], $6::text[], $7::jsonb[])
"""
BOOK_SALES = """
INSERT INTO sales (bucket, channel, currency, orders, gross, units, cancelled_orders, cancelled, returns, refunded)
SELECT * FROM unnest($1::timestamptz[], $2::text[], $3::text[], $4::bigint[], $5::bigint[], $6::bigint[], $7::bigint[],
    $8::bigint[], $9::bigint[], $10::bigint[])
ON CONFLICT (bucket, channel, currency) DO UPDATE
SET orders = sales.orders + EXCLUDED.orders, gross = sales.gross + EXCLUDED.gross,
    units = sales.units + EXCLUDED.units, cancelled_orders = sales.cancelled_orders + EXCLUDED.cancelled_orders,
    cancelled = sales.cancelled + EXCLUDED.cancelled, returns = sales.returns + EXCLUDED.returns,
    refunded = sales.refunded + EXCLUDED.refunded
"""
# The greater of two titles: the row is the same in whatever order the facts come, today or recomputed.
BOOK_PRODUCTS = """
INSERT INTO product_sales (bucket, channel, currency, sku, product_id, title, units, gross, cancelled_units, cancelled,
    returned_units, refunded)
SELECT * FROM unnest($1::timestamptz[], $2::text[], $3::text[], $4::text[], $5::uuid[], $6::text[], $7::bigint[],
    $8::bigint[], $9::bigint[], $10::bigint[], $11::bigint[], $12::bigint[])
ON CONFLICT (bucket, channel, currency, sku) DO UPDATE
SET units = product_sales.units + EXCLUDED.units, gross = product_sales.gross + EXCLUDED.gross,
    cancelled_units = product_sales.cancelled_units + EXCLUDED.cancelled_units,
    cancelled = product_sales.cancelled + EXCLUDED.cancelled,
    returned_units = product_sales.returned_units + EXCLUDED.returned_units,
    refunded = product_sales.refunded + EXCLUDED.refunded,
    product_id = greatest(product_sales.product_id, EXCLUDED.product_id),
    title = greatest(product_sales.title COLLATE "C", EXCLUDED.title COLLATE "C")
"""
# Sorted, as whoever locks several visits does; an order of a visit that is not known here joins nothing.
JOIN_SESSIONS = """
UPDATE session SET orders = session.orders + placed.orders
FROM unnest($1::uuid[], $2::bigint[]) AS placed(id, orders)
WHERE session.id = placed.id
    AND session.id = ANY(ARRAY(SELECT id FROM session WHERE id = ANY($1) ORDER BY id FOR NO KEY UPDATE))
"""


class FactRepository:
    """Writes what the consumer hears."""

    def __init__(self, uow: UnitOfWork) -> None:
        self._uow = uow

    async def append(self, events: Sequence[Event[Any]]) -> None:
        """Keep the facts, without personal data; they are never changed."""
        await self._uow.execute(
            APPEND,
            [event.id for event in events],
            [event.type for event in events],
            [event.subject for event in events],
            [event.sequence for event in events],
            [event.time for event in events],
            [event.correlation_id for event in events],
            [without_personal_data(event.data) for event in events],
        )

    async def book(self, bookings: Bookings) -> None:
        """Add the sums, rows in the order of their keys: two batches cannot wait for each other crosswise.

        Sales first: a rebuild that has locked their table then knows that no order is half booked.
        """
        sales = sorted(bookings.sales.items(), key=lambda item: item[0])
        if sales:
            await self._uow.execute(
                BOOK_SALES,
                [key.bucket for key, _ in sales],
                [key.channel for key, _ in sales],
                [key.currency for key, _ in sales],
                [sums.orders for _, sums in sales],
                [sums.gross for _, sums in sales],
                [sums.units for _, sums in sales],
                [sums.cancelled_orders for _, sums in sales],
                [sums.cancelled for _, sums in sales],
                [sums.returns for _, sums in sales],
                [sums.refunded for _, sums in sales],
            )
        products = sorted(bookings.products.items(), key=lambda item: item[0])
        if products:
            await self._uow.execute(
                BOOK_PRODUCTS,
                [key.bucket for key, _ in products],
                [key.channel for key, _ in products],
                [key.currency for key, _ in products],
                [key.sku for key, _ in products],
                [sums.product_id for _, sums in products],
                [sums.title for _, sums in products],
                [sums.units for _, sums in products],
                [sums.gross for _, sums in products],
                [sums.cancelled_units for _, sums in products],
                [sums.cancelled for _, sums in products],
                [sums.returned_units for _, sums in products],
                [sums.refunded for _, sums in products],
            )
        if bookings.sessions:
            await self._uow.execute(JOIN_SESSIONS, list(bookings.sessions), list(bookings.sessions.values()))
