"""What parcels take: ledger rows, fewer units on hand, fewer allocated.

A parcel that left proves that its units were there. Where the level knows of fewer, the ledger first corrects itself by
the difference, so that it still adds up and what lies there never falls below nothing.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from uuid import UUID

from common.database import UnitOfWork
from common.events.contracts.inventory import StockMovement
from common.events.contracts.orders import Parcel
from common.telemetry import logger
from inventory.allocation.repository import AllocationRepository, NewParcel
from inventory.allocation.rules import Line, Order, units_by_sku
from inventory.allocation.service import new_line
from inventory.stock.announcing import announce
from inventory.stock.models import Change, Delta, Level, Movement
from inventory.stock.repository import StockRepository

LOG = logger(__name__)

ACTOR = "service:orders"


@dataclass(slots=True)
class Departure:
    """What leaves a level in this batch."""

    level: Level
    on_hand: int
    from_allocated: int = 0
    shipped: int = 0
    orders: set[UUID] = field(default_factory=set)
    movements: list[Movement] = field(default_factory=list)

    def take(self, line: Line, quantity: int, *, parcel: UUID) -> None:
        """Send units of an order's line out."""
        if quantity > self.on_hand:
            LOG.warning("shipment.uncounted", sku=line.sku, parcel_id=str(parcel), units=quantity - self.on_hand)
            reason = "shipped more than was counted"
            self._note("correction", quantity - self.on_hand, reason=reason, reference=str(parcel))
        self._note("shipment", -quantity, reason=None, reference=str(parcel))
        self.from_allocated += line.ship(quantity)
        self.shipped += quantity
        self.orders.add(line.order_id)

    def _note(self, kind: str, quantity: int, *, reason: str | None, reference: str) -> None:
        self.on_hand += quantity
        self.movements.append(
            Movement(
                level=self.level,
                kind=kind,
                quantity=quantity,
                on_hand_after=self.on_hand,
                reason=reason,
                reference=reference,
                actor=ACTOR,
            )
        )

    @property
    def delta(self) -> Delta:
        """What the level changes by."""
        return Delta(level_id=self.level.id, on_hand=self.on_hand - self.level.on_hand, allocated=-self.from_allocated)


async def ship_parcels(uow: UnitOfWork, orders: Iterable[Order]) -> None:
    """Take what parcels hold off their levels, each parcel once."""
    parcels = [(order.snapshot.id, parcel) for order in orders for parcel in order.parcels]
    repository = AllocationRepository(uow)
    new = await repository.claim_parcels(
        [NewParcel(parcel.id, order_id, parcel.shipped_at) for order_id, parcel in parcels]
    )
    leaving = {parcel.id: (order_id, parcel) for order_id, parcel in parcels if parcel.id in new}
    if not leaving:
        return
    lines = await _lines_for(uow, list(leaving.values()))
    departures = await _departures(uow, lines)
    for order_id, parcel in leaving.values():
        for sku, quantity in _contents(parcel).items():
            line = lines[order_id, sku]
            departures[line.level_id].take(line, quantity, parcel=parcel.id)
    await repository.save_shipped(list(lines.values()))
    await _write(uow, [departure for departure in departures.values() if departure.shipped])


def _contents(parcel: Parcel) -> dict[str, int]:
    return units_by_sku((line.sku, line.quantity) for line in parcel.lines)


async def _lines_for(uow: UnitOfWork, leaving: list[tuple[UUID, Parcel]]) -> dict[tuple[UUID, str], Line]:
    """Find the allocated lines, making empty ones for what was never allocated and left all the same."""
    repository = AllocationRepository(uow)
    found = await repository.lines_of(sorted({order_id for order_id, _ in leaving}))
    lines = {(line.order_id, line.sku): line for line in found}
    unknown = {
        (order_id, sku): quantity
        for order_id, parcel in leaving
        for sku, quantity in _contents(parcel).items()
        if (order_id, sku) not in lines
    }
    made = [
        await new_line(uow, order_id, sku, quantity=0, looked_for=quantity)
        for (order_id, sku), quantity in sorted(unknown.items(), key=lambda item: item[0][1])
    ]
    if made:
        await repository.insert_lines(made)
    return lines | {(line.order_id, line.sku): line for line in made}


async def _departures(uow: UnitOfWork, lines: dict[tuple[UUID, str], Line]) -> dict[UUID, Departure]:
    levels = await StockRepository(uow).lock(sorted({line.level_id for line in lines.values()}))
    return {level.id: Departure(level=level, on_hand=level.on_hand) for level in levels.values()}


async def _write(uow: UnitOfWork, departures: list[Departure]) -> None:
    repository = StockRepository(uow)
    deltas = [departure.delta for departure in departures]
    levels = await repository.apply(deltas, at=uow.now)
    movements = [movement for departure in departures for movement in departure.movements]
    await repository.write_ledger(movements, at=uow.now)
    await announce(
        uow,
        [
            Change(
                level=levels[departure.level.id],
                changed=departure.delta.pointers(),
                movement=StockMovement(
                    kind="shipment",
                    quantity=departure.shipped,
                    reason=None,
                    reference=str(next(iter(departure.orders))) if len(departure.orders) == 1 else None,
                ),
            )
            for departure in departures
        ],
    )
