"""Our orders and the payment provider's books, side by side."""

from collections.abc import Mapping

from common.testing.suite import until
from tests.support.shop import Shop

CHARGED_OR_ORDERED = """
SELECT coalesce(c.key, o.id)::text AS id, c.state, c.authorised, o.status, o.total
FROM sandbox_charge AS c FULL JOIN orders AS o ON o.id = c.key
WHERE coalesce(c.state, '') <> 'declined' AND o.source IS NULL
"""
UNFINISHED = "SELECT id FROM checkout WHERE state NOT IN ('placed', 'undone', 'failed') OR step = 'undoing'"
PLACED = "SELECT id::text, cart_id::text FROM orders WHERE id::text = ANY($1)"


async def all_ended(shop: Shop) -> None:
    """Move time past every deadline, and wait until no checkout is under way or on its way back."""
    await shop.move_time("PT1M")

    async def ended() -> bool:
        return not await shop.suite.rows("orders", UNFINISHED)

    await until(ended)


async def unbalanced(shop: Shop) -> list[dict[str, object]]:
    """Charges without their order, orders of ours without their charge, amounts that differ."""
    rows = await shop.suite.rows("orders", CHARGED_OR_ORDERED)
    return [row for row in map(dict, rows) if not _balanced(row)]


def _balanced(row: Mapping[str, object]) -> bool:
    charged = row["state"] == "authorised"
    owed = row["status"] in {"open", "closed"}
    return charged == owed and (not owed or row["authorised"] == row["total"])


async def placed_once(shop: Shop, placed: Mapping[str, str]) -> bool:
    """Whether each order that was promised by a 201 is there, of its own cart."""
    rows = await shop.suite.rows("orders", PLACED, list(placed))
    return {row["id"]: row["cart_id"] for row in rows} == dict(placed)
