"""The SQL of the figures: sums over quarter-hours."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import asyncpg

from common.database import UnitOfWork
from metrics.kpis.schemas import By

GROUPS: dict[By, str] = {
    "day": "({at} AT TIME ZONE {zone})::date, NULL::text",
    "month": "date_trunc('month', {at} AT TIME ZONE {zone})::date, NULL::text",
    "channel": "NULL::date, channel",
    "currency": "NULL::date, NULL::text",
}
KPIS = """
SELECT day, channel, currency, sum(orders)::bigint AS orders, sum(units)::bigint AS units, sum(gross)::bigint AS gross,
    sum(cancelled_orders)::bigint AS cancelled_orders, sum(cancelled)::bigint AS cancelled,
    sum(returns)::bigint AS returns, sum(refunded)::bigint AS refunded
FROM (
    SELECT g.*, currency, orders, units, gross, cancelled_orders, cancelled, returns, refunded
    FROM sales, LATERAL (SELECT {group}) AS g(day, channel)
    WHERE bucket >= $1 AND bucket < $2 AND ($3::text IS NULL OR sales.channel = $3)
        AND ($4::text IS NULL OR currency = $4) AND $5::text IS NOT NULL
) AS grouped
GROUP BY day, channel, currency ORDER BY day, channel, currency
"""
TRAFFIC = """
SELECT day, channel, count(*) AS sessions, count(*) FILTER (WHERE first_today) AS visitors,
    count(*) FILTER (WHERE orders > 0) AS with_order, count(*) FILTER (WHERE carted OR orders > 0) AS with_cart
FROM (
    SELECT g.*, first_today, orders, carted
    FROM session, LATERAL (SELECT {group}) AS g(day, channel)
    WHERE started_at >= $1 AND started_at < $2 AND ($3::text IS NULL OR session.channel = $3) AND $4::text IS NOT NULL
) AS grouped
GROUP BY day, channel ORDER BY day, channel
"""
EXPLAIN = """
SELECT type, subject, number, kind, at, amount FROM (
    SELECT type, subject, data #>> '{object,number}' AS number, coalesce(data #>> '{object,kind}', 'sale') AS kind,
        booked_at(type, happened_at, data) AS at, (data #>> '{object,total,amount}')::bigint AS amount,
        data #>> '{object,channel}' AS channel, data #>> '{object,currency}' AS currency
    FROM fact_event WHERE type IN ('order.placed', 'order.cancelled')
) AS fact
WHERE at >= $1 AND at < $2 AND ($3::text IS NULL OR channel = $3) AND currency = $4
    AND (type = 'order.placed' OR kind <> 'return')
ORDER BY at DESC, subject LIMIT $5
"""
TOP_PRODUCTS = """
SELECT sku, (array_agg(product_id ORDER BY bucket DESC) FILTER (WHERE product_id IS NOT NULL))[1] AS product_id,
    (array_agg(title ORDER BY bucket DESC))[1] AS title, currency, sum(units)::bigint AS units,
    sum(gross)::bigint AS gross, sum(cancelled_units)::bigint AS cancelled_units, sum(cancelled)::bigint AS cancelled,
    sum(returned_units)::bigint AS returned_units, sum(refunded)::bigint AS refunded
FROM product_sales
WHERE bucket >= $1 AND bucket < $2 AND ($3::text IS NULL OR channel = $3) AND ($4::text IS NULL OR currency = $4)
GROUP BY sku, currency
ORDER BY {order} DESC, sku, currency LIMIT $5
"""
ORDERS = {
    "revenue": "sum(gross) - sum(cancelled) - sum(refunded)",
    "units": "sum(units) - sum(cancelled_units) - sum(returned_units)",
}


@dataclass(frozen=True, slots=True)
class Selection:
    """Which sales: a half-open span of UTC quarter-hours, and filters (None: all)."""

    since: datetime
    until: datetime
    channel: str | None
    currency: str | None


class KpiRepository:
    """Reads the figures, each in one statement."""

    def __init__(self, uow: UnitOfWork) -> None:
        self._uow = uow

    async def kpis(self, selection: Selection, by: By, time_zone: str) -> list[asyncpg.Record]:
        """Add up the sales of ``selection``."""
        sql = KPIS.format(group=GROUPS[by].format(at="bucket", zone="$5"))
        return await self._uow.single(
            sql, selection.since, selection.until, selection.channel, selection.currency, time_zone
        )

    async def traffic(self, selection: Selection, by: By, time_zone: str) -> list[asyncpg.Record]:
        """Count the visits that began in ``selection``, whatever its currency: a visit has none."""
        sql = TRAFFIC.format(group=GROUPS[by].format(at="started_at", zone="$4"))
        return await self._uow.single(sql, selection.since, selection.until, selection.channel, time_zone)

    async def facts(self, selection: Selection, limit: int) -> list[asyncpg.Record]:
        """Return the newest facts that ``selection`` follows from; its currency is given."""
        return await self._uow.single(
            EXPLAIN, selection.since, selection.until, selection.channel, selection.currency, limit
        )

    async def top_products(self, selection: Selection, sort: str, limit: int) -> Sequence[asyncpg.Record]:
        """Return the SKUs that sold best in ``selection``."""
        sql = TOP_PRODUCTS.format(order=ORDERS[sort])
        return await self._uow.single(
            sql, selection.since, selection.until, selection.channel, selection.currency, limit
        )
