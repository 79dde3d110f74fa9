"""The SQL of collecting: one statement a batch, and what the visits are read by."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from uuid import UUID

import asyncpg
import orjson

from common.database import UnitOfWork
from metrics.collect.schemas import BehaviourEvent
from metrics.collect.sources import Landing, path_of
from metrics.collect.visitors import Visitor

LATE = timedelta(hours=24)  # a phone that was offline; more than that is a clock that is wrong

# In the order in which rows are locked: event ids, the visitor, the visit. Of two batches of one visitor at once the
# second waits for the first at `visit` and finds its visit there. A batch of repeats alone touches nothing.
COLLECT = """
WITH fresh AS (
    INSERT INTO collected_id (id, received_at)
    SELECT id, $1 FROM unnest($10::text[]) AS given(id) ORDER BY id ON CONFLICT DO NOTHING RETURNING id
), before AS (
    SELECT coalesce((SELECT id FROM session WHERE id = $6 AND last_at > $2),
        (SELECT session_id FROM visit WHERE visitor = $5 AND last_at > $2)) AS session_id
), visited AS (
    INSERT INTO visit AS v (visitor, day, session_id, last_at, counted)
    SELECT $4, $3, coalesce(session_id, $7), $1, session_id IS NULL FROM before WHERE EXISTS (SELECT FROM fresh)
    ON CONFLICT (visitor) DO UPDATE
    SET session_id = CASE WHEN EXCLUDED.session_id = $7 AND v.last_at > $2 THEN v.session_id
            ELSE EXCLUDED.session_id END,
        counted = v.counted OR EXCLUDED.session_id = $7 AND v.last_at <= $2, last_at = greatest(v.last_at, $1)
    RETURNING v.session_id, v.session_id = $7 AND NOT coalesce(old.counted, false) AS first_today
), kept AS (
    INSERT INTO behaviour_event (session_id, received_at, name, at, path, title, product_id, sku, query, value,
        currency)
    SELECT v.session_id, $1, e.name, e.at, e.path, e.title, e.product_id, e.sku, e.query, e.value, e.currency
    FROM unnest($10::text[], $11::text[], $12::timestamptz[], $13::text[], $14::text[], $15::uuid[], $16::text[],
        $17::text[], $18::bigint[], $19::text[]) WITH ORDINALITY
        AS e(id, name, at, path, title, product_id, sku, query, value, currency, place)
        JOIN fresh USING (id) CROSS JOIN visited AS v
    ORDER BY e.place RETURNING name
), told AS (
    INSERT INTO session AS s (id, started_at, last_at, channel, host, path, referrer, source, medium, campaign, paid,
        first_today, events, page_views, carted)
    SELECT v.session_id, $1, $1, $8, l.*, v.first_today, count(*), count(*) FILTER (WHERE name = 'page_view'),
        bool_or(name IN ('add_to_cart', 'begin_checkout'))
    FROM visited AS v CROSS JOIN kept CROSS JOIN
        jsonb_to_record($9::jsonb) AS l(host text, path text, referrer text, source text, medium text, campaign text,
            paid boolean)
    GROUP BY v.session_id, v.first_today, l.host, l.path, l.referrer, l.source, l.medium, l.campaign, l.paid
    ON CONFLICT (id) DO UPDATE
    SET last_at = greatest(s.last_at, EXCLUDED.last_at), events = s.events + EXCLUDED.events,
        page_views = s.page_views + EXCLUDED.page_views, carted = s.carted OR EXCLUDED.carted
    RETURNING s.id
)
SELECT (SELECT count(*) FROM fresh) AS accepted, coalesce((SELECT id FROM told), session_id,
    (SELECT session_id FROM visit WHERE visitor = $4 AND last_at > $2)) AS session_id
FROM before
"""


@dataclass(frozen=True, slots=True)
class Arrival:
    """A batch without repeats within itself, and what is known of who sent it.

    Attributes:
        now: When it came.
        idle_since: A visit whose last event is later goes on.
        visitor: Who sent it.
        named: The visit that the sender names.
        fresh: Id of the visit that begins if none goes on.
        channel: Of that visit.
        landing: Of that visit.
        events: At most one of an id.
    """

    now: datetime
    idle_since: datetime
    visitor: Visitor
    named: UUID | None
    fresh: UUID
    channel: str
    landing: Landing
    events: Sequence[BehaviourEvent]

    def time_of(self, event: BehaviourEvent) -> datetime:
        """Return when it happened, or when it came if the sender's clock cannot be right."""
        return event.at if event.at is not None and self.now - LATE <= event.at <= self.now else self.now


class CollectRepository:
    """Keeps what is collected."""

    def __init__(self, uow: UnitOfWork) -> None:
        self._uow = uow

    async def keep(self, arrival: Arrival) -> asyncpg.Record:
        """Keep the events that are new in the visit that they belong to; return ``accepted`` and ``session_id``."""
        events = arrival.events
        row = await self._uow.single_row(
            COLLECT,
            arrival.now,
            arrival.idle_since,
            arrival.visitor.day,
            arrival.visitor.today,
            arrival.visitor.yesterday,
            arrival.named,
            arrival.fresh,
            arrival.channel,
            orjson.dumps(asdict(arrival.landing)).decode(),
            [event.id for event in events],
            [event.name for event in events],
            [arrival.time_of(event) for event in events],
            [path_of(event.url) for event in events],
            [event.title for event in events],
            [event.product_id for event in events],
            [event.sku for event in events],
            [event.query for event in events],
            [None if event.value is None else event.value.amount for event in events],
            [None if event.value is None else event.value.currency for event in events],
        )
        if row is None:
            raise LookupError("the statement always answers with a row")
        return row
