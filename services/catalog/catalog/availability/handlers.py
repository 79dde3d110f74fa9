"""Search follows stock."""

from collections.abc import Sequence

from catalog.availability.repository import AvailabilityRepository, Level
from common.database import UnitOfWork
from common.events import Event
from common.events.contracts.inventory import StockChanged
from common.inbox import latest_by_subject


async def follow_stock(events: Sequence[Event[StockChanged]], uow: UnitOfWork) -> None:
    """Take levels as their newest events tell them, and show what that makes of their products."""
    repository = AvailabilityRepository(uow)
    changed = await repository.take_newer([_level(event) for event in latest_by_subject(events)])
    if changed:
        await repository.show(changed)


def _level(event: Event[StockChanged]) -> Level:
    level = event.data.object
    return Level(level.id, level.sku, level.location_id, level.available, level.reorder_point, event.sequence)
