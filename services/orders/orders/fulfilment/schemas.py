"""Parcels as they travel."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import (
    AnyHttpUrl,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    Field,
    StrictInt,
    field_validator,
    model_validator,
)

from orders.fulfilment.models import Shipment
from orders.words import MAX_WEIGHT_GRAMS, Body, Sku, Text

Units = Annotated[StrictInt, Field(ge=1, le=999_999)]
Status = Literal["label_created", "picked_up", "in_transit", "out_for_delivery", "delivered", "exception"]
MAX_LINES = 500


class ParcelLineBody(Body):
    """Units of a line, which is named by its id or its SKU."""

    line_id: UUID | None = None
    sku: Sku | None = None
    quantity: Units

    @model_validator(mode="after")
    def _named_once(self) -> "ParcelLineBody":
        if (self.line_id is None) == (self.sku is None):
            raise ValueError("name the line by line_id or by sku, one of the two")
        return self

    @property
    def named(self) -> UUID | str:
        """What names the line."""
        return self.line_id or self.sku or ""


def _as_list(lines: object) -> object:
    """Read SKU to units as the list of lines that it is short for."""
    if isinstance(lines, dict):
        return [{"sku": sku, "quantity": units} for sku, units in lines.items()]
    return lines


class NewParcel(Body):
    """What left together in one box."""

    lines: Annotated[
        list[ParcelLineBody],
        Field(min_length=1, max_length=MAX_LINES, description="A list of lines, or SKU to units."),
        BeforeValidator(_as_list, json_schema_input_type=list[ParcelLineBody] | dict[str, int]),
    ]
    carrier: Text | None = None
    tracking_number: Text | None = None
    tracking_url: Annotated[AnyHttpUrl, Field(max_length=2000)] | None = None
    weight_grams: Annotated[StrictInt, Field(ge=1, le=MAX_WEIGHT_GRAMS)] | None = Field(
        None, description="Gross weight; null: nobody weighed it."
    )


class NewScan(Body):
    """A carrier's word on where a parcel is."""

    status: Status
    at: AwareDatetime = Field(description="When it was scanned.")

    @field_validator("at")
    @classmethod
    def _storable(cls, value: datetime) -> datetime:
        if value.year < 1970:  # noqa: PLR2004 - before there were scans
            raise ValueError("a scan before 1970 is a mistake")
        return value


class ParcelLineView(BaseModel):
    """Units of an order line."""

    order_line_id: UUID
    sku: str
    quantity: int


class ScanView(BaseModel):
    """A scan, kept whether or not it was news."""

    status: str
    at: datetime
    received_at: datetime
    moved: bool = Field(description="False: it came late and changed nothing.")


class ShipmentView(BaseModel):
    """A parcel on its way."""

    id: UUID
    order_id: UUID
    carrier: str | None
    tracking_number: str | None
    tracking_url: str | None
    weight_grams: int | None
    status: str
    shipped_at: datetime
    delivered_at: datetime | None
    lines: list[ParcelLineView]
    tracking: list[ScanView] = Field(description="In the order in which they were scanned.")
    version: int

    @classmethod
    def of(cls, shipment: Shipment) -> "ShipmentView":
        """Show a parcel."""
        return cls(
            id=shipment.id,
            order_id=shipment.order_id,
            carrier=shipment.carrier,
            tracking_number=shipment.tracking_number,
            tracking_url=shipment.tracking_url,
            weight_grams=shipment.weight_grams,
            status=shipment.status,
            shipped_at=shipment.shipped_at,
            delivered_at=shipment.delivered_at,
            lines=[
                ParcelLineView(order_line_id=line.order_line_id, sku=line.sku, quantity=line.quantity)
                for line in shipment.lines
            ],
            tracking=[ScanView.model_validate(scan) for scan in shipment.scans],
            version=shipment.version,
        )


class ParcelView(ShipmentView):
    """A parcel that was just handed over, and what is still to come."""

    remaining: list[ParcelLineView]


class Shipments(BaseModel):
    """The parcels of an order, the first one first."""

    items: list[ShipmentView]
    next: None = Field(None, description="Always null: they fit on one page.")
