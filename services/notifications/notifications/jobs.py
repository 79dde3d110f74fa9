"""The one list: what is queued, and what is looked at every so often."""

from datetime import timedelta

from common.scheduling import Sweep
from common.service import Runtime
from notifications.feed.retention import forget_old_events
from notifications.mails import sending, writing
from notifications.mails.sending import SEND_MESSAGE
from notifications.webhooks import upkeep as webhooks


async def queue_due_messages(runtime: Runtime) -> int:
    """Queue the messages whose rest after a failed attempt is over."""
    async with runtime.database.uow() as uow:
        return await sending.queue_due_messages(uow)


async def address_held_alerts(runtime: Runtime) -> int:
    """Tell staff what could not be told before; give up what is old."""
    async with runtime.database.uow() as uow:
        return await writing.address_held_alerts(uow)


JOBS = (SEND_MESSAGE,)

SWEEPS = (
    Sweep("queue-due-messages", every=timedelta(seconds=1), run=queue_due_messages),
    Sweep("address-held-alerts", every=timedelta(seconds=2), run=address_held_alerts),
    Sweep("forget-old-events", every=timedelta(minutes=1), run=forget_old_events),
    *webhooks.SWEEPS,
)
