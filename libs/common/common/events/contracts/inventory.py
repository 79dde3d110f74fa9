"""What inventory publishes: stock levels as they stand, their alerts, and reservations."""

from typing import Annotated, ClassVar
from uuid import UUID

from pydantic import Field

from common.events import _topics
from common.events._contract import ContractModel, EventContract, Snapshot, UtcTime, example, known_values
from common.events._topics import Topic
from common.events.contracts import _examples


class StockLevelSnapshot(Snapshot):
    """The stock of one SKU at one location, in units."""

    sku: str
    location_id: UUID
    on_hand: int = Field(description="What lies there.")
    reserved: int = Field(description="Held for checkouts under way.")
    allocated: int = Field(description="Sold and not shipped yet.")
    safety: int = Field(description="Kept back from sale.")
    available: int = Field(description="on_hand - reserved - allocated - safety; below 0 when safety was raised.")
    reorder_point: int | None = Field(description="None: nobody wants an alert.")
    version: int
    updated_at: UtcTime


class StockMovement(ContractModel):
    """Why a level changed."""

    kind: Annotated[
        str,
        known_values(
            "adjustment", "reservation", "release", "expiry", "allocation", "deallocation", "shipment", "settings"
        ),
    ]
    quantity: int = Field(description="Units moved; for an adjustment signed, 0 for a change of settings.")
    reason: str | None = Field(description="As whoever adjusted it gave it.")
    reference: str | None = Field(description="What it belongs to: a reservation's, an order's or an import's id.")


class StockChanged(EventContract):
    """A stock level changed, by hand, by a checkout, by an order or by its settings.

    One event for each level and transaction. Its `available` is what can be sold from this location now; consumers that
    want a figure for a SKU add up its locations.
    """

    type: ClassVar[str] = "stock.changed"
    topic: ClassVar[Topic] = _topics.INVENTORY_STOCK

    object: StockLevelSnapshot
    movement: StockMovement

    model_config = example(
        object=_examples.STOCK_LEVEL,
        changed=["/on_hand", "/available"],
        movement={"kind": "adjustment", "quantity": 12, "reason": "delivery", "reference": None},
    )


class StockAlertEvent(EventContract):
    """A level crossed one of its marks."""

    topic: ClassVar[Topic] = _topics.INVENTORY_STOCK_ALERT

    object: StockLevelSnapshot
    available: int = Field(description="Units for sale when the mark was crossed.")
    reorder_point: int | None


class StockLow(StockAlertEvent):
    """A level fell to its reorder point or below.

    Published once for each crossing: after `stock.low` the level is silent until `stock.replenished` re-arms it,
    however often it moves around the mark.
    """

    type: ClassVar[str] = "stock.low"

    model_config = example(object=_examples.LOW_STOCK_LEVEL, changed=["/available"], available=4, reorder_point=5)


class StockOut(StockAlertEvent):
    """Nothing of a level is left for sale.

    Published once for each time it runs out, also for levels without a reorder point; follows `stock.low` when one
    change crosses both marks.
    """

    type: ClassVar[str] = "stock.out"

    model_config = example(
        object={**_examples.LOW_STOCK_LEVEL, "on_hand": 2, "available": 0, "version": 9},
        changed=["/available"],
        available=0,
        reorder_point=5,
    )


class StockReplenished(StockAlertEvent):
    """A level that was low or out has enough again.

    Enough is a tenth above the reorder point and at least one unit above it. From here on `stock.low` and `stock.out`
    may come again.
    """

    type: ClassVar[str] = "stock.replenished"

    model_config = example(object=_examples.STOCK_LEVEL, changed=["/available"], available=38, reorder_point=5)


class ReservationLine(ContractModel):
    """Units held at one location."""

    sku: str
    location_id: UUID
    quantity: int


class ReservationSnapshot(Snapshot):
    """A hold on stock for a checkout; its id is the checkout's, and later the order's."""

    state: Annotated[str, known_values("held", "confirmed", "released", "expired", "allocated")]
    lines: list[ReservationLine]
    expires_at: UtcTime | None = Field(description="None once confirmed: from then on it never ends by time.")
    created_at: UtcTime


class ReservationEvent(EventContract):
    """A step in a reservation's life."""

    topic: ClassVar[Topic] = _topics.INVENTORY_RESERVATION

    object: ReservationSnapshot


class ReservationHeld(ReservationEvent):
    """Every line of a checkout is held; its units cannot be sold to anyone else until `expires_at`."""

    type: ClassVar[str] = "reservation.held"

    model_config = example(object=_examples.RESERVATION, changed=[])


class ReservationConfirmed(ReservationEvent):
    """The payment stands, and the hold no longer ends by time. The order follows."""

    type: ClassVar[str] = "reservation.confirmed"

    model_config = example(
        object={**_examples.RESERVATION, "state": "confirmed", "expires_at": None}, changed=["/state", "/expires_at"]
    )


class ReservationReleased(ReservationEvent):
    """The checkout was given up, or its order cancelled before allocation. The units are for sale again."""

    type: ClassVar[str] = "reservation.released"

    model_config = example(object={**_examples.RESERVATION, "state": "released"}, changed=["/state"])


class ReservationExpired(ReservationEvent):
    """The checkout took too long, and its units are for sale again."""

    type: ClassVar[str] = "reservation.expired"

    model_config = example(object={**_examples.RESERVATION, "state": "expired"}, changed=["/state"])


CONTRACTS: tuple[type[EventContract], ...] = (
    StockChanged,
    StockLow,
    StockOut,
    StockReplenished,
    ReservationHeld,
    ReservationConfirmed,
    ReservationReleased,
    ReservationExpired,
)
