"""What the dispatcher asks the database: which deliveries are its to make, and what became of them.

A claim is a lease: a row that says until when (real time) which process is at it. It is committed before the call is
made; a process that dies leaves leases that lapse, and the deliveries are made again.

Order: an endpoint gets the events of one subject in their order. Only the first pending delivery of such a line can be
claimed; the next ones of the line come with it, for the same process to make one after the other.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import asyncpg

from common.database import UnitOfWork
from notifications.webhooks.models import Claimed, Outcome
from notifications.webhooks.signing import Secret

LEASE = timedelta(seconds=30)  # real time: a run's five seconds, the last call's fifteen, and ten to write it down
CLAIMED_AT_ONCE = 400
RUN = 8  # deliveries of one line that a process takes in one claim

# Endpoints that somebody is editing are left for the next time; a share lock keeps the others from being edited until
# this commits. In random order, so that none is always last.
CLAIM = """
WITH ready AS MATERIALIZED (
    SELECT w.id, CASE WHEN w.failing_since IS NULL THEN $5::int ELSE $6::int END - coalesce(b.calls, 0) AS free
    FROM webhook AS w LEFT JOIN unnest($3::uuid[], $4::int[]) AS b(endpoint_id, calls) ON b.endpoint_id = w.id
    WHERE w.status = 'enabled' AND (w.rest_until IS NULL OR w.rest_until <= $1)
        AND coalesce(b.calls, 0) < CASE WHEN w.failing_since IS NULL THEN $5::int ELSE $6::int END
        AND EXISTS (
            SELECT FROM delivery AS d
            WHERE d.endpoint_id = w.id AND d.status = 'pending' AND d.next_attempt_at <= $1
        )
    ORDER BY random()
    FOR SHARE OF w SKIP LOCKED
), head AS MATERIALIZED (
    SELECT d.endpoint_id, d.replay_no, d.subject, d.place
    FROM ready CROSS JOIN LATERAL (
        SELECT d.endpoint_id, d.replay_no, d.subject, d.place FROM delivery AS d
        WHERE d.endpoint_id = ready.id AND d.status = 'pending' AND d.next_attempt_at <= $1
            AND (d.lease_until IS NULL OR d.lease_until <= $2)
            AND NOT EXISTS (
                SELECT FROM delivery AS e
                WHERE e.endpoint_id = d.endpoint_id AND e.replay_no = d.replay_no AND e.subject = d.subject
                    AND e.status = 'pending' AND e.place < d.place
            )
        ORDER BY d.next_attempt_at, d.place LIMIT ready.free
        FOR NO KEY UPDATE SKIP LOCKED
    ) AS d
    LIMIT $7
), run AS (
    SELECT d.id FROM head CROSS JOIN LATERAL (
        SELECT d.id FROM delivery AS d
        WHERE d.endpoint_id = head.endpoint_id AND d.replay_no = head.replay_no AND d.subject = head.subject
            AND d.status = 'pending' AND d.place >= head.place
        ORDER BY d.place LIMIT $8
    ) AS d
)
UPDATE delivery AS d SET lease_until = $9, lease_owner = $10
FROM run JOIN delivery AS mine ON mine.id = run.id JOIN webhook AS w ON w.id = mine.endpoint_id
WHERE d.id = run.id
RETURNING d.id, d.endpoint_id, d.event_id, d.replay_no, d.place, d.subject, d.type, d.attempt, d.test_body,
    d.lease_until, w.url, w.secret, w.personal_data,
    CASE WHEN w.previous_secret_until > $1 THEN w.previous_secret END AS previous_secret
"""
BODIES = """
SELECT wanted.event_id, wanted.whole, CASE WHEN wanted.whole THEN e.body ELSE e.public_body END AS body
FROM unnest($1::uuid[], $2::boolean[]) AS wanted(event_id, whole) JOIN event_log AS e USING (event_id)
"""
GIVE_BACK = """
UPDATE delivery SET lease_until = NULL, lease_owner = NULL
WHERE id = ANY ($1::uuid[]) AND lease_owner = $2 AND status = 'pending'
"""
GIVE_BACK_OLD = """
UPDATE delivery SET lease_until = NULL, lease_owner = NULL WHERE id IN (
    SELECT id FROM delivery WHERE status = 'pending' AND lease_owner = $1 FOR NO KEY UPDATE SKIP LOCKED
)
"""
STOP_GONE = """
UPDATE delivery SET status = 'stopped', ended_at = $2, lease_until = NULL, lease_owner = NULL
WHERE id = ANY ($1::uuid[]) AND status = 'pending'
"""

# Taken is taken, whoever holds the lease by now, and also when the endpoint was disabled meanwhile.
MARK_DELIVERED = """
UPDATE delivery AS d SET status = 'delivered', attempt = o.attempt, ended_at = $4, last_status = o.status,
    last_failure = NULL, lease_until = NULL, lease_owner = NULL
