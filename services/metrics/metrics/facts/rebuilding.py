"""Writes the bookings anew from the facts, and the visits' counts from facts and events.

A step is a span of quarter-hours or a number of visits. It locks the bookings' tables first: the consumer, which books
sales before anything else, is then either done with a batch or has not begun, and its facts are all seen or none.
"""

from datetime import UTC, datetime
from uuid import UUID

from common.database import Database, UnitOfWork
from metrics.facts.recomputation import (
    EVENTS_OF_SESSIONS,
    ORDERS_OF_SESSIONS,
    product_sales_of_facts,
    sales_of_facts,
)

FACTS_AT_ONCE = 2_000  # of ten lines each some 250 ms, in which the consumer waits; after 500 it would come back later
SESSIONS_AT_ONCE = 2_000

HOLD_BOOKINGS = "LOCK TABLE sales, product_sales IN SHARE ROW EXCLUSIVE MODE"

# The quarter-hour after that of the nth fact from here; none where fewer are left.
NEXT_BEGINS = """
SELECT to_timestamp(floor(extract(epoch FROM booked_at(type, happened_at, data)) / 900) * 900 + 900)
FROM fact_event
WHERE type IN ('order.placed', 'order.cancelled') AND booked_at(type, happened_at, data) >= $1
ORDER BY booked_at(type, happened_at, data), event_id OFFSET $2 LIMIT 1
"""
FACTS_IN = """
SELECT count(*) FROM fact_event
WHERE type IN ('order.placed', 'order.cancelled') AND booked_at(type, happened_at, data) >= $1
    AND booked_at(type, happened_at, data) < $2
"""
SPAN = "at >= $1 AND at < $2"
FORGET_SALES = "DELETE FROM sales WHERE bucket >= $1 AND bucket < $2"
FORGET_PRODUCTS = "DELETE FROM product_sales WHERE bucket >= $1 AND bucket < $2"
BOOK_SALES = f"""
INSERT INTO sales (bucket, channel, currency, orders, gross, units, cancelled_orders, cancelled, returns, refunded)
{sales_of_facts(SPAN)}
"""
BOOK_PRODUCTS = f"""
INSERT INTO product_sales (bucket, channel, currency, sku, product_id, title, units, gross, cancelled_units, cancelled,
    returned_units, refunded)
{product_sales_of_facts(SPAN)}
"""

# Held against collecting too, which counts its events on the visit's row last.
HOLD_SESSIONS = """
SELECT id FROM session WHERE $1::uuid IS NULL OR id > $1 ORDER BY id LIMIT $2 FOR NO KEY UPDATE
"""
COUNT_ORDERS = f"""
UPDATE session SET orders = counted.orders FROM ({ORDERS_OF_SESSIONS} WHERE s.id = ANY($1)) AS counted
WHERE session.id = counted.id AND session.orders <> counted.orders
"""  # noqa: S608 - constants of ours
COUNT_EVENTS = f"""
UPDATE session SET events = counted.events, page_views = counted.page_views, carted = counted.carted
FROM ({EVENTS_OF_SESSIONS.format(where="session_id = ANY($1)")}) AS counted
WHERE session.id = counted.id AND session.started_at >= (SELECT min(received_at) FROM behaviour_event)
    AND (session.events, session.page_views, session.carted)
        IS DISTINCT FROM (counted.events, counted.page_views, counted.carted)
"""  # noqa: S608 - constants of ours

BEGINNING = datetime(1, 1, 1, tzinfo=UTC)
END = datetime(9999, 12, 31, tzinfo=UTC)


async def rebuild_sales(database: Database, *, at_once: int = FACTS_AT_ONCE) -> int:
    """Book all facts anew, a span of time after the other; return how many facts there were."""
    since: datetime | None = BEGINNING
    facts = 0
    while since is not None:
        async with database.uow(lock_timeout_ms=None) as uow:
            await uow.execute(HOLD_BOOKINGS)
            until = await uow.fetchval(NEXT_BEGINS, since, at_once - 1)
            facts += await _book(uow, since, until or END)
        since = until
    return facts


async def _book(uow: UnitOfWork, since: datetime, until: datetime) -> int:
    for statement in (FORGET_SALES, FORGET_PRODUCTS, BOOK_SALES, BOOK_PRODUCTS):
        await uow.execute(statement, since, until)
    count: int = await uow.fetchval(FACTS_IN, since, until)
    return count


async def rebuild_sessions(database: Database, *, at_once: int = SESSIONS_AT_ONCE) -> int:
    """Count orders and events of all visits anew; return how many visits there were.

    Of a visit older than the events kept, what they said stays.
    """
    after: UUID | None = None
    sessions = 0
    while True:
        async with database.uow(lock_timeout_ms=None) as uow:
            await uow.execute(HOLD_BOOKINGS)
            ids = [row["id"] for row in await uow.fetch(HOLD_SESSIONS, after, at_once)]
            if ids:
                await uow.execute(COUNT_ORDERS, ids)
                await uow.execute(COUNT_EVENTS, ids)
        sessions += len(ids)
        if len(ids) < at_once:
            return sessions
        after = ids[-1]
