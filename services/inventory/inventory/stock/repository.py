"""SQL of stock: levels are read locked, in the order of SKU and location, and written in sets."""

# ruff: noqa: S608 - the pieces of these statements are constants of ours

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import asyncpg

from common.database import UnitOfWork, uuid7
from inventory.stock.models import Delta, Level, Movement, level_columns
from inventory.stock.schemas import LevelView

LOCK_AT_LOCATION = f"""
SELECT {level_columns("s")} FROM stock_level AS s WHERE s.location_id = $1 AND s.sku = ANY ($2::text[])
ORDER BY s.sku FOR NO KEY UPDATE
"""

LOCK = f"""
SELECT {level_columns("s")} FROM stock_level AS s WHERE s.id = ANY ($1::uuid[])
ORDER BY s.sku, s.location_id FOR NO KEY UPDATE
"""

INSERT_MISSING = f"""
INSERT INTO stock_level AS s (id, sku, location_id, created_at, updated_at)
SELECT n.id, n.sku, $3, $4, $4 FROM unnest($1::uuid[], $2::text[]) AS n (id, sku) ORDER BY n.sku COLLATE "C"
ON CONFLICT (sku, location_id) DO NOTHING RETURNING {level_columns("s")}
"""

# The rows are locked by the caller, who has read what it writes.
SAVE = f"""
UPDATE stock_level AS s
SET on_hand = n.on_hand, safety = n.safety, reorder_point = n.reorder_point,
    short = greatest(0, s.reserved + s.allocated - n.on_hand), version = s.version + 1, updated_at = $5
FROM unnest($1::uuid[], $2::bigint[], $3::bigint[], $4::bigint[]) AS n (id, on_hand, safety, reorder_point)
WHERE s.id = n.id RETURNING {level_columns("s")}
"""

# Adds to levels wherever they stand; locks them itself, sorted.
APPLY = f"""
WITH delta AS (
    SELECT d.* FROM unnest($1::uuid[], $2::bigint[], $3::bigint[], $4::bigint[]) AS d (id, on_hand, reserved, allocated)
), locked AS (
    SELECT s.id FROM stock_level AS s JOIN delta AS d ON d.id = s.id ORDER BY s.sku, s.location_id
    FOR NO KEY UPDATE OF s
)
UPDATE stock_level AS s
SET on_hand = s.on_hand + d.on_hand, reserved = s.reserved + d.reserved, allocated = s.allocated + d.allocated,
    short = greatest(0, s.reserved + d.reserved + s.allocated + d.allocated - s.on_hand - d.on_hand),
    version = s.version + 1, updated_at = $5
FROM delta AS d JOIN locked AS k ON k.id = d.id
WHERE s.id = d.id RETURNING {level_columns("s")}
"""

SAVE_ALARMS = """
UPDATE stock_level AS s SET is_low = n.is_low, is_out = n.is_out
FROM unnest($1::uuid[], $2::boolean[], $3::boolean[]) AS n (id, is_low, is_out) WHERE s.id = n.id
"""

WRITE_LEDGER = """
INSERT INTO stock_movement (level_id, sku, location_id, kind, quantity, on_hand_after, reason, reference, actor, at)
SELECT m.*, $10 FROM unnest(
    $1::uuid[], $2::text[], $3::uuid[], $4::text[], $5::bigint[], $6::bigint[], $7::text[], $8::text[], $9::text[]
) AS m RETURNING id
"""

CLAIM_COUNTS = """
INSERT INTO stock_count_key (key, created_at) SELECT k, $2 FROM unnest($1::text[]) AS k ORDER BY k
ON CONFLICT (key) DO NOTHING RETURNING key
"""

LOCATION_EXISTS = "SELECT EXISTS (SELECT FROM location WHERE id = $1)"

VERSION_OF_SKU = "SELECT coalesce(sum(version), 0)::bigint FROM stock_level WHERE sku = $1"

TITLE = "(SELECT k.title FROM known_sku AS k WHERE k.sku = s.sku ORDER BY k.product_id DESC LIMIT 1) AS title"

NAMES_OF_LEVEL = f"""
SELECT o.code, {TITLE} FROM stock_level AS s JOIN location AS o ON o.id = s.location_id WHERE s.id = $1
"""

LEVELS_OF_SKU = f"""
SELECT {level_columns("s")}, o.code, o.active, {TITLE}
FROM stock_level AS s JOIN location AS o ON o.id = s.location_id WHERE s.sku = $1 ORDER BY o.priority, o.code
"""

KNOWN = "SELECT title, published FROM known_sku WHERE sku = $1 ORDER BY published DESC, product_id DESC LIMIT 1"

PAGE = f"""
SELECT {level_columns("s")}, o.code, o.active, {TITLE}
FROM stock_level AS s JOIN location AS o ON o.id = s.location_id
WHERE ($1::text[] IS NULL OR s.sku = ANY ($1)) AND ($2::uuid IS NULL OR s.location_id = $2)
    AND (NOT $3::boolean OR s.on_hand - s.reserved - s.allocated - s.safety <= s.reorder_point)
    AND ($4::text IS NULL OR (s.sku, s.location_id) > ($4, $5::uuid))
ORDER BY s.sku, s.location_id LIMIT $6
"""

# Of drafts the public hears nothing; of a SKU that the catalogue has not told us of, what stock there is.
PUBLIC = """
SELECT w.sku, s.on_hand - s.reserved - s.allocated - s.safety AS available, s.reorder_point
FROM unnest($1::text[]) AS w (sku) JOIN stock_level AS s ON s.sku = w.sku JOIN location AS o ON o.id = s.location_id
WHERE o.active AND NOT EXISTS (
    SELECT FROM known_sku AS k WHERE k.sku = w.sku HAVING count(*) > 0 AND NOT bool_or(k.published)
)
"""