FROM unnest($1::uuid[], $2::int[], $3::int[]) AS o(id, attempt, status)
WHERE d.id = o.id AND d.status IN ('pending', 'stopped')
"""
MARK_FAILED = """
UPDATE delivery AS d SET status = CASE WHEN o.last THEN 'exhausted' ELSE 'pending' END, attempt = o.attempt,
    next_attempt_at = o.next_attempt_at, ended_at = CASE WHEN o.last THEN $9::timestamptz END, last_status = o.status,
    last_failure = o.failure, lease_until = NULL, lease_owner = NULL
FROM unnest($1::uuid[], $2::int[], $3::timestamptz[], $4::boolean[], $5::int[], $6::text[], $7::timestamptz[])
    AS o(id, attempt, next_attempt_at, last, status, failure, lease_until)
WHERE d.id = o.id AND d.status = 'pending' AND d.lease_owner = $8 AND d.lease_until = o.lease_until
RETURNING d.id
"""
# What waits behind it is not looked at until then; what was claimed with it is given back.
PUT_OFF_LINE = """
UPDATE delivery AS d SET next_attempt_at = greatest(d.next_attempt_at, o.next_attempt_at), lease_until = NULL,
    lease_owner = NULL
FROM unnest($1::uuid[], $2::int[], $3::uuid[], $4::bigint[], $5::timestamptz[])
    AS o(endpoint_id, replay_no, subject, place, next_attempt_at)
WHERE d.endpoint_id = o.endpoint_id AND d.replay_no = o.replay_no AND d.subject = o.subject AND d.place > o.place
    AND d.status = 'pending'
"""
ADD_ATTEMPTS = """
INSERT INTO delivery_attempt (id, delivery_id, at, duration_ms, status, failure, error, answer)
SELECT * FROM
    unnest($1::uuid[], $2::uuid[], $3::timestamptz[], $4::int[], $5::int[], $6::text[], $7::text[], $8::text[])
ON CONFLICT (id) DO NOTHING
"""
NOTE_SUCCESS = """
UPDATE webhook SET last_success_at = $2, failing_since = NULL, warned_at = NULL, rest_until = NULL
WHERE id = ANY ($1::uuid[])
"""
NOTE_FAILURE = """
UPDATE webhook AS w SET failing_since = coalesce(w.failing_since, $3), rest_until = greatest(w.rest_until, o.rest_until)
FROM unnest($1::uuid[], $2::timestamptz[]) AS o(id, rest_until) WHERE w.id = o.id
"""
LAG = """
SELECT extract(epoch FROM $1 - min(due.at)) AS seconds FROM webhook AS w CROSS JOIN LATERAL (
    SELECT min(d.next_attempt_at) AS at FROM delivery AS d WHERE d.endpoint_id = w.id AND d.status = 'pending'
) AS due WHERE w.status = 'enabled' AND (w.rest_until IS NULL OR w.rest_until <= $1)
"""
STATES = """
SELECT count(*) FILTER (WHERE status = 'enabled' AND failing_since IS NULL) AS enabled,
    count(*) FILTER (WHERE status = 'enabled' AND failing_since IS NOT NULL) AS failing,
    count(*) FILTER (WHERE status = 'disabled') AS disabled
