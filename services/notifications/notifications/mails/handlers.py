"""What each event makes someone be told."""

from common.database import UnitOfWork
from common.events import Event
from common.events.contracts.inventory import StockLow, StockOut
from common.events.contracts.orders import OrderCancelled, OrderPlaced, OrderShipped
from notifications.mails import writing
from notifications.mails.rules import items_of


async def confirm_order(event: Event[OrderPlaced], uow: UnitOfWork) -> None:
    """Tell the buyer what was ordered and what it costs."""
    await writing.write_to_buyer(uow, "order-placed", event)


async def announce_parcel(event: Event[OrderShipped], uow: UnitOfWork) -> None:
    """Tell the buyer what is under way, how to follow it, and what is still to come."""
    data = event.data
    await writing.write_to_buyer(
        uow,
        "order-shipped",
        event,
        parcel=data.parcel,
        items=items_of(data.parcel.lines, data.object),
        remaining=items_of(data.remaining, data.object),
    )


async def confirm_cancellation(event: Event[OrderCancelled], uow: UnitOfWork) -> None:
    """Tell the buyer that nothing will come, and what that means for the money."""
    await writing.write_to_buyer(uow, "order-cancelled", event)


async def warn_staff(event: Event[StockLow] | Event[StockOut], uow: UnitOfWork) -> None:
    """Tell those who may adjust stock that a level is low, or empty."""
    await writing.warn_or_hold(uow, event)
