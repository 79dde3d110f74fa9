"""Figures and the orders that they tell of, to the cent. Amounts are minor units; currencies are never added up."""

from collections.abc import Sequence
from typing import Any

from tools.verify.checks.check import Result, check
from tools.verify.databases import Databases, Row

ORDERS = """
SELECT o.currency, o.channel, count(*) FILTER (WHERE o.kind = 'sale') AS orders,
    coalesce(sum(o.total) FILTER (WHERE o.kind = 'sale'), 0)::bigint AS gross,
    coalesce(sum(l.units) FILTER (WHERE o.kind = 'sale'), 0)::bigint AS units,
    count(*) FILTER (WHERE o.status = 'cancelled') AS cancelled_orders,
    coalesce(sum(o.total) FILTER (WHERE o.status = 'cancelled'), 0)::bigint AS cancelled,
    count(*) FILTER (WHERE o.kind = 'return') AS returns,
    coalesce(sum(o.total) FILTER (WHERE o.kind = 'return'), 0)::bigint AS refunded
FROM orders AS o LEFT JOIN (SELECT order_id, sum(quantity) AS units FROM order_line GROUP BY order_id) AS l
    ON l.order_id = o.id
GROUP BY o.currency, o.channel
"""
SALES = """
SELECT currency, channel, sum(orders)::bigint AS orders, sum(gross)::bigint AS gross, sum(units)::bigint AS units,
    sum(cancelled_orders)::bigint AS cancelled_orders, sum(cancelled)::bigint AS cancelled,
    sum(returns)::bigint AS returns, sum(refunded)::bigint AS refunded
FROM sales GROUP BY currency, channel
"""
LINES = """
SELECT l.sku, o.currency, o.channel,
    coalesce(sum(l.quantity) FILTER (WHERE o.kind = 'sale'), 0)::bigint AS units,
    coalesce(sum(l.total) FILTER (WHERE o.kind = 'sale'), 0)::bigint AS gross,
    coalesce(sum(l.quantity) FILTER (WHERE o.status = 'cancelled'), 0)::bigint AS cancelled_units,
    coalesce(sum(l.total) FILTER (WHERE o.status = 'cancelled'), 0)::bigint AS cancelled,
    coalesce(sum(l.quantity) FILTER (WHERE o.kind = 'return'), 0)::bigint AS returned_units,
    coalesce(sum(l.total) FILTER (WHERE o.kind = 'return'), 0)::bigint AS refunded
FROM order_line AS l JOIN orders AS o ON o.id = l.order_id GROUP BY l.sku, o.currency, o.channel
"""
PRODUCT_SALES = """
SELECT sku, currency, channel, sum(units)::bigint AS units, sum(gross)::bigint AS gross,
    sum(cancelled_units)::bigint AS cancelled_units, sum(cancelled)::bigint AS cancelled,
    sum(returned_units)::bigint AS returned_units, sum(refunded)::bigint AS refunded
FROM product_sales GROUP BY sku, currency, channel
"""

SALES_KEY = ("currency", "channel")
PRODUCT_KEY = ("sku", "currency", "channel")


@check("currencies and channels", key=SALES_KEY)
async def sales_equal_orders(databases: Databases) -> Result:
    """Revenue, orders, units, cancellations and returns in the figures are the orders', per currency and channel.

    A violation means that someone decides on wrong figures. If metrics' own invariants hold, a fact is missing or too
    many: compare fact_event with the orders; else see there.
    """
    orders = await databases.fetch("orders", ORDERS)
    sales = await databases.fetch("metrics", SALES)
    return _compared(orders, sales, SALES_KEY)


@check("SKUs", key=PRODUCT_KEY)
async def product_sales_equal_order_lines(databases: Databases) -> Result:
    """Units and revenue of each SKU in the figures are those of the orders' lines.

    A violation means that the list of what sold best is wrong for this SKU. See sales-equal-orders.
    """
    lines = await databases.fetch("orders", LINES)
    sales = await databases.fetch("metrics", PRODUCT_SALES)
    return _compared(lines, sales, PRODUCT_KEY)


def _compared(orders: Sequence[Row], figures: Sequence[Row], key: tuple[str, ...]) -> Result:
    ordered, booked = _by_key(orders, key), _by_key(figures, key)
    result = Result(looked_at=len(ordered.keys() | booked.keys()))
    for each in sorted(ordered.keys() | booked.keys()):
        left, right = ordered.get(each, {}), booked.get(each, {})
        names = sorted(left.keys() | right.keys())
        wrong = [name for name in names if left.get(name, 0) != right.get(name, 0)]
        if wrong:
            violation: dict[str, Any] = dict(zip(key, each, strict=True))
            for name in wrong:
                violation |= {f"{name}_in_orders": left.get(name, 0), f"{name}_in_figures": right.get(name, 0)}
            result.violations.append(violation)
    return result


def _by_key(rows: Sequence[Row], key: tuple[str, ...]) -> dict[tuple[str, ...], Row]:
    return {tuple(row[name] for name in key): _figures(row, key) for row in rows}


def _figures(row: Row, key: tuple[str, ...]) -> Row:
    return {name: value for name, value in row.items() if name not in key}


CHECKS = (sales_equal_orders, product_sales_equal_order_lines)
