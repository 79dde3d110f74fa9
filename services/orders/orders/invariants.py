"""What must always hold in the orders database, as queries: a row is a violation.

Amounts are minor units. The sandbox provider's books are looked at as one would ask a real provider.
"""

# ruff: noqa: S608 - every fragment put into a statement is a constant of this module

from common.invariants import invariant

LATE = "interval '15 minutes'"  # longer than any sweep rests between two tries


@invariant
def order_totals_add_up() -> str:
    """An order's total is its lines and its shipping.

    A violation means that a shopper was asked for another sum than the order shows. Stop capturing the order, compare
    with the checkout's frozen data, and correct the row that was changed by hand.
    """
    return """
    SELECT o.id, o.number, o.total, sum(l.total) AS lines, o.shipping, o.shipping_tax, o.tax
    FROM orders AS o LEFT JOIN order_line AS l ON l.order_id = o.id
    GROUP BY o.id
    HAVING o.total IS DISTINCT FROM coalesce(sum(l.total), 0)
            + o.shipping + CASE WHEN o.prices_include_tax THEN 0 ELSE o.shipping_tax END
        OR o.tax IS DISTINCT FROM coalesce(sum(l.tax), 0) + o.shipping_tax
        OR o.subtotal IS DISTINCT FROM coalesce(sum(l.unit_price * l.quantity), 0)
        OR (o.source IS NULL AND count(l.id) = 0)
    """


@invariant
def captured_money_is_counted_once() -> str:
    """What an order says was captured is the sum of its parcels' captures, and no more than was authorised.

    A violation means that money was taken twice or not counted. Compare with the provider's books by the parcels' ids
    and give back what is too much.
    """
    return """
    SELECT o.id, o.number, o.captured, p.captured AS payment, p.authorised,
        coalesce(sum(c.amount) FILTER (WHERE c.captured_at IS NOT NULL), 0) AS parcels
    FROM orders AS o JOIN payment AS p ON p.order_id = o.id LEFT JOIN capture AS c ON c.order_id = o.id
    GROUP BY o.id, p.id
    HAVING o.captured <> p.captured OR p.captured > p.authorised
        OR p.captured <> coalesce(sum(c.amount) FILTER (WHERE c.captured_at IS NOT NULL), 0)
        OR coalesce(sum(c.amount), 0) > o.total
    """


@invariant
def every_order_has_its_payment() -> str:
    """An order has one payment, authorised for its total, which the provider knows; a cancelled one's is given back.

    A violation means goods without money. Do not ship; ask the provider by the order's id. Imported orders are left
    out: they were paid elsewhere.
    """
    return """
    SELECT o.id, o.number, o.total, p.authorised, s.state AS at_provider
    FROM orders AS o LEFT JOIN payment AS p ON p.order_id = o.id LEFT JOIN sandbox_charge AS s ON s.key = o.id
    WHERE o.source IS NULL AND (
        p.authorised IS DISTINCT FROM o.total
        OR (p.void_asked_at IS NULL AND (s.state IS DISTINCT FROM 'authorised' OR s.authorised <> o.total))
        OR (p.voided_at IS NOT NULL AND s.state <> 'voided')
        OR (o.status = 'cancelled' AND p.void_asked_at IS NULL)
    )
    """


@invariant
def imported_orders_are_only_history() -> str:
    """An imported order has no payment, checkout or parcel of ours, all its units are gone, and it was told of once.

    A violation means that something was done here for an order which another system has dealt with long ago, or that
    the figures do not have it. Take back what was done; look in the outbox for the order's one event.
    """
    return """
    SELECT o.id, o.number, p.id AS payment, c.id AS checkout, s.id AS parcel, o.event_sequence
    FROM orders AS o LEFT JOIN payment AS p ON p.order_id = o.id LEFT JOIN checkout AS c ON c.id = o.id
        LEFT JOIN shipment AS s ON s.order_id = o.id
    WHERE o.source IS NOT NULL AND (num_nonnulls(p.id, c.id, s.id) > 0 OR o.event_sequence <> 1
        OR EXISTS (SELECT 1 FROM order_line AS l WHERE l.order_id = o.id AND l.shipped_quantity <> l.quantity))
    """