FROM webhook
"""


class DeliveryQueue:
    """Deliveries of all endpoints in one unit of work, as one process sees them; ``owner`` is its name."""

    def __init__(self, uow: UnitOfWork, *, owner: str) -> None:
        self._uow = uow
        self._owner = owner

    async def claim(self, calls: Mapping[UUID, int], *, slots: int, slots_failing: int) -> list[Claimed]:
        """Take what is due, as many lines of each endpoint as it has free slots; in the order of each line.

        Args:
            calls: Calls that this process makes at the moment, by endpoint.
            slots: Calls that an endpoint may have at once.
            slots_failing: The same where the last attempts failed: an endpoint that hangs holds little.
        """
        real = self._uow.database.clock.now()
        rows = await self._uow.fetch(
            CLAIM,
            self._uow.now,
            real,
            list(calls),
            list(calls.values()),
            slots,
            slots_failing,
            CLAIMED_AT_ONCE,
            RUN,
            real + LEASE,
            self._owner,
        )
        if not rows:
            return []
        bodies = await self._bodies(rows)
        claimed = [_claimed(row, bodies) for row in sorted(rows, key=lambda row: int(row["place"]))]
        await self._stop_gone([row["id"] for row in rows if _key(row) not in bodies and row["test_body"] is None])
        return [each for each in claimed if each is not None]

    async def _bodies(self, rows: Sequence[asyncpg.Record]) -> dict[tuple[UUID, bool], bytes]:
        wanted = {_key(row) for row in rows if row["test_body"] is None}
        found = await self._uow.fetch(BODIES, [event for event, _ in wanted], [whole for _, whole in wanted])
        return {(row["event_id"], row["whole"]): row["body"] for row in found}

    async def _stop_gone(self, delivery_ids: list[UUID]) -> None:
        """End what cannot be sent any more: its event has left the log."""
        if delivery_ids:
            await self._uow.execute(STOP_GONE, delivery_ids, self._uow.now)

    async def give_back(self, delivery_ids: Sequence[UUID]) -> None:
        """End leases of what was claimed and not begun."""
        if delivery_ids:
            await self._uow.execute(GIVE_BACK, delivery_ids, self._owner)

    async def give_back_old(self) -> None:
        """End the leases that an earlier life of this process left. It may have made the calls: they are made again."""
        await self._uow.execute(GIVE_BACK_OLD, self._owner)

    async def mark_delivered(self, outcomes: Sequence[Outcome]) -> None:
        """Write down what was taken."""
        if outcomes:
            await self._uow.execute(
                MARK_DELIVERED,
                [outcome.delivery.id for outcome in outcomes],
                [outcome.delivery.attempt for outcome in outcomes],
                [outcome.status for outcome in outcomes],
                self._uow.now,
            )

    async def mark_failed(self, outcomes: Sequence[tuple[Outcome, datetime]]) -> set[UUID]:
        """Write down what was not, and when it is tried again; puts off what waits behind it.

        Returns the deliveries that were ours to write: a lease that lapsed may be another's by now.
        """
        if not outcomes:
            return set()
        rows = await self._uow.fetch(
            MARK_FAILED,
            [outcome.delivery.id for outcome, _ in outcomes],
            [outcome.delivery.attempt for outcome, _ in outcomes],
            [at for _, at in outcomes],
            [outcome.delivery.last for outcome, _ in outcomes],
            [outcome.status for outcome, _ in outcomes],
            [outcome.failure for outcome, _ in outcomes],
            [outcome.delivery.lease_until for outcome, _ in outcomes],
            self._owner,
            self._uow.now,
        )
        ours = {row["id"] for row in rows}
        await self._put_off([(outcome, at) for outcome, at in outcomes if outcome.delivery.id in ours])
        return ours

    async def _put_off(self, outcomes: Sequence[tuple[Outcome, datetime]]) -> None:
        if outcomes:
            await self._uow.execute(
                PUT_OFF_LINE,
                [outcome.delivery.endpoint_id for outcome, _ in outcomes],
                [outcome.delivery.replay_no for outcome, _ in outcomes],
                [outcome.delivery.subject for outcome, _ in outcomes],
                [outcome.delivery.place for outcome, _ in outcomes],
                [at for _, at in outcomes],
            )

    async def add_attempts(self, outcomes: Sequence[tuple[Outcome, datetime]]) -> None:
        """Keep each attempt with when it began."""
        await self._uow.execute(
            ADD_ATTEMPTS,
            [outcome.id for outcome, _ in outcomes],
            [outcome.delivery.id for outcome, _ in outcomes],
            [at for _, at in outcomes],
            [outcome.duration_ms for outcome, _ in outcomes],
            [outcome.status for outcome, _ in outcomes],
            [outcome.failure for outcome, _ in outcomes],
            [outcome.error for outcome, _ in outcomes],
            [outcome.answer for outcome, _ in outcomes],
        )

    async def note_success(self, endpoint_ids: Sequence[UUID]) -> None:
        """Write down that endpoints took something. Their rows are locked."""
        if endpoint_ids:
            await self._uow.execute(NOTE_SUCCESS, endpoint_ids, self._uow.now)

    async def note_failure(self, rests: Mapping[UUID, datetime | None]) -> None:
        """Write down that endpoints took nothing, and until when they want to be left alone. Their rows are locked."""
        if rests:
            await self._uow.execute(NOTE_FAILURE, list(rests), list(rests.values()), self._uow.now)

    async def lag_seconds(self) -> float:
        """How long the delivery waits that has been due for longest."""
        return max(0.0, float(await self._uow.fetchval(LAG, self._uow.now) or 0))

    async def states(self) -> dict[str, int]:
        """Count endpoints by how they fare."""
        row = await self._uow.fetchrow(STATES)
        return dict(row) if row else {}


def _key(row: Any) -> tuple[UUID, bool]:  # noqa: ANN401 - an asyncpg record
    return row["event_id"], row["personal_data"]


def _claimed(row: Any, bodies: Mapping[tuple[UUID, bool], bytes]) -> Claimed | None:  # noqa: ANN401 - an asyncpg record
    test = row["test_body"] is not None
    body = row["test_body"] if test else bodies.get(_key(row))
    if body is None:
        return None
    keys = [row["secret"], *([row["previous_secret"]] if row["previous_secret"] else [])]
    return Claimed(
        id=row["id"],
        endpoint_id=row["endpoint_id"],
        event_id=row["event_id"],
        replay_no=row["replay_no"],
        place=row["place"],
        subject=row["subject"],
        type=row["type"],
        attempt=row["attempt"] + 1,
        test=test,
        url=row["url"],
        secrets=tuple(Secret(key) for key in keys),
        lease_until=row["lease_until"],
        body=body,
    )
