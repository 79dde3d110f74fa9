"""All SQL on endpoints, and what people ask about deliveries. What the dispatcher asks is in ``queue``.

Who changes deliveries of an endpoint holds the endpoint's row first: so the dispatcher and whoever edits never wait for
each other crosswise.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import asyncpg

from common.database import UnitOfWork
from notifications.webhooks.models import Attempt, Delivery, DeliveryStatus, Webhook

COLUMNS = """id, owner, url, description, types, personal_data, secret, previous_secret, previous_secret_until, status,
disabled_reason, disabled_at, subscribed_at, failing_since, warned_at, last_success_at, rest_until, version, created_at,
updated_at"""

ADD = f"""
INSERT INTO webhook ({COLUMNS})
SELECT $1, $2, $3, $4, $5, $6, $7, NULL, NULL, 'enabled', NULL, NULL, $8, NULL, NULL, NULL, NULL, 1, $8, $8
WHERE (SELECT count(*) FROM webhook WHERE owner = $2 AND status <> 'deleted') < $9
"""  # noqa: S608 - our own columns
FIND = f"SELECT {COLUMNS} FROM webhook WHERE id = $1 AND status <> 'deleted' AND ($2::text IS NULL OR owner = $2)"  # noqa: S608 - our own columns
LOCK = FIND + " FOR NO KEY UPDATE"
LOCK_SEVERAL = f"""
SELECT {COLUMNS} FROM webhook WHERE id = ANY ($1::uuid[]) AND status <> 'deleted' ORDER BY id FOR NO KEY UPDATE
"""  # noqa: S608 - our own columns
SAVE = """
UPDATE webhook SET url = $2, description = $3, types = $4, personal_data = $5, secret = $6, previous_secret = $7,
    previous_secret_until = $8, status = $9, disabled_reason = $10, disabled_at = $11, subscribed_at = $12,
    failing_since = $13, warned_at = $14, rest_until = $15, version = version + 1, updated_at = $16
WHERE id = $1 RETURNING version
"""
DELETE = """
UPDATE webhook SET status = 'deleted', secret = NULL, previous_secret = NULL, previous_secret_until = NULL,
    disabled_reason = NULL, disabled_at = NULL, url = 'https://deleted.invalid/', description = NULL,
    version = version + 1, updated_at = $2
