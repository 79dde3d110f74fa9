"""A stock level as it stands in its row, and a change of it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import asyncpg

from common.events.contracts.inventory import StockLevelSnapshot, StockMovement

Row = asyncpg.Record | Mapping[str, Any]

LEVEL_COLUMNS = (
    "id, sku, location_id, on_hand, reserved, allocated, safety, short, reorder_point, is_low, is_out, version, "
    "updated_at"
)


def level_columns(alias: str) -> str:
    """Return the columns that make a Level, of the table called ``alias``."""
    return ", ".join(f"{alias}.{name}" for name in LEVEL_COLUMNS.split(", "))


@dataclass(frozen=True, slots=True, kw_only=True)
class Level:
    """Units of one SKU at one location.

    ``short`` are units owed (reserved or allocated) that are not there, since a count found fewer or an order came
    without its hold.
    """

    id: UUID
    sku: str
    location_id: UUID
    on_hand: int
    reserved: int
    allocated: int
    safety: int
    short: int
    reorder_point: int | None
    is_low: bool
    is_out: bool
    version: int
    updated_at: datetime

    @classmethod
    def of(cls, row: Row) -> "Level":
        """Read a level out of a row that has LEVEL_COLUMNS, perhaps among others."""
        return cls(**{name: row[name] for name in cls.__slots__})

    @property
    def available(self) -> int:
        """What can be sold from here; below 0 when more is owed or kept back than lies there."""
        return self.on_hand - self.reserved - self.allocated - self.safety

    def snapshot(self) -> StockLevelSnapshot:
        """Return the level as events tell it."""
        return StockLevelSnapshot(
            id=self.id,
            sku=self.sku,
            location_id=self.location_id,
            on_hand=self.on_hand,
            reserved=self.reserved,
            allocated=self.allocated,
            safety=self.safety,
            available=self.available,
            reorder_point=self.reorder_point,
            version=self.version,
            updated_at=self.updated_at,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A level after a change: which of its figures changed, and why. ``created``: it did not exist before."""

    level: Level
    changed: tuple[str, ...]
    movement: StockMovement
    created: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Delta:
    """What is added to a level's figures."""

    level_id: UUID
    on_hand: int = 0
    reserved: int = 0
    allocated: int = 0

    def pointers(self) -> tuple[str, ...]:
        """Return JSON Pointers to what this changes."""
        named = {"/on_hand": self.on_hand, "/reserved": self.reserved, "/allocated": self.allocated}
        named["/available"] = self.on_hand - self.reserved - self.allocated
        return tuple(pointer for pointer, difference in named.items() if difference)


@dataclass(frozen=True, slots=True, kw_only=True)
class Movement:
    """A row of the ledger: a change of what lies at a location."""

    level: Level
    kind: str
    quantity: int
    on_hand_after: int
    reason: str | None
    reference: str | None
    actor: str
