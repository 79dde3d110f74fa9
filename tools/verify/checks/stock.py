"""Orders and the stock that is theirs: what orders has sold, inventory has put aside, and nothing else."""

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from tools.verify.checks.check import Result, batches, check
from tools.verify.databases import Databases, Row

OPEN_ORDERS = """
SELECT id FROM orders WHERE status <> 'cancelled' AND source IS NULL AND id > $1 ORDER BY id LIMIT $2
"""
CANCELLED_ORDERS = "SELECT id FROM orders WHERE status = 'cancelled' AND id > $1 ORDER BY id LIMIT $2"
IMPORTED_ORDERS = "SELECT id FROM orders WHERE source IS NOT NULL AND id > $1 ORDER BY id LIMIT $2"
ORDER_LINES = """
SELECT order_id, sku, sum(quantity)::bigint AS quantity, sum(shipped_quantity)::bigint AS shipped FROM order_line
WHERE order_id = ANY ($1::uuid[]) GROUP BY order_id, sku ORDER BY order_id, sku
"""
PUT_ASIDE = """
SELECT a.order_id, a.state, l.sku, l.quantity, l.shipped
FROM allocation AS a LEFT JOIN allocation_line AS l USING (order_id) WHERE a.order_id = ANY ($1::uuid[])
UNION ALL
SELECT r.id, r.state, l.sku, l.quantity, 0
FROM reservation AS r JOIN reservation_line AS l ON l.reservation_id = r.id
WHERE r.id = ANY ($1::uuid[]) AND r.state IN ('held', 'confirmed')
"""
EVER_TOUCHED = """
SELECT order_id, state FROM allocation WHERE order_id = ANY ($1::uuid[])
UNION ALL
SELECT id, state FROM reservation WHERE id = ANY ($1::uuid[])
"""
STILL_HELD = """
SELECT a.order_id, a.state, l.sku, l.quantity - l.shipped AS units
FROM allocation AS a JOIN allocation_line AS l USING (order_id)
WHERE a.order_id = ANY ($1::uuid[]) AND a.state = 'allocated' AND l.quantity > l.shipped
UNION ALL
SELECT r.id, r.state, l.sku, l.quantity
FROM reservation AS r JOIN reservation_line AS l ON l.reservation_id = r.id
WHERE r.id = ANY ($1::uuid[]) AND r.state IN ('held', 'confirmed')
"""
PARCELS = "SELECT id FROM shipment WHERE id > $1 ORDER BY id LIMIT $2"
PARCEL_LINES = """
SELECT s.order_id, l.shipment_id, l.sku, sum(l.quantity)::bigint AS quantity
FROM shipment_line AS l JOIN shipment AS s ON s.id = l.shipment_id
WHERE l.shipment_id = ANY ($1::uuid[]) GROUP BY s.order_id, l.shipment_id, l.sku ORDER BY l.shipment_id, l.sku
"""
LEDGER = """
SELECT reference, sku, -sum(quantity)::bigint AS quantity FROM stock_movement
WHERE kind = 'shipment' AND reference = ANY ($1::text[]) GROUP BY reference, sku
"""
HOLDS = """
SELECT id, state, created_at FROM reservation WHERE state IN ('held', 'confirmed') AND id > $1 ORDER BY id LIMIT $2
"""
CHECKOUTS = "SELECT id, state, step FROM checkout WHERE id = ANY ($1::uuid[])"
ALLOCATIONS = "SELECT order_id AS id FROM allocation WHERE state = 'allocated' AND order_id > $1 ORDER BY id LIMIT $2"
KNOWN_ORDERS = "SELECT id FROM orders WHERE id = ANY ($1::uuid[])"

LIVE_STATES = frozenset({"started", "reserved", "authorised", "confirmed", "placed"})  # placed: its event is on its way
KEEPS_STOCK = frozenset({"allocated", "confirmed"})  # a hold that may still end by time is nobody's stock


@check("orders", key=("order_id", "sku"))
async def placed_orders_have_their_stock(databases: Databases) -> Result:
    """Each SKU of an order that stands is put aside for it, as many units as were sold, less what has left.

    A violation means that a unit was sold which is not there for its buyer, or that the two services disagree on what
    has left. Look at inventory's dead letters for the order's id and redrive them; else correct the allocation before
    anything of the order is shipped.
    """
    result = Result()
    async for rows in batches(databases, "orders", OPEN_ORDERS):
        ids = [row["id"] for row in rows]
        sold = await databases.fetch("orders", ORDER_LINES, ids)
        aside = await databases.fetch("inventory", PUT_ASIDE, ids)
        kept = {(row["order_id"], row["sku"]): row for row in aside if row["state"] in KEEPS_STOCK}
        result.looked_at += len(ids)
        result.violations += [
            found for line in sold if (found := _difference(line, kept.get((line["order_id"], line["sku"]))))
        ]
    return result


