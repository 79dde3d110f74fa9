"""A parcel: handed over once, then followed by its scans."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

import asyncpg
import orjson

from common.events.contracts.orders import Parcel, ParcelLine
from orders.fulfilment.rules import DELIVERED, Progress, advance


@dataclass(frozen=True, slots=True)
class ShippedLine:
    """Units of an order line in a parcel."""

    order_line_id: UUID
    sku: str
    quantity: int

    def contract(self) -> ParcelLine:
        """Show it as events do."""
        return ParcelLine(order_line_id=self.order_line_id, sku=self.sku, quantity=self.quantity)


@dataclass(slots=True, kw_only=True)
class Shipment:
    """A parcel, whole."""

    id: UUID
    order_id: UUID
    carrier: str | None
    tracking_number: str | None
    tracking_url: str | None
    weight_grams: int | None
    status: str
    furthest: str
    status_at: datetime
    shipped_at: datetime
    delivered_at: datetime | None = None
    lines: list[ShippedLine]
    scans: list[dict[str, Any]] = field(default_factory=list)
    version: int = 1

    @classmethod
    def of(cls, row: asyncpg.Record) -> "Shipment":
        """Read a row of ``repository.SHOWN``."""
        values = dict(row)
        lines = [
            ShippedLine(UUID(line["order_line_id"]), line["sku"], line["quantity"])
            for line in orjson.loads(values.pop("lines"))
        ]
        scans = orjson.loads(values.pop("scans"))
        return cls(lines=lines, scans=scans, **values)

    def scan(self, status: str, at: datetime) -> bool:
        """Take a scan into account; True if it was news."""
        present = Progress(self.status, self.furthest, self.status_at)
        now = advance(present, status, at)
        self.status, self.furthest, self.status_at = now.status, now.furthest, now.at
        if now.status == DELIVERED and self.delivered_at is None:
            self.delivered_at = at
        return now != present

    def contract(self) -> Parcel:
        """Show it as events do."""
        return Parcel(
            id=self.id,
            carrier=self.carrier,
            tracking_number=self.tracking_number,
            tracking_url=self.tracking_url,
            weight_grams=self.weight_grams,
            shipped_at=self.shipped_at,
            delivered_at=self.delivered_at,
            lines=[line.contract() for line in self.lines],
        )
