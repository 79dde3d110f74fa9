"""SQL of locations."""

# ruff: noqa: S608 - the pieces of these statements are constants of ours

from collections.abc import Mapping
from datetime import datetime
from uuid import UUID

import asyncpg

from common.database import UnitOfWork, uuid7
from inventory.locations.problems import LocationCodeTaken, LocationNotFound
from inventory.locations.schemas import LocationView

COLUMNS = "id, name, code, country, priority, active, version, created_at, updated_at"

FIND = f"SELECT {COLUMNS} FROM location WHERE id = $1"

PAGE = f"""
SELECT {COLUMNS} FROM location WHERE $1::integer IS NULL OR (priority, id) > ($1, $2)
ORDER BY priority, id LIMIT $3
"""

INSERT = f"""
INSERT INTO location (id, name, code, country, priority, active, created_at, updated_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $7) RETURNING {COLUMNS}
"""

LOCK = f"{FIND} FOR NO KEY UPDATE"

UPDATE = f"""
UPDATE location
SET name = $2, code = $3, country = $4, priority = $5, active = $6, version = version + 1, updated_at = $7
WHERE id = $1 RETURNING {COLUMNS}
"""


class LocationRepository:
    """Locations, in one unit of work."""

    def __init__(self, uow: UnitOfWork) -> None:
        self._uow = uow

    async def find(self, location_id: UUID) -> LocationView:
        """Read one, outside a transaction. Raises LocationNotFound."""
        return _one(location_id, await self._uow.single_row(FIND, location_id))

    async def page(self, after: tuple[int, UUID] | None, limit: int) -> list[LocationView]:
        """Read the locations behind ``after`` (priority, id) in the order in which stock is taken from them."""
        priority, location_id = after or (None, None)
        return [LocationView(**row) for row in await self._uow.single(PAGE, priority, location_id, limit)]

    async def lock(self, location_id: UUID) -> LocationView:
        """Read one and keep others from changing it. Raises LocationNotFound."""
        return _one(location_id, await self._uow.fetchrow(LOCK, location_id))

    async def add(self, fields: Mapping[str, object], *, at: datetime) -> LocationView:
        """Insert one. Raises LocationCodeTaken."""
        return await self._write(INSERT, uuid7(), fields, at)

    async def save(self, location_id: UUID, fields: Mapping[str, object], *, at: datetime) -> LocationView:
        """Write the locked location anew. Raises LocationCodeTaken."""
        return await self._write(UPDATE, location_id, fields, at)

    async def _write(self, sql: str, location_id: UUID, fields: Mapping[str, object], at: datetime) -> LocationView:
        values = [fields[name] for name in ("name", "code", "country", "priority", "active")]
        try:
            return _one(location_id, await self._uow.fetchrow(sql, location_id, *values, at))
        except asyncpg.UniqueViolationError as error:
            raise LocationCodeTaken(str(fields["code"])) from error


def _one(location_id: UUID, row: asyncpg.Record | None) -> LocationView:
    if row is None:
        raise LocationNotFound(location_id)
    return LocationView(**row)
