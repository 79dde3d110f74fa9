"""SQL of allocations, for whole batches of orders."""

# ruff: noqa: S608 - the pieces of these statements are constants of ours

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import asyncpg

from common.database import UnitOfWork, uuid7
from inventory.allocation.rules import Line
from inventory.stock.models import level_columns

# Holds become allocations: reservation, allocation and its lines, and the levels, sorted, in one round trip.
ALLOCATE_HELD = f"""
WITH taken AS (
    UPDATE reservation AS r SET state = 'allocated', expires_at = NULL, version = r.version + 1, updated_at = $2
    WHERE r.id = ANY ($1::uuid[]) AND r.state IN ('held', 'confirmed')
        AND NOT EXISTS (SELECT FROM allocation AS a WHERE a.order_id = r.id)
    RETURNING r.id
), allocated AS (
    INSERT INTO allocation (order_id, state, created_at, updated_at) SELECT id, 'allocated', $2, $2 FROM taken
), lines AS (
    INSERT INTO allocation_line (order_id, sku, location_id, level_id, quantity)
    SELECT l.reservation_id, l.sku, l.location_id, l.level_id, l.quantity
    FROM taken AS t JOIN reservation_line AS l ON l.reservation_id = t.id
    RETURNING order_id, level_id, quantity
), delta AS (
    SELECT level_id, sum(quantity)::bigint AS units FROM lines GROUP BY level_id
), locked AS (
    SELECT s.id, d.units FROM stock_level AS s JOIN delta AS d ON d.level_id = s.id ORDER BY s.sku, s.location_id
    FOR NO KEY UPDATE OF s
), moved AS (
    UPDATE stock_level AS s
    SET reserved = s.reserved - k.units, allocated = s.allocated + k.units, version = s.version + 1, updated_at = $2
    FROM locked AS k WHERE s.id = k.id RETURNING {level_columns("s")}
)
SELECT l.order_id, l.quantity, {level_columns("m")} FROM lines AS l JOIN moved AS m ON m.id = l.level_id
ORDER BY m.sku, m.location_id
"""

KNOWN = "SELECT order_id FROM allocation WHERE order_id = ANY ($1::uuid[])"

INSERT = "INSERT INTO allocation (order_id, state, created_at, updated_at) VALUES ($1, 'allocated', $2, $2)"

INSERT_LINES = """
INSERT INTO allocation_line (order_id, sku, location_id, level_id, quantity)
SELECT n.order_id, s.sku, s.location_id, s.id, n.quantity
FROM unnest($1::uuid[], $2::uuid[], $3::bigint[]) AS n (order_id, level_id, quantity)
JOIN stock_level AS s ON s.id = n.level_id
"""

SAVE_SHORT = """
UPDATE allocation_line AS l SET short = n.short FROM unnest($2::uuid[], $3::bigint[]) AS n (level_id, short)
WHERE l.order_id = $1 AND l.level_id = n.level_id
"""

# Where an order without a hold gets units from: a location that has them whole, the one that an earlier hold had
# chosen, the one that has most.
PICK = """
SELECT s.id FROM stock_level AS s JOIN location AS o ON o.id = s.location_id
LEFT JOIN reservation_line AS l ON l.reservation_id = $1 AND l.level_id = s.id
WHERE s.sku = $2
ORDER BY (o.active AND s.on_hand - s.reserved - s.allocated - s.safety >= $3) DESC, l.level_id IS NOT NULL DESC,
    o.active DESC, s.on_hand - s.reserved - s.allocated - s.safety DESC, o.priority, o.code
LIMIT 1
"""

FIRST_LOCATION = "SELECT id FROM location ORDER BY active DESC, priority, code LIMIT 1"

MAKE_LEVEL = """
INSERT INTO stock_level (id, sku, location_id, created_at, updated_at) VALUES ($1, $2, $3, $4, $4)
ON CONFLICT (sku, location_id) DO UPDATE SET sku = excluded.sku RETURNING id
"""

TAKE_HOLD = """
INSERT INTO reservation (id, state, created_at, updated_at) VALUES ($1, 'allocated', $2, $2)
ON CONFLICT (id) DO UPDATE SET state = 'allocated', version = reservation.version + 1, updated_at = $2
"""

CANCEL = """
INSERT INTO allocation (order_id, state, created_at, updated_at)
SELECT n, 'cancelled', $2, $2 FROM unnest($1::uuid[]) AS n ORDER BY n
ON CONFLICT (order_id) DO UPDATE SET state = 'cancelled', updated_at = $2 WHERE allocation.state <> 'cancelled'
RETURNING order_id
"""

NEW_PARCELS = """
INSERT INTO shipment (parcel_id, order_id, shipped_at)
SELECT n.* FROM unnest($1::uuid[], $2::uuid[], $3::timestamptz[]) AS n (parcel_id, order_id, shipped_at)
ORDER BY n.parcel_id ON CONFLICT (parcel_id) DO NOTHING RETURNING parcel_id
"""

