"""What must always hold of stock. Each docstring says what a violation means and what to do about it."""

from common.invariants import invariant


@invariant
def ledger_adds_up_to_levels() -> str:
    """What lies at a location is the sum of its ledger.

    A level was written without its row, or the other way round: a bug, or a hand in the database. Count the shelf and
    send the count; the ledger then says how the figure came to be. Never change the ledger.
    """
    return """
    SELECT s.id AS level_id, s.sku, s.on_hand, coalesce(sum(m.quantity), 0) AS ledger
    FROM stock_level AS s LEFT JOIN stock_movement AS m ON m.level_id = s.id
    GROUP BY s.id HAVING s.on_hand <> coalesce(sum(m.quantity), 0)
    """


@invariant
def ledger_is_unbroken() -> str:
    """Each row of the ledger continues where the one before it ended.

    A change of the level went unrecorded between two rows, or two changes ran without a lock. See
    ledger-adds-up-to-levels for whether the level is wrong too.
    """
    return """
    SELECT id, level_id, sku, quantity, on_hand_after, before FROM (
        SELECT *, lag(on_hand_after, 1, 0::bigint) OVER (PARTITION BY level_id ORDER BY id) AS before
        FROM stock_movement
    ) AS row_and_before WHERE before + quantity <> on_hand_after
    """


@invariant
def reserved_is_what_holds_hold() -> str:
    """What a level calls reserved is the sum of the lines of holds that are under way.

    Too much reserved: units that nobody can buy until the level is corrected. Too little: units may be sold twice.
    Find the reservation whose state and level disagree, and look at what ended it.
    """
    return """
    SELECT s.id AS level_id, s.sku, s.reserved, coalesce(h.units, 0) AS held
    FROM stock_level AS s LEFT JOIN (
        SELECT l.level_id, sum(l.quantity) AS units FROM reservation_line AS l
        JOIN reservation AS r ON r.id = l.reservation_id WHERE r.state IN ('held', 'confirmed') GROUP BY l.level_id
    ) AS h ON h.level_id = s.id
    WHERE s.reserved <> coalesce(h.units, 0)
    """


@invariant
def allocated_is_what_orders_wait_for() -> str:
    """What a level calls allocated is the sum of what orders have and has not shipped.

    Too much allocated: units that nobody can buy. Too little: units may be sold twice. Find the order whose lines and
    level disagree, and look at its parcels and its cancellation.
    """
    return """
    SELECT s.id AS level_id, s.sku, s.allocated, coalesce(a.units, 0) AS waiting
    FROM stock_level AS s LEFT JOIN (
        SELECT l.level_id, sum(greatest(0, l.quantity - l.shipped)) AS units FROM allocation_line AS l
        JOIN allocation AS o USING (order_id) WHERE o.state = 'allocated' GROUP BY l.level_id
    ) AS a ON a.level_id = s.id
    WHERE s.allocated <> coalesce(a.units, 0)
    """


@invariant
def no_figure_is_negative() -> str:
    """No level has less than nothing of anything.

    CHECKs of the table refuse this; a violation means that someone dropped them. Restore the constraints first.
    """
    return """
    SELECT id AS level_id, sku, on_hand, reserved, allocated, safety, short FROM stock_level
    WHERE least(on_hand, reserved, allocated, safety, short) < 0
    """


@invariant
def nothing_is_promised_twice() -> str:
    """What is reserved and allocated lies there, but for what a level is known to be short.

    A CHECK of the table refuses this; a violation means that someone dropped it, and that shoppers were promised the
    same unit. Restore the constraint, then receive stock or cancel the youngest orders.
    """
    return """
    SELECT id AS level_id, sku, on_hand, reserved, allocated, short FROM stock_level
    WHERE on_hand + short < reserved + allocated
    """


@invariant
def paid_orders_have_their_units() -> str:
    """No order waits for units that were sold without a hold and were not there.

    An order came whose hold was missing or over: look for `allocation.short` in the log and at the checkout of this
    id. Receive stock, which is then this order's, or cancel it.
    """
    return """
    SELECT l.order_id, l.sku, l.quantity, l.shipped, l.short FROM allocation_line AS l
    JOIN allocation AS o USING (order_id) JOIN stock_level AS s ON s.id = l.level_id
    WHERE l.short > 0 AND s.short > 0 AND o.state = 'allocated' AND l.shipped < l.quantity
    """


INVARIANTS = (
    ledger_adds_up_to_levels,
    ledger_is_unbroken,
    reserved_is_what_holds_hold,
    allocated_is_what_orders_wait_for,
    no_figure_is_negative,
    nothing_is_promised_twice,
    paid_orders_have_their_units,
)