class StockRepository:
    """Levels and ledger, in one unit of work."""

    def __init__(self, uow: UnitOfWork) -> None:
        self._uow = uow

    async def location_exists(self, location_id: UUID) -> bool:
        """Tell whether stock can lie there."""
        found: bool = await self._uow.fetchval(LOCATION_EXISTS, location_id)
        return found

    async def open_levels(
        self, location_id: UUID, skus: Sequence[str], *, at: datetime
    ) -> tuple[dict[str, Level], set[UUID]]:
        """Lock the levels of ``skus`` (each once) at a location, making those that are missing.

        Returns them by SKU, and the ids of the new ones.
        """
        levels = await self._lock_at(location_id, skus)
        missing = sorted(set(skus) - levels.keys())
        if not missing:
            return levels, set()
        ids = [uuid7() for _ in missing]
        made = [Level.of(row) for row in await self._uow.fetch(INSERT_MISSING, ids, missing, location_id, at)]
        levels |= {level.sku: level for level in made}
        made_meanwhile = [sku for sku in missing if sku not in levels]
        if made_meanwhile:
            levels |= await self._lock_at(location_id, made_meanwhile)
        return levels, {level.id for level in made}

    async def _lock_at(self, location_id: UUID, skus: Sequence[str]) -> dict[str, Level]:
        rows = await self._uow.fetch(LOCK_AT_LOCATION, location_id, list(skus))
        return {row["sku"]: Level.of(row) for row in rows}

    async def lock(self, level_ids: Sequence[UUID]) -> dict[UUID, Level]:
        """Lock levels and return them by id."""
        return {row["id"]: Level.of(row) for row in await self._uow.fetch(LOCK, list(level_ids))}

    async def save(self, levels: Sequence[Level], *, at: datetime) -> dict[UUID, Level]:
        """Write on_hand, safety and reorder point of locked levels; returns the levels as they are now."""
        rows = await self._uow.fetch(
            SAVE,
            [level.id for level in levels],
            [level.on_hand for level in levels],
            [level.safety for level in levels],
            [level.reorder_point for level in levels],
            at,
        )
        return {row["id"]: Level.of(row) for row in rows}

    async def apply(self, deltas: Sequence[Delta], *, at: datetime) -> dict[UUID, Level]:
        """Add to levels, one delta each; returns the levels as they are now."""
        rows = await self._uow.fetch(
            APPLY,
            [delta.level_id for delta in deltas],
            [delta.on_hand for delta in deltas],
            [delta.reserved for delta in deltas],
            [delta.allocated for delta in deltas],
            at,
        )
        return {row["id"]: Level.of(row) for row in rows}

    async def save_alarms(self, alarms: Sequence[tuple[UUID, bool, bool]]) -> None:
        """Remember which alerts levels have given: (level, low, out)."""
        ids, low, out = zip(*alarms, strict=True)
        await self._uow.execute(SAVE_ALARMS, list(ids), list(low), list(out))

    async def write_ledger(self, movements: Sequence[Movement], *, at: datetime) -> list[int]:
        """Add to the ledger; returns the rows' ids in order."""
        rows = await self._uow.fetch(
            WRITE_LEDGER,
            [movement.level.id for movement in movements],
            [movement.level.sku for movement in movements],
            [movement.level.location_id for movement in movements],
            [movement.kind for movement in movements],
            [movement.quantity for movement in movements],
            [movement.on_hand_after for movement in movements],
            [movement.reason for movement in movements],
            [movement.reference for movement in movements],
            [movement.actor for movement in movements],
            at,
        )
        return [row["id"] for row in rows]

    async def claim_counts(self, keys: Sequence[str], *, at: datetime) -> set[str]:
        """Take the keys of counts; returns those that nobody had taken."""
        return {row["key"] for row in await self._uow.fetch(CLAIM_COUNTS, list(keys), at)}

    async def version_of(self, sku: str) -> int:
        """Return the version of a SKU's stock: the sum over its locations, so that it grows with each change."""
        version: int = await self._uow.fetchval(VERSION_OF_SKU, sku)
        return version

    async def view_of(self, level: Level) -> LevelView:
        """Show a level with its location's code and its title."""
        (names,) = await self._uow.fetch(NAMES_OF_LEVEL, level.id)
        return LevelView.of({name: getattr(level, name) for name in Level.__slots__} | dict(names))

    # -- reads, outside a transaction -----------------------------------------------------------------------------

    async def levels_of(self, sku: str) -> list[asyncpg.Record]:
        """Read a SKU's levels with code and state of their locations, in the order in which stock is taken."""
        return await self._uow.single(LEVELS_OF_SKU, sku)

    async def known(self, sku: str) -> asyncpg.Record | None:
        """Read what the catalogue told us of a SKU: title, published."""
        return await self._uow.single_row(KNOWN, sku)

    async def page(
        self,
        *,
        skus: Sequence[str] | None,
        location_id: UUID | None,
        below_reorder_point: bool,
        after: tuple[str, UUID] | None,
        limit: int,
    ) -> list[asyncpg.Record]:
        """Read levels by SKU and location, behind ``after``."""
        sku, last_location = after or (None, None)
        wanted = list(skus) if skus else None
        return await self._uow.single(PAGE, wanted, location_id, below_reorder_point, sku, last_location, limit)

    async def public_levels(self, skus: Sequence[str]) -> dict[str, list[tuple[int, int | None]]]:
        """Read (available, reorder point) at the active locations of what the public may see, by SKU."""
        found: dict[str, list[tuple[int, int | None]]] = {}
        for row in await self._uow.single(PUBLIC, list(skus)):
            found.setdefault(row["sku"], []).append((row["available"], row["reorder_point"]))
        return found
