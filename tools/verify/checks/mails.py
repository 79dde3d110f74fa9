"""Orders and the mails about them: each told once."""

from collections import Counter
from uuid import UUID

from tools.verify.checks.check import Result, batches, check
from tools.verify.databases import Databases, Row

ORDERS = """
SELECT o.id, o.status = 'cancelled' AS cancelled, o.source IS NOT NULL AS imported,
    (SELECT count(*) FROM shipment AS s WHERE s.order_id = o.id) AS parcels
FROM orders AS o WHERE o.id > $1 ORDER BY o.id LIMIT $2
"""
MAILS = """
SELECT order_id, template, count(*) AS mails FROM message
WHERE order_id = ANY ($1::uuid[]) AND template = ANY ($2::text[]) GROUP BY order_id, template
"""

PLACED, SHIPPED, CANCELLED = "order-placed", "order-shipped", "order-cancelled"


@check("orders", key=("order_id", "template"))
async def each_order_is_told_of_once(databases: Databases) -> Result:
    """An order has one confirmation, one mail for each of its parcels, and one for its cancellation if there was one.

    An imported order has none at all: its buyer was told elsewhere. Too few: a buyer was not told; look at the dead
    letters of notifications.mail and redrive them. Too many: a buyer was told twice; look whether an event was
    published twice under two ids.
    """
    result = Result()
    async for rows in batches(databases, "orders", ORDERS):
        ids = [row["id"] for row in rows]
        mails = await databases.fetch("notifications", MAILS, ids, [PLACED, SHIPPED, CANCELLED])
        written: Counter[tuple[UUID, str]] = Counter(
            {(row["order_id"], row["template"]): row["mails"] for row in mails}
        )
        result.looked_at += len(ids)
        for order in rows:
            result.violations += [
                {"order_id": order["id"], "template": template, "mails": mails_written, "due": due}
                for template, due in _due(order).items()
                if (mails_written := written[order["id"], template]) != due
            ]
    return result


def _due(order: Row) -> dict[str, int]:
    return {PLACED: int(not order["imported"]), SHIPPED: order["parcels"], CANCELLED: int(order["cancelled"])}


CHECKS = (each_order_is_told_of_once,)
