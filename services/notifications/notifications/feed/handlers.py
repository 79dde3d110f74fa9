"""What every event does here: it is kept, and goes to whoever asked for its type."""

from collections.abc import Sequence
from typing import Any

from common.database import UnitOfWork
from common.events import Event
from notifications.dependencies import Resources
from notifications.feed.models import LoggedEvent
from notifications.feed.repository import EventLog
from notifications.metrics import FEED_LAG
from notifications.webhooks.fan_out import queue_deliveries


async def log_events(events: Sequence[Event[Any]], uow: UnitOfWork) -> None:
    """Queue the events' deliveries and give them their positions in the log."""
    logged = [LoggedEvent.of(event) for event in events]
    await queue_deliveries(uow, logged)
    resources = Resources.of(uow.database)
    resources.metrics.set(FEED_LAG, max((uow.now - event.time).total_seconds() for event in events))
    uow.on_commit(resources.bell.ring)
    await EventLog(uow).append(logged)
