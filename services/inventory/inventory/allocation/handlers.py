"""Stock follows its order: allocated when it is placed, gone when it ships, given back when it is cancelled."""

from collections.abc import Sequence
from typing import Any

from common.context import use_context
from common.database import UnitOfWork
from common.events import Event
from common.inbox import context_of
from inventory.allocation import service, shipping
from inventory.allocation.repository import AllocationRepository
from inventory.allocation.rules import Order, orders_in
from inventory.reservations.repository import ReservationRepository


async def follow_orders(events: Sequence[Event[Any]], uow: UnitOfWork) -> None:
    """Bring stock to where a batch of order events says it is.

    One function for all of them, so that a batch takes its locks at once and sorted. What it publishes is caused by the
    batch's last event. Imported orders are left out: their goods left another system's shelves, long ago.
    """
    events = [event for event in events if event.data.object.imported_from is None]
    if not events:
        return
    orders = orders_in(events)
    with use_context(context_of(events[-1])):
        if any(order.parcels or order.is_cancelled for order in orders.values()):
            await ReservationRepository(uow).lock(sorted(orders))
            await AllocationRepository(uow).lock_levels(sorted(orders))
        await _allocate(uow, orders)
        if any(order.parcels for order in orders.values()):
            await shipping.ship_parcels(uow, orders.values())
        cancelled = sorted(order_id for order_id, order in orders.items() if order.is_cancelled)
        if cancelled:
            await service.cancel_orders(uow, cancelled)


async def _allocate(uow: UnitOfWork, orders: "dict[Any, Order]") -> None:
    """Allocate what is held, a cancelled order's too: the cancellation then gives it back, whichever came first."""
    without_hold = orders.keys() - await service.allocate_held(uow, orders.keys())
    needed = [order_id for order_id in sorted(without_hold) if orders[order_id].goes_out]
    if not needed:
        return
    known = await AllocationRepository(uow).known(needed)
    for order_id in needed:
        if order_id not in known:
            await service.allocate_without_hold(uow, orders[order_id])