WHERE id = $1
"""
STOP = """
UPDATE delivery SET status = 'stopped', ended_at = $2, lease_until = NULL, lease_owner = NULL
WHERE endpoint_id = $1 AND status = 'pending'
"""
LOCK_FAILING = f"""
SELECT {COLUMNS} FROM webhook WHERE status = 'enabled' AND failing_since <= $1
ORDER BY id LIMIT $2 FOR NO KEY UPDATE SKIP LOCKED
"""  # noqa: S608 - our own columns
TAKE_UNWARNED = f"""
UPDATE webhook SET warned_at = $3 WHERE id IN (
    SELECT id FROM webhook WHERE status = 'enabled' AND failing_since <= $1 AND warned_at IS NULL
    ORDER BY id LIMIT $2 FOR NO KEY UPDATE SKIP LOCKED
)
RETURNING {COLUMNS}
"""  # noqa: S608 - our own columns
STOP_STRAYS = """
UPDATE delivery SET status = 'stopped', ended_at = $1, lease_until = NULL, lease_owner = NULL
WHERE status = 'pending' AND endpoint_id = ANY (ARRAY(SELECT id FROM webhook WHERE status <> 'enabled'))
"""
# Of each endpoint the oldest, in the order in which they were queued.
FORGET_DELIVERIES = """
DELETE FROM delivery WHERE id IN (
    SELECT d.id FROM webhook AS w CROSS JOIN LATERAL (
        SELECT d.id, d.status, d.created_at FROM delivery AS d WHERE d.endpoint_id = w.id ORDER BY d.place LIMIT $2
    ) AS d WHERE d.created_at < $1 AND d.status <> 'pending'
)
"""
FORGET_ATTEMPTS = """
DELETE FROM delivery_attempt WHERE id IN (
    SELECT id FROM (SELECT id, at FROM delivery_attempt ORDER BY id LIMIT $2) AS oldest WHERE at < $1
)
"""
FORGET_WEBHOOKS = """
DELETE FROM webhook AS w
WHERE w.status = 'deleted' AND w.updated_at < $1 AND NOT EXISTS (SELECT FROM delivery AS d WHERE d.endpoint_id = w.id)
"""
PAGE = f"""
SELECT {COLUMNS} FROM webhook
WHERE status <> 'deleted' AND ($1::text IS NULL OR owner = $1) AND ($2::uuid IS NULL OR id < $2)
ORDER BY id DESC LIMIT $3
"""  # noqa: S608 - our own columns

SHOWN = """id, endpoint_id, event_id, replay_no, place, subject, type, test_body IS NOT NULL AS test, status, attempt,
next_attempt_at, last_status, last_failure, ended_at, created_at"""
FIND_DELIVERY = f"SELECT {SHOWN} FROM delivery WHERE id = $2 AND endpoint_id = $1"  # noqa: S608 - our own columns
ATTEMPTS_OF = """
SELECT at, duration_ms, status, failure, error, answer FROM delivery_attempt WHERE delivery_id = $1 ORDER BY id
"""
DELIVERIES = "SELECT {columns} FROM delivery WHERE {conditions} ORDER BY place DESC LIMIT {limit}"
ADD_TEST = """
INSERT INTO delivery (id, endpoint_id, event_id, replay_no, subject, sequence, type, test_body, status, next_attempt_at,
    created_at)
VALUES ($1, $2, $3, 0, $3, 1, $4, $5, 'pending', $6, $6)
"""

# Whatever happened was logged at or after that time, and the log's index is by when it was logged.
REPLAYED = """
FROM event_log AS e
WHERE e.logged_at >= $1 AND e.happened_at >= $1 AND e.happened_at < $2
    AND ARRAY[e.type, split_part(e.type, '.', 1) || '.*', '*'] && $3::text[]
    AND ARRAY[e.type, split_part(e.type, '.', 1) || '.*', '*'] && $4::text[]
    AND NOT (e.subject = $5 AND starts_with(e.type, 'webhook.'))
"""
COUNT_REPLAYED = f"SELECT count(*) FROM (SELECT 1 {REPLAYED} LIMIT $6) AS found"  # noqa: S608 - our own columns
NEXT_REPLAY = "UPDATE webhook SET replays = replays + 1 WHERE id = $1 RETURNING replays"
REPLAY = f"""
INSERT INTO delivery
    (id, endpoint_id, event_id, replay_no, subject, sequence, type, status, next_attempt_at, created_at)
SELECT uuidv7(), $5, e.event_id, $6, e.subject, e.sequence, e.type, 'pending', $7, $7
{REPLAYED} ORDER BY e.position
"""

# What waits behind it goes with it: it was put off because this one was.
RETRY = """
UPDATE delivery SET status = 'pending', attempt = CASE WHEN status = 'pending' THEN attempt ELSE 0 END,
    next_attempt_at = $3, ended_at = NULL
WHERE id = $2 AND endpoint_id = $1
    AND (test_body IS NOT NULL OR EXISTS (SELECT FROM event_log AS e WHERE e.event_id = delivery.event_id))
"""
RELEASE_LINE = """
UPDATE delivery AS f SET next_attempt_at = $3 FROM delivery AS d
WHERE d.id = $2 AND d.endpoint_id = $1 AND f.endpoint_id = $1 AND f.replay_no = d.replay_no AND f.subject = d.subject
    AND f.place > d.place AND f.status = 'pending' AND f.next_attempt_at > $3
