"""How long the log keeps events. Their positions are never given again."""

from datetime import timedelta
from typing import TYPE_CHECKING, Final

from notifications.feed.repository import EventLog

if TYPE_CHECKING:
    from common.service import Runtime

KEPT_FOR: Final = timedelta(days=30)
DELETE_BATCH: Final = 2_000  # some 30 ms


async def forget_old_events(runtime: "Runtime") -> int:
    """Delete events past their 30 days of business time, a batch a transaction. Returns how many there were."""
    deleted = 0
    while True:
        async with runtime.database.uow() as uow:
            count = await EventLog(uow).forget(logged_before=uow.now - KEPT_FOR, most=DELETE_BATCH)
        deleted += count
        if count < DELETE_BATCH:
            return deleted
