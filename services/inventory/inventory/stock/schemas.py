"""Bodies of the stock routes."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, model_validator

from inventory.stock.models import Level, Row
from inventory.stock.rules import Availability
from inventory.values import ShortText, SignedUnits, Sku, Units

Available = Annotated[Availability, Field(description='`true`, `false`, or `"low"` when little is left.')]


class NewAdjustment(BaseModel):
    """A change of what lies at a location: by `delta`, or to `count`; exactly one of them."""

    model_config = ConfigDict(extra="forbid")

    location_id: UUID
    delta: SignedUnits | None = Field(None, description="Units that came (positive) or left (negative); not 0.")
    count: Units | None = Field(None, description="Units that were counted there.")
    expected: Units | None = Field(
        None, description="Units on hand that the caller saw; 409 when it is another figure."
    )
    reason: ShortText = Field(description="Why, in a word or a sentence: delivery, damaged, stock-taking.")
    reference: ShortText | None = Field(None, description="What it belongs to, such as the number of a delivery note.")

    @model_validator(mode="after")
    def _exactly_one(self) -> "NewAdjustment":
        if (self.delta is None) == (self.count is None):
            raise ValueError("send either delta or count")
        if self.delta == 0:
            raise ValueError("a delta of 0 changes nothing; send a count to confirm a figure")
        return self


class NewReorderPoint(BaseModel):
    """When a level is to be called low, and what is kept back from sale."""

    model_config = ConfigDict(extra="forbid")

    location_id: UUID
    reorder_point: Units | None = Field(description="`stock.low` comes at or below it; null: never.")
    safety: Units | None = Field(None, description="Units that are never sold; absent: as before.")


class LevelView(BaseModel):
    """The stock of a SKU at a location, in units."""

    sku: str
    title: str | None = Field(description="As the catalogue calls it; null: it has not told us.")
    location_id: UUID
    location_code: str
    on_hand: int = Field(description="What lies there.")
    reserved: int = Field(description="Held for checkouts under way.")
    allocated: int = Field(description="Sold and not shipped yet.")
    safety: int = Field(description="Kept back from sale.")
    available: int = Field(description="on_hand - reserved - allocated - safety.")
    short: int = Field(description="Owed to shoppers and not there, since a count found fewer.")
    reorder_point: int | None
    version: int
    updated_at: datetime

    @classmethod
    def of(cls, row: Row) -> "LevelView":
        """Show a row of level, location's code and title."""
        level = Level.of(row)
        return cls(
            sku=level.sku,
            title=row["title"],
            location_id=level.location_id,
            location_code=row["code"],
            on_hand=level.on_hand,
            reserved=level.reserved,
            allocated=level.allocated,
            safety=level.safety,
            available=level.available,
            short=level.short,
            reorder_point=level.reorder_point,
            version=level.version,
            updated_at=level.updated_at,
        )


class Totals(BaseModel):
    """Sums over all locations, in units."""

    on_hand: int
    reserved: int
    allocated: int
    safety: int
    available: int
    short: int


class StockView(BaseModel):
    """The stock of a SKU as staff see it."""

    sku: str
    title: str | None = Field(description="As the catalogue calls it; null: it has not told us.")
    available: Available
    totals: Totals
    locations: list[LevelView] = Field(description="In the order in which stock is taken.")


class PublicStock(BaseModel):
    """Whether a SKU can be bought."""

    sku: str
    available: Available


class MovementView(BaseModel):
    """A row of the ledger."""

    id: int
    kind: Literal["adjustment", "count"]
    quantity: int = Field(description="Change of on_hand, signed; 0 for a count that confirmed the figure.")
    on_hand_after: int
    reason: str
    reference: str | None
    actor: str
    at: datetime


class AdjustmentView(BaseModel):
    """What an adjustment did."""

    movement: MovementView
    level: LevelView


class CountLine(BaseModel):
    """A counted SKU; `key` makes it count once."""

    model_config = ConfigDict(extra="forbid")

    key: ShortText
    sku: Sku
    count: Units


class NewCounts(BaseModel):
    """Counts of one location, as an import found them."""

    model_config = ConfigDict(extra="forbid")

    location_id: UUID
    reason: ShortText
    reference: ShortText | None = None
    lines: list[CountLine] = Field(min_length=1, max_length=500)


class CountsView(BaseModel):
    """What became of the lines."""

    applied: int
    repeated: int = Field(description="Their keys were known: they had been applied before.")
