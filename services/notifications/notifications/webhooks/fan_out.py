"""From events to deliveries: a row for each endpoint that asked for the type."""

from collections.abc import Sequence

from common.database import UnitOfWork
from notifications.dependencies import Resources
from notifications.feed.models import LoggedEvent
from notifications.webhooks.rules import OWN_TYPES, patterns_of

# An event is not delivered to the endpoint that it is about: each failure to tell it would make another one.
# What waits behind a delivery of its subject is due with it; the claim itself looks at the order.
QUEUE = """
INSERT INTO delivery
    (id, endpoint_id, event_id, replay_no, subject, sequence, type, status, next_attempt_at, created_at)
SELECT uuidv7(), w.id, e.event_id, 0, e.subject, e.sequence, e.type, 'pending', greatest($8, (
        SELECT d.next_attempt_at FROM delivery AS d
        WHERE d.endpoint_id = w.id AND d.replay_no = 0 AND d.subject = e.subject AND d.status = 'pending'
        ORDER BY d.place DESC LIMIT 1
    )), $8
FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::uuid[], $6::bigint[], $7::boolean[])
    WITH ORDINALITY AS e(event_id, type, family, everything, subject, sequence, own, place)
JOIN webhook AS w ON w.status = 'enabled' AND w.types && ARRAY[e.type, e.family, e.everything]
    AND NOT (e.own AND w.id = e.subject)
ORDER BY e.place, w.id
ON CONFLICT (endpoint_id, event_id, replay_no) DO NOTHING
"""


async def queue_deliveries(uow: UnitOfWork, events: Sequence[LoggedEvent]) -> None:
    """Queue a delivery of each event to each enabled endpoint whose types match, in the events' own transaction."""
    patterns = [patterns_of(event.type) for event in events]
    tag = await uow.execute(
        QUEUE,
        [event.event_id for event in events],
        [exact for exact, _, _ in patterns],
        [family for _, family, _ in patterns],
        [everything for _, _, everything in patterns],
        [event.subject for event in events],
        [event.sequence for event in events],
        [event.type.startswith(OWN_TYPES) for event in events],
        uow.now,
    )
    if tag != "INSERT 0 0":
        uow.on_commit(Resources.of(uow.database).dispatcher.wake)