LINES = """
SELECT l.order_id, l.sku, l.level_id, l.quantity, l.shipped, a.state = 'cancelled' AS cancelled
FROM allocation_line AS l JOIN allocation AS a USING (order_id) WHERE l.order_id = ANY ($1::uuid[]) ORDER BY l.sku
"""

SAVE_SHIPPED = """
UPDATE allocation_line AS l SET shipped = n.shipped
FROM unnest($1::uuid[], $2::text[], $3::bigint[]) AS n (order_id, sku, shipped)
WHERE l.order_id = n.order_id AND l.sku = n.sku
"""

# Taken before a batch that does more than allocate, so that its steps meet no one on the way: reservations, then
# levels, each sorted.
LOCK_LEVELS = """
SELECT s.id FROM stock_level AS s WHERE s.id IN (
    SELECT level_id FROM reservation_line WHERE reservation_id = ANY ($1::uuid[])
    UNION SELECT level_id FROM allocation_line WHERE order_id = ANY ($1::uuid[])
) ORDER BY s.sku, s.location_id FOR NO KEY UPDATE
"""


@dataclass(frozen=True, slots=True)
class NewParcel:
    """A parcel that left."""

    parcel_id: UUID
    order_id: UUID
    shipped_at: datetime


class AllocationRepository:
    """Allocations, in one unit of work."""

    def __init__(self, uow: UnitOfWork) -> None:
        self._uow = uow

    async def lock_levels(self, order_ids: Sequence[UUID]) -> None:
        """Lock every level that these orders' holds and allocations stand on."""
        await self._uow.execute(LOCK_LEVELS, list(order_ids))

    async def allocate_held(self, order_ids: Sequence[UUID], *, at: datetime) -> list[asyncpg.Record]:
        """Turn holds into allocations. Returns a row for each line: order_id, quantity, and its level afterwards."""
        return await self._uow.fetch(ALLOCATE_HELD, list(order_ids), at)

    async def known(self, order_ids: Sequence[UUID]) -> set[UUID]:
        """Tell which orders have an allocation, or are cancelled."""
        return {row["order_id"] for row in await self._uow.fetch(KNOWN, list(order_ids))}

    async def insert(self, order_id: UUID, *, at: datetime) -> None:
        """Note an allocation without lines, and that its id holds nothing any more."""
        await self._uow.execute(INSERT, order_id, at)
        await self._uow.execute(TAKE_HOLD, order_id, at)

    async def pick_level(self, order_id: UUID, sku: str, quantity: int, *, at: datetime) -> UUID | None:
        """Choose where units come from, making the level if there is none; None where there is no location at all."""
        level_id: UUID | None = await self._uow.fetchval(PICK, order_id, sku, quantity)
        if level_id is None and (location_id := await self._uow.fetchval(FIRST_LOCATION)) is not None:
            level_id = await self._uow.fetchval(MAKE_LEVEL, uuid7(), sku, location_id, at)
        return level_id

    async def insert_lines(self, lines: Sequence[Line]) -> None:
        """Add lines to allocations."""
        await self._uow.execute(
            INSERT_LINES,
            [line.order_id for line in lines],
            [line.level_id for line in lines],
            [line.quantity for line in lines],
        )

    async def save_short(self, order_id: UUID, short: Mapping[UUID, int]) -> None:
        """Note units, by level, that were sold and were not there."""
        await self._uow.execute(SAVE_SHORT, order_id, list(short), list(short.values()))

    async def cancel(self, order_ids: Sequence[UUID], *, at: datetime) -> set[UUID]:
        """Note that orders are cancelled, known or not; returns those that were not."""
        return {row["order_id"] for row in await self._uow.fetch(CANCEL, list(order_ids), at)}

    async def claim_parcels(self, parcels: Sequence[NewParcel]) -> set[UUID]:
        """Note parcels that left; returns the ids of those that are new."""
        rows = await self._uow.fetch(
            NEW_PARCELS,
            [parcel.parcel_id for parcel in parcels],
            [parcel.order_id for parcel in parcels],
            [parcel.shipped_at for parcel in parcels],
        )
        return {row["parcel_id"] for row in rows}

    async def lines_of(self, order_ids: Sequence[UUID]) -> list[Line]:
        """Read the lines of allocations, by SKU."""
        return [Line(**row) for row in await self._uow.fetch(LINES, list(order_ids))]

    async def save_shipped(self, lines: Sequence[Line]) -> None:
        """Write how much of each line has left."""
        await self._uow.execute(
            SAVE_SHIPPED,
            [line.order_id for line in lines],
            [line.sku for line in lines],
            [line.shipped for line in lines],
        )
