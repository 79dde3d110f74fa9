"""Use cases of orders."""

from datetime import datetime
from typing import Any
from uuid import UUID

from common.auth import Caller
from common.database import UnitOfWork
from common.events.contracts.orders import OrderCancelled
from common.pagination import Page, PageParams
from common.problems import Forbidden, Unauthenticated
from orders.ordering.models import Order
from orders.ordering.problems import OrderNotFound
from orders.ordering.repository import OrderRepository
from orders.ordering.schemas import OrderFilters
from orders.payments.jobs import ask_for_void


async def read_order(uow: UnitOfWork, order_id: UUID, *, by: Caller) -> Order:
    """Return an order. Raises OrderNotFound, also where ``by`` may not see it."""
    return await OrderRepository(uow).read(order_id, by=by)


async def list_orders(uow: UnitOfWork, filters: OrderFilters, page: PageParams, *, by: Caller) -> Page[Order]:
    """List orders, the newest first: all of them for staff, their own for customers."""
    wanted: dict[str, Any] = filters.given()
    if not by.has("orders:read"):
        if by.customer_id is None:
            raise Unauthenticated("Sign in to see your orders; a guest's order opens by its Cart-Token.")
        if wanted.setdefault("customer_id", by.customer_id) != by.customer_id:
            return Page.of([], page.limit, _position)
    after = page.position(datetime, UUID, filters=wanted)
    orders = await OrderRepository(uow).list(wanted, after=after, limit=page.fetch)
    return Page.of(orders, page.limit, _position, filters=wanted)


def _position(order: Order) -> tuple[datetime, UUID]:
    return (order.placed_at, order.id)


async def cancel_order(uow: UnitOfWork, order_id: UUID, reason: str | None, *, by: Caller) -> Order:
    """Call an order off while nothing of it has left; the payment's void is a job of the same transaction.

    Raises OrderNotFound, OrderIsHistory, AlreadyShipped and IllegalTransition.
    """
    orders = OrderRepository(uow)
    order = await orders.lock(order_id)
    if not (by.has("orders:write") or (order.customer_id is not None and order.customer_id == by.customer_id)):
        if by.has("orders:read"):
            raise Forbidden("Cancelling other people's orders needs the scope orders:write.")
        raise OrderNotFound(order_id)
    order.cancel(reason, at=uow.now)
    await orders.save(order)
    await ask_for_void(uow, order.id)
    uow.publish(OrderCancelled(object=order.snapshot(), changed=order.changed, reason=reason))
    return order
