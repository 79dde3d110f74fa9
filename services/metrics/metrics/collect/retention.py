"""What is forgotten: salts and visitors with their day, event ids after a week, single events after a year or so."""

from datetime import date, datetime, timedelta

from common.database import Database
from common.scheduling import Sweep
from common.service import Runtime
from metrics.collect.resources import Resources
from metrics.settings import Settings

REPEATS_KNOWN_FOR = timedelta(days=7)
BATCH = 5_000

FORGET_SALTS = "DELETE FROM visitor_salt WHERE day < $1"
FORGET_VISITORS = "DELETE FROM visit WHERE visitor = ANY(ARRAY(SELECT visitor FROM visit WHERE day < $1 LIMIT $2))"
FORGET_IDS = """
DELETE FROM collected_id WHERE id = ANY(ARRAY(SELECT id FROM collected_id WHERE received_at < $1 LIMIT $2))
"""
# Oldest first, and those of one moment together: all events since the oldest kept are there.
FORGET_EVENTS = """
DELETE FROM behaviour_event WHERE received_at < $1 AND received_at <= coalesce(
    (SELECT received_at FROM behaviour_event WHERE received_at < $1 ORDER BY received_at OFFSET $2 LIMIT 1), $1)
"""


async def forget_visitors(runtime: Runtime) -> int:
    """Delete the salts and the visitors of days that are over; returns how many rows went."""
    resources: Resources = runtime.resources
    async with runtime.database.uow() as uow:
        first = resources.salts.oldest_in_use(uow.now)
        gone = _count(await uow.execute(FORGET_SALTS, first))
        resources.salts.forget(uow.now)
    return gone + await _forget(runtime.database, FORGET_VISITORS, first)


async def forget_events(runtime: Runtime) -> int:
    """Delete event ids and single events whose time is over; returns how many rows went."""
    settings = runtime.settings
    if not isinstance(settings, Settings):
        raise TypeError("these are not the settings of metrics")
    async with runtime.database.uow() as uow:
        now = uow.now
    gone = await _forget(runtime.database, FORGET_IDS, now - REPEATS_KNOWN_FOR)
    return gone + await _forget(runtime.database, FORGET_EVENTS, now - timedelta(days=settings.behaviour_kept_days))


async def _forget(database: Database, statement: str, before: date | datetime) -> int:
    """Delete in batches, each a transaction of its own."""
    gone = 0
    while True:
        async with database.uow() as uow:
            count = _count(await uow.execute(statement, before, BATCH))
        gone += count
        if count < BATCH:
            return gone


def _count(tag: str) -> int:
    return int(tag.rpartition(" ")[2])


SWEEPS = (
    Sweep("forget-visitors", every=timedelta(seconds=30), run=forget_visitors),
    Sweep("forget-events", every=timedelta(seconds=60), run=forget_events),
)
