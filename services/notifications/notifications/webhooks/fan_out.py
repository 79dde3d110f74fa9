"""From events to deliveries: a row for each endpoint that asked for the type."""

from collections.abc import Sequence

from common.database import UnitOfWork
from notifications.feed.models import LoggedEvent


async def queue_deliveries(uow: UnitOfWork, events: Sequence[LoggedEvent]) -> None:
    """Queue a delivery of each event to each enabled endpoint whose types match, in the events' own transaction."""