def _difference(line: Row, aside: Row | None) -> dict[str, Any] | None:
    sold, shipped = line["quantity"], line["shipped"]
    if aside is not None and (aside["quantity"], aside["shipped"]) == (sold, shipped):
        return None
    return {
        "order_id": line["order_id"],
        "sku": line["sku"],
        "sold": sold,
        "shipped": shipped,
        "put_aside": aside["quantity"] if aside else 0,
        "left_stock": aside["shipped"] if aside else 0,
    }


@check("parcels", key=("parcel_id", "sku"))
async def parcels_are_in_the_ledger(databases: Databases) -> Result:
    """What each parcel took is written in inventory's ledger, unit by unit.

    A violation means that goods left and the stock does not know, or knows of more. Look at inventory's dead letters
    for the parcel's order; never change the ledger, add a correcting adjustment.
    """
    result = Result()
    async for rows in batches(databases, "orders", PARCELS):
        ids = [row["id"] for row in rows]
        lines = await databases.fetch("orders", PARCEL_LINES, ids)
        ledger = await databases.fetch("inventory", LEDGER, [str(each) for each in ids])
        taken = {(row["reference"], row["sku"]): row["quantity"] for row in ledger}
        result.looked_at += len(ids)
        for line in lines:
            booked = taken.pop((str(line["shipment_id"]), line["sku"]), 0)
            if booked != line["quantity"]:
                result.violations.append(_unbooked(line["shipment_id"], line["sku"], line["quantity"], booked))
        result.violations += [_unbooked(UUID(parcel), sku, 0, units) for (parcel, sku), units in taken.items()]
    return result


def _unbooked(parcel_id: UUID, sku: str, in_parcel: int, in_ledger: int) -> dict[str, Any]:
    return {"parcel_id": parcel_id, "sku": sku, "in_parcel": in_parcel, "in_ledger": in_ledger}


@check("cancelled orders", key=("order_id", "sku"))
async def cancelled_orders_hold_no_stock(databases: Databases) -> Result:
    """No unit is put aside for an order that was cancelled.

    A violation means units that nobody can buy and nobody gets. Look at inventory's dead letters for the order's
    order.cancelled and redrive it.
    """
    result = Result()
    async for rows in batches(databases, "orders", CANCELLED_ORDERS):
        held = await databases.fetch("inventory", STILL_HELD, [row["id"] for row in rows])
        result.looked_at += len(rows)
        result.violations += [dict(row) for row in held]
    return result


@check("imported orders", key=("order_id",))
async def imported_orders_touch_no_stock(databases: Databases) -> Result:
    """Nothing was ever put aside for an order of imported history.

    A violation means units that wait for a parcel which left another system long ago. Give them back by hand, and look
    which event made inventory take the order for one of ours.
    """
    result = Result()
    async for rows in batches(databases, "orders", IMPORTED_ORDERS):
        touched = await databases.fetch("inventory", EVER_TOUCHED, _ids(rows))
        result.looked_at += len(rows)
        result.violations += [dict(row) for row in touched]
    return result


@check("holds", key=("reservation_id",))
async def no_hold_without_a_live_checkout(databases: Databases) -> Result:
    """Each hold belongs to a checkout that is under way, or that still has to give it back.

    A violation means units that nobody is buying. A hold that is only held ends by time; a confirmed one is asked for
    by inventory's sweep ask-about-confirmed-holds after half an hour: look whether that runs and what orders answers.
    """
    result = Result()
    async for rows in batches(databases, "inventory", HOLDS):
        checkouts = {row["id"]: row for row in await databases.fetch("orders", CHECKOUTS, _ids(rows))}
        result.looked_at += len(rows)
        for hold in rows:
            checkout = checkouts.get(hold["id"])
            if checkout is None or not (checkout["state"] in LIVE_STATES or checkout["step"] == "undoing"):
                result.violations.append(
                    {
                        "reservation_id": hold["id"],
                        "state": hold["state"],
                        "checkout": checkout["state"] if checkout else None,
                        "created_at": hold["created_at"],
                    }
                )
    return result


@check("allocations", key=("order_id",))
async def no_allocation_without_an_order(databases: Databases) -> Result:
    """Stock that is allocated is allocated to an order that orders knows.

    A violation means that orders lost an order (a restored backup, perhaps) or that someone published in its name.
    Compare with the provider's payments before the units are given back.
    """
    result = Result()
    async for rows in batches(databases, "inventory", ALLOCATIONS):
        known = {row["id"] for row in await databases.fetch("orders", KNOWN_ORDERS, _ids(rows))}
        result.looked_at += len(rows)
        result.violations += [{"order_id": row["id"]} for row in rows if row["id"] not in known]
    return result


def _ids(rows: Iterable[Row]) -> list[UUID]:
    return [row["id"] for row in rows]


CHECKS = (
    placed_orders_have_their_stock,
    parcels_are_in_the_ledger,
    cancelled_orders_hold_no_stock,
    imported_orders_touch_no_stock,
    no_hold_without_a_live_checkout,
    no_allocation_without_an_order,
)
