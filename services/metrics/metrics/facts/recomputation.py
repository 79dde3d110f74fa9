"""What the bookings have to be, said once in SQL: invariants compare with it, a rebuild writes it.

Written apart from ``rules``, which the consumer books by: the two find each other's mistakes. ``{where}`` narrows the
facts by ``at``, the moment at which one is booked.
"""

SALES_OF_FACTS = """
SELECT to_timestamp(floor(extract(epoch FROM at) / 900) * 900) AS bucket, channel, currency,
    count(*) FILTER (WHERE told = 'sale') AS orders,
    coalesce(sum(total) FILTER (WHERE told = 'sale'), 0)::bigint AS gross,
    coalesce(sum(units) FILTER (WHERE told = 'sale'), 0)::bigint AS units,
    count(*) FILTER (WHERE told = 'cancellation') AS cancelled_orders,
    coalesce(sum(total) FILTER (WHERE told = 'cancellation'), 0)::bigint AS cancelled,
    count(*) FILTER (WHERE told = 'return') AS returns,
    coalesce(sum(total) FILTER (WHERE told = 'return'), 0)::bigint AS refunded
FROM ({orders}) AS orders
GROUP BY 1, 2, 3
"""
PRODUCT_SALES_OF_FACTS = """
SELECT to_timestamp(floor(extract(epoch FROM at) / 900) * 900) AS bucket, channel, currency, line ->> 'sku' AS sku,
    (max(line ->> 'product_id' COLLATE "C"))::uuid AS product_id, max(line ->> 'title' COLLATE "C") AS title,
    coalesce(sum(quantity) FILTER (WHERE told = 'sale'), 0)::bigint AS units,
    coalesce(sum(amount) FILTER (WHERE told = 'sale'), 0)::bigint AS gross,
    coalesce(sum(quantity) FILTER (WHERE told = 'cancellation'), 0)::bigint AS cancelled_units,
    coalesce(sum(amount) FILTER (WHERE told = 'cancellation'), 0)::bigint AS cancelled,
    coalesce(sum(quantity) FILTER (WHERE told = 'return'), 0)::bigint AS returned_units,
    coalesce(sum(amount) FILTER (WHERE told = 'return'), 0)::bigint AS refunded
FROM ({orders}) AS orders, jsonb_array_elements(lines) AS line,
    LATERAL (SELECT (line ->> 'quantity')::bigint, (line #>> '{{total,amount}}')::bigint) AS l(quantity, amount)
GROUP BY 1, 2, 3, 4
"""
ORDERS_OF_FACTS = """
SELECT told, at, object ->> 'channel' AS channel, object ->> 'currency' AS currency,
    (object #>> '{{total,amount}}')::bigint AS total, object -> 'lines' AS lines,
    (SELECT sum((line ->> 'quantity')::bigint) FROM jsonb_array_elements(object -> 'lines') AS line) AS units
FROM (
    SELECT booked_at(type, happened_at, data) AS at, data -> 'object' AS object,
        CASE WHEN type = 'order.cancelled' THEN 'cancellation'
            WHEN data #>> '{{object,kind}}' = 'return' THEN 'return' ELSE 'sale' END AS told
    FROM fact_event
    WHERE type IN ('order.placed', 'order.cancelled')
        AND (type = 'order.placed' OR data #>> '{{object,kind}}' IS DISTINCT FROM 'return')
) AS fact
WHERE {where}
OFFSET 0
"""
"""An order's members are read once, since OFFSET keeps this from being merged into what surrounds it: there each line
would unpack the whole order again, which made a month of long orders sixteen times as slow."""


def sales_of_facts(where: str = "true") -> str:
    """Return the query of what ``sales`` must hold."""
    return SALES_OF_FACTS.format(orders=ORDERS_OF_FACTS.format(where=where))


def product_sales_of_facts(where: str = "true") -> str:
    """Return the query of what ``product_sales`` must hold."""
    return PRODUCT_SALES_OF_FACTS.format(orders=ORDERS_OF_FACTS.format(where=where))


ORDERS_OF_SESSIONS = """
SELECT s.id, (
    SELECT count(*) FROM fact_event
    WHERE type = 'order.placed' AND data #>> '{object,session_id}' = s.id::text
        AND data #>> '{object,kind}' IS DISTINCT FROM 'return'
) AS orders
FROM session AS s
"""
"""How many orders each visit has, by the facts."""

EVENTS_OF_SESSIONS = """
SELECT session_id AS id, count(*) AS events, count(*) FILTER (WHERE name = 'page_view') AS page_views,
    bool_or(name IN ('add_to_cart', 'begin_checkout')) AS carted
FROM behaviour_event WHERE {where} GROUP BY session_id
"""
"""What the events kept say of each visit; ``{where}`` narrows the events."""
