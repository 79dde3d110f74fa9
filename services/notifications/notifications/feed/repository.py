"""The SQL of the log."""

from collections.abc import Sequence

from common.database import UnitOfWork
from notifications.feed.models import LoggedEvent

FEED_LOCK = 7_301_441_902  # the one advisory lock under which positions are given

# Held until the commit: whoever sees position n has seen every smaller one that there will ever be.
LOCK = "SELECT pg_advisory_xact_lock($1)"
APPEND = """
INSERT INTO event_log (event_id, type, subject, sequence, happened_at, body, public_body, logged_at)
SELECT event_id, type, subject, sequence, happened_at, body, public_body, $8
FROM unnest($1::uuid[], $2::text[], $3::uuid[], $4::bigint[], $5::timestamptz[], $6::bytea[], $7::bytea[])
    WITH ORDINALITY AS e(event_id, type, subject, sequence, happened_at, body, public_body, place)
ORDER BY place
ON CONFLICT (event_id) DO NOTHING
"""


class EventLog:
    """Writes and reads the log."""

    def __init__(self, uow: UnitOfWork) -> None:
        self._uow = uow

    async def append(self, events: Sequence[LoggedEvent]) -> None:
        """Give the events their positions. Belongs at a transaction's end: others wait for it from here on."""
        await self._uow.execute(LOCK, FEED_LOCK)
        await self._uow.execute(
            APPEND,
            [event.event_id for event in events],
            [event.type for event in events],
            [event.subject for event in events],
            [event.sequence for event in events],
            [event.happened_at for event in events],
            [event.body for event in events],
            [event.public_body for event in events],
            self._uow.now,
        )
