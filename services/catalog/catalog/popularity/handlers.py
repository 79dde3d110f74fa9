"""Search follows sales."""

from collections.abc import Sequence

from catalog.popularity.repository import PopularityRepository
from catalog.popularity.rules import sales_of
from common.database import UnitOfWork
from common.events import Event
from common.events.contracts.orders import OrderCancelled, OrderPlaced


async def count_sales(events: Sequence[Event[OrderPlaced | OrderCancelled]], uow: UnitOfWork) -> None:
    """Count what orders sold, and take off what was cancelled or given back."""
    sales = sales_of(event.data for event in events)
    if sales:
        await PopularityRepository(uow).add(sales)