"""


AT_ONCE = 100
FORGOTTEN_AT_ONCE = 2_000


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryFilters:
    """Which deliveries a list shows; None: whichever."""

    status: DeliveryStatus | None = None
    type: str | None = None


def _delivery(row: asyncpg.Record) -> Delivery:
    return Delivery(**dict(row))


class WebhookRepository:
    """Endpoints in one unit of work. ``owner`` None: whoever's."""

    def __init__(self, uow: UnitOfWork) -> None:
        self._uow = uow

    async def add(self, webhook: Webhook, *, most: int) -> bool:
        """Store a new endpoint; False if its owner has ``most`` already."""
        tag = await self._uow.execute(
            ADD,
            webhook.id,
            webhook.owner,
            webhook.url,
            webhook.description,
            webhook.types,
            webhook.personal_data,
            webhook.secret.text,
            webhook.created_at,
            most,
        )
        return tag == "INSERT 0 1"

    async def find(self, webhook_id: UUID, *, owner: str | None) -> Webhook | None:
        """Read one with one statement, outside the transaction."""
        row = await self._uow.single_row(FIND, webhook_id, owner)
        return Webhook.of(dict(row)) if row else None

    async def lock(self, webhook_id: UUID, *, owner: str | None) -> Webhook | None:
        """Read one and lock its row."""
        row = await self._uow.fetchrow(LOCK, webhook_id, owner)
        return Webhook.of(dict(row)) if row else None

    async def lock_several(self, webhook_ids: Sequence[UUID]) -> dict[UUID, Webhook]:
        """Read those that are still there and lock their rows, in the order of their ids."""
        rows = await self._uow.fetch(LOCK_SEVERAL, webhook_ids)
        return {row["id"]: Webhook.of(dict(row)) for row in rows}

    async def save(self, webhook: Webhook) -> None:
        """Write what may change and raise the version."""
        previous = webhook.previous_secret
        webhook.updated_at = self._uow.now
        webhook.version = await self._uow.fetchval(
            SAVE,
            webhook.id,
            webhook.url,
            webhook.description,
            webhook.types,
            webhook.personal_data,
            webhook.secret.text,
            previous.text if previous is not None else None,
            webhook.previous_secret_until,
            webhook.status,
            webhook.disabled_reason,
            webhook.disabled_at,
            webhook.subscribed_at,
            webhook.failing_since,
            webhook.warned_at,
            webhook.rest_until,
            webhook.updated_at,
        )

    async def delete(self, webhook_id: UUID) -> None:
        """Forget its address and secrets, and stop what is under way; the row goes with its last delivery."""
        await self._uow.execute(DELETE, webhook_id, self._uow.now)
        await self.stop_deliveries(webhook_id)

    async def stop_deliveries(self, webhook_id: UUID) -> None:
        """Stop whatever is pending. The endpoint's row is locked."""
        await self._uow.execute(STOP, webhook_id, self._uow.now)

    async def lock_failing(self, since: datetime) -> list[Webhook]:
        """Lock endpoints to which nothing has got through since then or longer."""
        return [Webhook.of(dict(row)) for row in await self._uow.fetch(LOCK_FAILING, since, AT_ONCE)]

    async def take_unwarned(self, since: datetime) -> list[Webhook]:
        """Mark endpoints to which nothing has got through since then as warned; each comes once."""
        rows = await self._uow.fetch(TAKE_UNWARNED, since, AT_ONCE, self._uow.now)
        return [Webhook.of(dict(row)) for row in rows]

    async def page(self, *, owner: str | None, position: tuple[Any, ...] | None, fetch: int) -> list[Webhook]:
        """List endpoints, newest first, with one statement outside the transaction."""
        rows = await self._uow.single(PAGE, owner, position[0] if position else None, fetch)
        return [Webhook.of(dict(row)) for row in rows]


