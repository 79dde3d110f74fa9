"""All SQL on messages and on held alerts."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import asyncpg

from common.database import UnitOfWork
from notifications.mails.models import Message, Status

COLUMNS = """id, channel, template, recipient, recipient_name, subject, body_text, body_html, order_id, sku, event_id,
status, attempts, sent_at, error, created_at"""

ADD = """
INSERT INTO message (id, channel, template, recipient, recipient_name, subject, body_text, body_html, order_id, sku,
    event_id, status, error, created_at, updated_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $14)
ON CONFLICT (event_id, template, lower(recipient)) DO NOTHING
"""

# 'sending' is what a process left that died between claim and outcome: nobody knows whether its mail went out.
CLAIM = f"""
UPDATE message SET status = 'sending', attempts = attempts + 1, next_attempt_at = NULL, version = version + 1,
    updated_at = $2
WHERE id = $1 AND (status = 'sending' OR (status = 'queued' AND (next_attempt_at IS NULL OR next_attempt_at <= $2)))
RETURNING {COLUMNS}
"""  # noqa: S608 - our own columns

END = f"""
UPDATE message SET status = $2, sent_at = $3, error = $4, next_attempt_at = NULL, version = version + 1, updated_at = $5
WHERE id = $1 AND status IN ('queued', 'sending')
RETURNING {COLUMNS}
"""  # noqa: S608 - our own columns

POSTPONE = """
UPDATE message SET status = 'queued', next_attempt_at = $3, error = $4, version = version + 1, updated_at = $5
WHERE id = $1 AND status = 'sending' AND attempts = $2
"""

TAKE_DUE = """
UPDATE message SET next_attempt_at = NULL, version = version + 1, updated_at = $1
WHERE id = ANY (ARRAY(
    SELECT id FROM message WHERE next_attempt_at <= $1 ORDER BY next_attempt_at LIMIT $2 FOR NO KEY UPDATE SKIP LOCKED
))
RETURNING id
"""

# A list has only the conditions it asks for: "$1 IS NULL OR …" would keep PostgreSQL off the indexes.
PAGE = "SELECT {columns} FROM message WHERE {conditions} ORDER BY created_at DESC, id DESC LIMIT {limit}"
CONDITIONS = {
    "recipient": "lower(recipient) = lower(${0})",
    "order_id": "order_id = ${0}",
    "template": "template = ${0}",
    "status": "status = ${0}",
    "since": "created_at >= ${0}",
}

HOLD = """
INSERT INTO held_alert (event_id, type, data, held_at, give_up_at) VALUES ($1, $2, $3::jsonb, $4, $5)
ON CONFLICT (event_id) DO NOTHING
"""

TAKE_HELD = """
SELECT event_id, type, data::text AS data, give_up_at FROM held_alert ORDER BY held_at, event_id LIMIT $1
FOR UPDATE SKIP LOCKED
"""

DROP_HELD = "DELETE FROM held_alert WHERE event_id = ANY ($1::uuid[])"


def _message(row: asyncpg.Record) -> Message:
    return Message(**dict(row))


@dataclass(frozen=True, slots=True, kw_only=True)
class Filters:
    """Which messages a list shows; None: whichever."""

    recipient: str | None = None
    order_id: UUID | None = None
    template: str | None = None
    status: Status | None = None
    since: datetime | None = None


class MessageRepository:
    """Messages in one unit of work."""

    def __init__(self, uow: UnitOfWork) -> None:
        self._uow = uow

    async def add(self, message: Message) -> bool:
        """Store a message; False when the event has already made one of this template for this recipient."""
        tag = await self._uow.execute(
            ADD,
            message.id,
            message.channel,
            message.template,
            message.recipient,
            message.recipient_name,
            message.subject,
            message.body_text,
            message.body_html,
            message.order_id,
            message.sku,
            message.event_id,
            message.status,
            message.error,
            message.created_at,
        )
        return tag == "INSERT 0 1"

    async def claim(self, message_id: UUID) -> Message | None:
        """Begin an attempt and count it; None if the message has ended or rests until later."""
        row = await self._uow.fetchrow(CLAIM, message_id, self._uow.now)
        return _message(row) if row else None

    async def mark_sent(self, message_id: UUID) -> Message | None:
        """End a message well; None if it has ended before."""
        row = await self._uow.fetchrow(END, message_id, "sent", self._uow.now, None, self._uow.now)
        return _message(row) if row else None

    async def mark_failed(self, message_id: UUID, error: str) -> Message | None:
        """End a message that nobody will get; None if it has ended before."""
        row = await self._uow.fetchrow(END, message_id, "failed", None, error, self._uow.now)
        return _message(row) if row else None

    async def postpone(self, message: Message, *, until: datetime, error: str) -> None:
        """Let a message rest after a failed attempt, unless a later attempt is under way."""
        await self._uow.execute(POSTPONE, message.id, message.attempts, until, error, self._uow.now)

    async def take_due(self, *, most: int) -> list[UUID]:
        """End the rest of the messages whose time has come; whoever asks gives each a job."""
        return [row["id"] for row in await self._uow.fetch(TAKE_DUE, self._uow.now, most)]

    async def page(self, filters: Filters, *, position: tuple[Any, ...] | None, fetch: int) -> list[Message]:
        """List messages, newest first, with one statement outside the transaction."""
        values: list[object] = []
        conditions = ["true"]
        for name, condition in CONDITIONS.items():
            if (value := getattr(filters, name)) is not None:
                values.append(value)
                conditions.append(condition.format(len(values)))
        if position is not None:
            values += position
            conditions.append(f"(created_at, id) < (${len(values) - 1}, ${len(values)})")
        values.append(fetch)
        sql = PAGE.format(columns=COLUMNS, conditions=" AND ".join(conditions), limit=f"${len(values)}")
        return [_message(row) for row in await self._uow.single(sql, *values)]


@dataclass(frozen=True, slots=True)
class HeldAlert:
    """A stock alert that found nobody to tell."""

    event_id: UUID
    type: str
    data: str
    give_up_at: datetime


class HeldAlertRepository:
    """Held alerts in one unit of work."""

    def __init__(self, uow: UnitOfWork) -> None:
        self._uow = uow

    async def hold(self, alert: HeldAlert) -> None:
        """Keep an alert until somebody can be told."""
        await self._uow.execute(HOLD, alert.event_id, alert.type, alert.data, self._uow.now, alert.give_up_at)

    async def take(self, *, most: int) -> list[HeldAlert]:
        """Lock the oldest."""
        rows = await self._uow.fetch(TAKE_HELD, most)
        return [HeldAlert(row["event_id"], row["type"], row["data"], row["give_up_at"]) for row in rows]

    async def drop(self, event_ids: list[UUID]) -> None:
        """End the wait."""
        await self._uow.execute(DROP_HELD, event_ids)
