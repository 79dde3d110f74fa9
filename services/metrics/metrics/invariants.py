"""What must always hold of the figures."""

from common.invariants import invariant
from metrics.facts.recomputation import (
    EVENTS_OF_SESSIONS,
    ORDERS_OF_SESSIONS,
    product_sales_of_facts,
    sales_of_facts,
)

EVENTS_OF_RECENT_SESSIONS = EVENTS_OF_SESSIONS.format(where="received_at >= $1::timestamptz - interval '2 days'")


@invariant
def sales_follow_from_facts() -> str:
    """Each booked quarter-hour equals the sum of the orders placed, cancelled and returned in it.

    A violation means that a figure cannot be explained: a booking was lost, doubled or changed by hand. The facts are
    the truth: ``metrics rebuild`` books them anew.
    """
    return f"""
    SELECT bucket, channel, currency, e.orders AS expected_orders, s.orders AS booked_orders, e.gross AS expected_gross,
        s.gross AS booked_gross, e.cancelled AS expected_cancelled, s.cancelled AS booked_cancelled,
        e.refunded AS expected_refunded, s.refunded AS booked_refunded
    FROM ({sales_of_facts()}) AS e FULL JOIN sales AS s USING (bucket, channel, currency)
    WHERE (e.orders, e.gross, e.units, e.cancelled_orders, e.cancelled, e.returns, e.refunded)
        IS DISTINCT FROM (s.orders, s.gross, s.units, s.cancelled_orders, s.cancelled, s.returns, s.refunded)
    """  # noqa: S608 - constants of ours


@invariant
def product_sales_follow_from_facts() -> str:
    """A SKU's units and revenue in a quarter-hour equal those of the order lines that the facts hold.

    A violation means that the top products are wrong for this SKU. The facts are the truth: ``metrics rebuild`` books
    them anew.
    """
    return f"""
    SELECT bucket, channel, currency, sku, e.units AS expected_units, s.units AS booked_units,
        e.gross AS expected_gross, s.gross AS booked_gross, e.refunded AS expected_refunded,
        s.refunded AS booked_refunded
    FROM ({product_sales_of_facts()}) AS e FULL JOIN product_sales AS s USING (bucket, channel, currency, sku)
    WHERE (e.units, e.gross, e.cancelled_units, e.cancelled, e.returned_units, e.refunded)
        IS DISTINCT FROM (s.units, s.gross, s.cancelled_units, s.cancelled, s.returned_units, s.refunded)
    """  # noqa: S608 - constants of ours


@invariant
def session_orders_follow_from_facts() -> str:
    """Each visit has as many orders as the facts name it in.

    A violation means that the conversion rate is wrong. The facts are the truth: ``metrics rebuild`` counts them anew.
    """
    return f"""
    SELECT session.id, counted.orders AS expected_orders, session.orders AS counted_orders
    FROM ({ORDERS_OF_SESSIONS}) AS counted JOIN session USING (id) WHERE session.orders <> counted.orders
    """  # noqa: S608 - constants of ours


@invariant
def sessions_follow_from_events() -> str:
    """Each visit of the last two days has as many events as are kept of it, and no event is of an unknown visit.

    A violation means that abandoned carts are counted wrong. The events are the truth: ``metrics rebuild`` counts them
    anew; it cannot make a visit that is missing.
    """
    return f"""
    SELECT id, counted.events AS expected_events, s.events AS counted_events, counted.page_views AS expected_page_views,
        s.page_views AS counted_page_views, counted.carted AS expected_carted, s.carted AS counted_carted
    FROM ({EVENTS_OF_RECENT_SESSIONS}) AS counted
        FULL JOIN (SELECT * FROM session WHERE started_at >= $1::timestamptz - interval '2 days') AS s USING (id)
    WHERE (counted.events, counted.page_views, counted.carted) IS DISTINCT FROM (s.events, s.page_views, s.carted)
        AND NOT EXISTS (
            SELECT FROM session WHERE id = counted.id AND started_at < $1::timestamptz - interval '2 days')
    """  # noqa: S608 - constants of ours


INVARIANTS = (
    sales_follow_from_facts,
    product_sales_follow_from_facts,
    session_orders_follow_from_facts,
    sessions_follow_from_events,
)
