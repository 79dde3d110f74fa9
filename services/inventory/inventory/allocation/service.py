"""Use cases of allocation: stock follows its order. Each finds the same end however often and in whatever order.

A paid order is a fact that stock cannot refuse. One that comes without its hold (which no path of ours allows: a
confirmed hold never ends by time) still gets its units, if need be such as are not there: the level is then short, its
alert is given, nothing more is sold from it, the next delivery is the order's, and the log and an invariant say so.
"""

from collections.abc import Collection, Sequence
from uuid import UUID

from common.database import UnitOfWork
from common.events.contracts.inventory import StockMovement
from common.inbox import Permanent
from common.telemetry import logger
from inventory.allocation.repository import AllocationRepository
from inventory.allocation.rules import Line, Order
from inventory.reservations.repository import ReservationRepository
from inventory.stock.announcing import announce
from inventory.stock.models import Change, Delta, Level
from inventory.stock.repository import StockRepository

LOG = logger(__name__)


async def allocate_held(uow: UnitOfWork, order_ids: Collection[UUID]) -> set[UUID]:
    """Turn the holds of orders into allocations; returns the orders that had one."""
    rows = await AllocationRepository(uow).allocate_held(sorted(order_ids), at=uow.now)
    levels: dict[UUID, Level] = {}
    units: dict[UUID, int] = {}
    owners: dict[UUID, set[UUID]] = {}
    for row in rows:
        level = levels.setdefault(row["id"], Level.of(row))
        units[level.id] = units.get(level.id, 0) + row["quantity"]
        owners.setdefault(level.id, set()).add(row["order_id"])
    await announce(
        uow,
        [
            Change(
                level=level,
                changed=("/reserved", "/allocated"),
                movement=_movement("allocation", units[level.id], owners[level.id]),
            )
            for level in levels.values()
        ],
    )
    return {row["order_id"] for row in rows}


def _movement(kind: str, quantity: int, owners: Collection[UUID]) -> StockMovement:
    """Name the order where the change is one order's alone."""
    reference = str(next(iter(owners))) if len(owners) == 1 else None
    return StockMovement(kind=kind, quantity=quantity, reason=None, reference=reference)


async def allocate_without_hold(uow: UnitOfWork, order: Order) -> None:
    """Give an order its units although nothing is held for it. Raises Permanent where there is no location at all."""
    order_id = order.snapshot.id
    repository = AllocationRepository(uow)
    await repository.insert(order_id, at=uow.now)
    lines = [
        await new_line(uow, order_id, sku, quantity=quantity, looked_for=quantity)
        for sku, quantity in order.wanted.items()
    ]
    await repository.insert_lines(lines)
    deltas = [Delta(level_id=line.level_id, allocated=line.quantity) for line in lines]
    levels = await StockRepository(uow).apply(deltas, at=uow.now)
    missing = {line.level_id: min(line.quantity, levels[line.level_id].short) for line in lines}
    if any(missing.values()):
        await repository.save_short(order_id, missing)
        LOG.error("allocation.short", order_id=str(order_id), units=sum(missing.values()))
    else:
        LOG.warning("allocation.without_hold", order_id=str(order_id))
    changes = [
        Change(
            level=levels[line.level_id],
            changed=("/allocated", "/available"),
            movement=_movement("allocation", line.quantity, [order_id]),
        )
        for line in lines
    ]
    await announce(uow, changes)


async def new_line(uow: UnitOfWork, order_id: UUID, sku: str, *, quantity: int, looked_for: int) -> Line:
    """Choose a level for units that no hold has chosen one for. Raises Permanent where there is no location at all."""
    level_id = await AllocationRepository(uow).pick_level(order_id, sku, looked_for, at=uow.now)
    if level_id is None:
        raise Permanent(f"Order {order_id} needs {sku}, and there is no location: add one, then redrive this event.")
    return Line(order_id=order_id, sku=sku, level_id=level_id, quantity=quantity, shipped=0, cancelled=False)


async def cancel_orders(uow: UnitOfWork, order_ids: Sequence[UUID]) -> None:
    """Give back what these orders have and has not shipped; one that is unknown will not be allocated any more."""
    repository = AllocationRepository(uow)
    cancelled = await repository.cancel(order_ids, at=uow.now)
    await ReservationRepository(uow).bury(order_ids, state="released", at=uow.now)
    back: dict[UUID, int] = {}
    owners: dict[UUID, set[UUID]] = {}
    for line in await repository.lines_of(sorted(cancelled)) if cancelled else []:
        units = max(0, line.quantity - line.shipped)
        if units:
            back[line.level_id] = back.get(line.level_id, 0) + units
            owners.setdefault(line.level_id, set()).add(line.order_id)
    if not back:
        return
    deltas = [Delta(level_id=level_id, allocated=-units) for level_id, units in back.items()]
    levels = await StockRepository(uow).apply(deltas, at=uow.now)
    await announce(
        uow,
        [
            Change(
                level=level,
                changed=("/allocated", "/available"),
                movement=_movement("deallocation", back[level.id], owners[level.id]),
            )
            for level in levels.values()
        ],
    )