class DeliveryRepository:
    """Deliveries of one endpoint in one unit of work."""

    def __init__(self, uow: UnitOfWork, webhook_id: UUID) -> None:
        self._uow = uow
        self._webhook_id = webhook_id

    async def find(self, delivery_id: UUID) -> Delivery | None:
        """Read one with one statement, outside the transaction."""
        row = await self._uow.single_row(FIND_DELIVERY, self._webhook_id, delivery_id)
        return _delivery(row) if row else None

    async def get(self, delivery_id: UUID) -> Delivery | None:
        """Read one inside the transaction."""
        row = await self._uow.fetchrow(FIND_DELIVERY, self._webhook_id, delivery_id)
        return _delivery(row) if row else None

    async def attempts(self, delivery_id: UUID) -> list[Attempt]:
        """Return its attempts, oldest first, with one statement outside the transaction."""
        return [Attempt(**dict(row)) for row in await self._uow.single(ATTEMPTS_OF, delivery_id)]

    async def page(self, filters: DeliveryFilters, *, position: tuple[Any, ...] | None, fetch: int) -> list[Delivery]:
        """List deliveries, newest first, with one statement outside the transaction."""
        values: list[object] = [self._webhook_id]
        conditions = ["endpoint_id = $1"]
        for column, value in (("status", filters.status), ("type", filters.type)):
            if value is not None:
                values.append(value)
                conditions.append(f"{column} = ${len(values)}")
        if position is not None:
            values.append(position[0])
            conditions.append(f"place < ${len(values)}")
        values.append(fetch)
        sql = DELIVERIES.format(columns=SHOWN, conditions=" AND ".join(conditions), limit=f"${len(values)}")
        return [_delivery(row) for row in await self._uow.single(sql, *values)]

    async def add_test(self, delivery_id: UUID, event_id: UUID, *, event_type: str, body: bytes) -> None:
        """Queue an event that never happened. It stands in a line of its own."""
        await self._uow.execute(ADD_TEST, delivery_id, self._webhook_id, event_id, event_type, body, self._uow.now)

    async def retry(self, delivery_id: UUID) -> bool:
        """Make a delivery due now, from the start of the schedule if it has ended; False if its event is gone."""
        tag = await self._uow.execute(RETRY, self._webhook_id, delivery_id, self._uow.now)
        await self._uow.execute(RELEASE_LINE, self._webhook_id, delivery_id, self._uow.now)
        return tag == "UPDATE 1"

    async def count_replayed(
        self, since: datetime, until: datetime, *, wanted: Sequence[str], subscribed: Sequence[str], most: int
    ) -> int:
        """Count what a replay would send, up to ``most``."""
        found: int = await self._uow.fetchval(COUNT_REPLAYED, since, until, wanted, subscribed, self._webhook_id, most)
        return found

    async def replay(
        self, since: datetime, until: datetime, *, wanted: Sequence[str], subscribed: Sequence[str]
    ) -> tuple[int, int]:
        """Queue them once more; returns the replay's number and how many there are."""
        number: int = await self._uow.fetchval(NEXT_REPLAY, self._webhook_id)
        tag = await self._uow.execute(REPLAY, since, until, wanted, subscribed, self._webhook_id, number, self._uow.now)
        return number, int(tag.split()[-1])


class Upkeep:
    """What ends by age, in one unit of work."""

    def __init__(self, uow: UnitOfWork) -> None:
        self._uow = uow

    async def stop_strays(self) -> int:
        """Stop what was queued for an endpoint while it was being disabled."""
        return _count(await self._uow.execute(STOP_STRAYS, self._uow.now))

    async def forget(self, before: datetime) -> int:
        """Delete a batch of attempts, ended deliveries and deleted endpoints from before then; returns how many."""
        attempts = await self._uow.execute(FORGET_ATTEMPTS, before, FORGOTTEN_AT_ONCE)
        deliveries = await self._uow.execute(FORGET_DELIVERIES, before, FORGOTTEN_AT_ONCE)
        webhooks = await self._uow.execute(FORGET_WEBHOOKS, before)
        return _count(attempts) + _count(deliveries) + _count(webhooks)


def _count(tag: str) -> int:
    return int(tag.rsplit(maxsplit=1)[-1])
