"""Parcels in SQL. The order's row is locked before any parcel of it is written."""

# ruff: noqa: S608 - every fragment put into a statement is a constant of this module

from datetime import datetime
from typing import Final
from uuid import UUID

from common.database import UnitOfWork
from orders.fulfilment.models import Shipment

SHOWN: Final = """
s.id, s.order_id, s.carrier, s.tracking_number, s.tracking_url, s.weight_grams, s.status, s.furthest, s.status_at,
s.shipped_at, s.delivered_at, s.version,
(SELECT jsonb_agg(jsonb_build_object('order_line_id', l.order_line_id, 'sku', l.sku, 'quantity', l.quantity)
    ORDER BY l.order_line_id) FROM shipment_line AS l WHERE l.shipment_id = s.id) AS lines,
(SELECT coalesce(jsonb_agg(jsonb_build_object(
        'status', t.status, 'at', t.at, 'received_at', t.received_at, 'moved', t.moved) ORDER BY t.at, t.received_at),
    '[]') FROM tracking_scan AS t WHERE t.shipment_id = s.id) AS scans
"""
INSERT: Final = """
INSERT INTO shipment (
    id, order_id, carrier, tracking_number, tracking_url, weight_grams, status, furthest, status_at, shipped_at,
    created_at, updated_at
) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $10, $10)
"""
INSERT_LINE: Final = "INSERT INTO shipment_line (shipment_id, order_line_id, sku, quantity) VALUES ($1, $2, $3, $4)"
INSERT_CAPTURE: Final = "INSERT INTO capture (id, order_id, amount, created_at) VALUES ($1, $2, $3, $4)"
PLANNED: Final = "SELECT coalesce(sum(amount), 0)::bigint FROM capture WHERE order_id = $1"
LIST: Final = f"SELECT {SHOWN} FROM shipment AS s WHERE s.order_id = $1 ORDER BY s.id"
READ: Final = f"SELECT {SHOWN} FROM shipment AS s WHERE s.id = $1"
ORDER_OF: Final = "SELECT order_id FROM shipment WHERE id = $1"
SAVE: Final = """
UPDATE shipment SET status = $2, furthest = $3, status_at = $4, delivered_at = $5, version = version + 1,
    updated_at = $6
WHERE id = $1 RETURNING version
"""
INSERT_SCAN: Final = """
INSERT INTO tracking_scan (shipment_id, status, at, received_at, moved) VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (shipment_id, at, status) DO NOTHING
"""
ON_THE_WAY: Final = "SELECT count(*) FROM shipment WHERE order_id = $1 AND status <> 'delivered'"
READ_CAPTURE: Final = """
SELECT c.order_id, c.amount, c.captured_at, o.currency FROM capture AS c JOIN orders AS o ON o.id = c.order_id
WHERE c.id = $1
"""
NOTE_CAPTURED: Final = "UPDATE capture SET captured_at = $2 WHERE id = $1 AND captured_at IS NULL RETURNING amount"
COUNT_CAPTURED: Final = "UPDATE payment SET captured = captured + $2, updated_at = $3 WHERE order_id = $1"


class ShipmentRepository:
    """Parcels of an order, and what is captured for them."""

    def __init__(self, uow: UnitOfWork) -> None:
        self._uow = uow

    async def insert(self, shipment: Shipment, *, capture: int) -> None:
        """Add a parcel and what is to be taken for it."""
        await self._uow.execute(
            INSERT,
            shipment.id,
            shipment.order_id,
            shipment.carrier,
            shipment.tracking_number,
            shipment.tracking_url,
            shipment.weight_grams,
            shipment.status,
            shipment.furthest,
            shipment.status_at,
            shipment.shipped_at,
        )
        await self._uow.executemany(
            INSERT_LINE, [(shipment.id, line.order_line_id, line.sku, line.quantity) for line in shipment.lines]
        )
        await self._uow.execute(INSERT_CAPTURE, shipment.id, shipment.order_id, capture, shipment.shipped_at)

    async def captures_planned(self, order_id: UUID) -> int:
        """Sum of what earlier parcels take, whether or not it is taken yet; minor units."""
        planned: int = await self._uow.fetchval(PLANNED, order_id)
        return planned

    async def list(self, order_id: UUID) -> list[Shipment]:
        """Return the parcels of an order, the first one first."""
        run = self._uow.fetch if self._uow.entered else self._uow.single
        return [Shipment.of(row) for row in await run(LIST, order_id)]

    async def read(self, shipment_id: UUID) -> Shipment | None:
        """Return a parcel."""
        row = await self._uow.fetchrow(READ, shipment_id)
        return None if row is None else Shipment.of(row)

    async def order_of(self, shipment_id: UUID) -> UUID | None:
        """Return the order that a parcel belongs to."""
        order_id: UUID | None = await self._uow.fetchval(ORDER_OF, shipment_id)
        return order_id

    async def add_scan(self, shipment_id: UUID, status: str, at: datetime, *, moved: bool) -> bool:
        """Keep a scan; False if it was there."""
        return await self._uow.execute(INSERT_SCAN, shipment_id, status, at, self._uow.now, moved) == "INSERT 0 1"

    async def save(self, shipment: Shipment) -> None:
        """Write how far a parcel got."""
        shipment.version = await self._uow.fetchval(
            SAVE,
            shipment.id,
            shipment.status,
            shipment.furthest,
            shipment.status_at,
            shipment.delivered_at,
            self._uow.now,
        )

    async def all_delivered(self, order_id: UUID) -> bool:
        """Whether no parcel of the order is still on its way."""
        return int(await self._uow.fetchval(ON_THE_WAY, order_id)) == 0

    async def note_captured(self, shipment_id: UUID, order_id: UUID) -> int | None:
        """Note that a parcel's capture is through; None if it was noted before."""
        amount: int | None = await self._uow.fetchval(NOTE_CAPTURED, shipment_id, self._uow.now)
        if amount is not None:
            await self._uow.execute(COUNT_CAPTURED, order_id, amount, self._uow.now)
        return amount