@invariant
def no_payment_without_order() -> str:
    """Money that the provider holds for a checkout belongs to an order.

    A violation means that a shopper paid for nothing: an undone checkout's payment was not given back. The sweep
    finish-checkouts gives it back; if it does not, read its log lines and void the payment by the checkout's id.
    """
    return f"""
    SELECT c.id, c.state, c.step, c.attempts, s.authorised
    FROM sandbox_charge AS s LEFT JOIN checkout AS c ON c.id = s.key LEFT JOIN orders AS o ON o.id = s.key
    WHERE s.state = 'authorised' AND o.id IS NULL
        AND (c.id IS NULL OR (c.state <> 'started' AND c.step NOT IN ('undoing', 'watching'))
            OR c.deadline_at < $1::timestamptz - {LATE})
    """


@invariant
def placed_checkouts_are_orders() -> str:
    """A checkout is placed exactly where its order is there, and the cart says so.

    A violation means that the transaction which places an order was taken apart. Find out who wrote to these tables.
    """
    return """
    SELECT c.id, c.state, o.number, k.state AS cart
    FROM checkout AS c LEFT JOIN orders AS o ON o.id = c.id LEFT JOIN cart AS k ON k.id = c.cart_id
    WHERE (c.state = 'placed') <> (o.id IS NOT NULL)
        OR (c.state = 'placed' AND (k.state <> 'ordered' OR k.order_id <> c.id))
    """


@invariant
def checkouts_come_to_an_end() -> str:
    """No checkout is unfinished, or not wholly undone, a quarter of an hour after its deadline.

    A violation means that inventory or the payment provider has been away for as long, or that the sweep
    finish-checkouts does not run. Its log lines checkout.unfinished say which.
    """
    return f"""
    SELECT id, state, step, attempts, deadline_at, due_at FROM checkout
    WHERE ((state IN ('started', 'reserved', 'authorised', 'confirmed')) OR step = 'undoing')
        AND deadline_at < $1::timestamptz - {LATE}
    """


@invariant
def carts_checking_out_have_a_checkout() -> str:
    """A cart is closed to changes only while a checkout of it runs.

    A violation means a cart that its shopper can never change again. Set its state to open.
    """
    return """
    SELECT k.id, k.state FROM cart AS k
    LEFT JOIN checkout AS c ON c.cart_id = k.id AND c.state IN ('started', 'reserved', 'authorised', 'confirmed')
    WHERE (k.state = 'checking_out') <> (c.id IS NOT NULL)
    """


@invariant
def shipped_units_are_in_parcels() -> str:
    """A line's shipped units are those of its parcels, never more than were ordered, and the order's state says so.

    A violation means that goods left twice or that a parcel was lost from the books. Compare with the warehouse.
    Imported orders are left out: their parcels are another system's.
    """
    return """
    WITH line AS (
        SELECT l.order_id, l.id, l.sku, l.quantity, l.shipped_quantity, coalesce(sum(s.quantity), 0) AS in_parcels
        FROM order_line AS l LEFT JOIN shipment_line AS s ON s.order_line_id = l.id GROUP BY l.id
    )
    SELECT o.id, o.number, line.sku, line.quantity, line.shipped_quantity, line.in_parcels, o.fulfilment_status
    FROM line JOIN orders AS o ON o.id = line.order_id
    WHERE o.source IS NULL AND (
        line.shipped_quantity <> line.in_parcels OR line.shipped_quantity > line.quantity
        OR (line.shipped_quantity < line.quantity AND o.fulfilment_status IN ('fulfilled', 'delivered'))
        OR (line.shipped_quantity > 0 AND o.fulfilment_status = 'none')
    )
    """


@invariant
def paid_means_paid() -> str:
    """An order is paid exactly when its whole total was captured.

    A violation means that figures and mails tell of money that is not there, or the other way round.
    """
    return """
    SELECT id, number, payment_status, captured, total FROM orders
    WHERE (payment_status = 'paid' AND captured <> total)
        OR (payment_status IN ('authorised', 'partly_paid') AND captured = total AND total > 0)
        OR (payment_status IN ('authorised', 'voided') AND captured > 0)
    """


@invariant
def captures_come_through() -> str:
    """What left is paid for within a day.

    A violation means that the provider refuses a parcel's capture, or that the job capture-parcel is parked: requeue
    it, or ask the buyer.
    """
    return """
    SELECT id, order_id, amount, created_at FROM capture
    WHERE captured_at IS NULL AND created_at < $1::timestamptz - interval '1 day'
    """


INVARIANTS = (
    order_totals_add_up,
    captured_money_is_counted_once,
    every_order_has_its_payment,
    imported_orders_are_only_history,
    no_payment_without_order,
    placed_checkouts_are_orders,
    checkouts_come_to_an_end,
    carts_checking_out_have_a_checkout,
    shipped_units_are_in_parcels,
    paid_means_paid,
    captures_come_through,
)
