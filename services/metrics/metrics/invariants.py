"""What must always hold of the figures."""

from common.invariants import invariant

QUARTER_HOUR = "to_timestamp(floor(extract(epoch FROM {at}) / 900) * 900)"
PLACED_AT = QUARTER_HOUR.format(at="(data #>> '{object,placed_at}')::timestamptz")
CANCELLED_AT = QUARTER_HOUR.format(at="coalesce((data #>> '{object,cancelled_at}')::timestamptz, happened_at)")


@invariant
def sales_follow_from_facts() -> str:
    """Each booked quarter-hour equals the sum of the orders placed and cancelled in it.

    A violation means that a figure cannot be explained: a booking was lost, doubled or changed by hand. Compare the
    bucket's facts with its row, and correct the row; the facts are the truth.
    """
    return f"""
    WITH facts AS (
        SELECT {PLACED_AT} AS bucket, data #>> '{{object,channel}}' AS channel,
            data #>> '{{object,currency}}' AS currency,
            1 AS orders, (data #>> '{{object,total,amount}}')::bigint AS gross, 0 AS cancelled_orders,
            0::bigint AS cancelled
        FROM fact_event WHERE type = 'order.placed'
        UNION ALL
        SELECT {CANCELLED_AT}, data #>> '{{object,channel}}', data #>> '{{object,currency}}',
            0, 0, 1, (data #>> '{{object,total,amount}}')::bigint
        FROM fact_event WHERE type = 'order.cancelled'
    ), expected AS (
        SELECT bucket, channel, currency, sum(orders)::bigint AS orders, sum(gross)::bigint AS gross,
            sum(cancelled_orders)::bigint AS cancelled_orders, sum(cancelled)::bigint AS cancelled
        FROM facts GROUP BY bucket, channel, currency
    )
    SELECT bucket, channel, currency, e.orders AS expected_orders, s.orders AS booked_orders, e.gross AS expected_gross,
        s.gross AS booked_gross, e.cancelled AS expected_cancelled, s.cancelled AS booked_cancelled
    FROM expected AS e FULL JOIN sales AS s USING (bucket, channel, currency)
    WHERE (e.orders, e.gross, e.cancelled_orders, e.cancelled)
        IS DISTINCT FROM (s.orders, s.gross, s.cancelled_orders, s.cancelled)
    """  # noqa: S608 - constants of this module


@invariant
def product_sales_add_up_to_facts() -> str:
    """A SKU's units and revenue equal those of the order lines that the facts hold.

    A violation means that the top products are wrong for this SKU. The facts are the truth.
    """
    return """
    WITH lines AS (
        SELECT line ->> 'sku' AS sku, data #>> '{object,currency}' AS currency, type,
            (line ->> 'quantity')::bigint AS units, (line #>> '{total,amount}')::bigint AS amount
        FROM fact_event, jsonb_array_elements(data #> '{object,lines}') AS line
        WHERE type IN ('order.placed', 'order.cancelled')
    ), expected AS (
        SELECT sku, currency, coalesce(sum(units) FILTER (WHERE type = 'order.placed'), 0)::bigint AS units,
            coalesce(sum(amount) FILTER (WHERE type = 'order.placed'), 0)::bigint AS gross,
            coalesce(sum(amount) FILTER (WHERE type = 'order.cancelled'), 0)::bigint AS cancelled
        FROM lines GROUP BY sku, currency
    ), booked AS (
        SELECT sku, currency, sum(units)::bigint AS units, sum(gross)::bigint AS gross,
            sum(cancelled)::bigint AS cancelled
        FROM product_sales GROUP BY sku, currency
    )
    SELECT sku, currency, e.units AS expected_units, b.units AS booked_units, e.gross AS expected_gross,
        b.gross AS booked_gross
    FROM expected AS e FULL JOIN booked AS b USING (sku, currency)
    WHERE (e.units, e.gross, e.cancelled) IS DISTINCT FROM (b.units, b.gross, b.cancelled)
    """


INVARIANTS = (sales_follow_from_facts, product_sales_add_up_to_facts)
