"""SQL of reservations. The hot path: hold and confirm are as few round trips as they can be."""

# ruff: noqa: S608 - the pieces of these statements are constants of ours

from collections.abc import Iterable, Sequence
from datetime import datetime
from itertools import groupby
from uuid import UUID

import asyncpg
import orjson

from common.context import current_context
from common.database import UnitOfWork, uuid7
from common.events import headers_for, serialise, source_of
from common.events.contracts.inventory import ReservationConfirmed
from inventory.reservations.models import HeldLine, Reservation
from inventory.reservations.problems import ShortLine
from inventory.stock.models import Level

RESERVE = """
SELECT r.outcome, r.line_sku, r.line_quantity, r.line_available, r.hold_expires_at, (r.level).*
FROM reserve_stock($1, $2::text[], $3::bigint[], $4, $5) AS r
"""

LINES = "l.sku, l.location_id, l.level_id, l.quantity"

FIND = f"""
SELECT r.id, r.state, r.expires_at, r.created_at, {LINES}
FROM reservation AS r LEFT JOIN reservation_line AS l ON l.reservation_id = r.id WHERE r.id = $1 ORDER BY l.sku
"""

# State and event in one statement, which is a transaction of its own: the event hangs on the guarded UPDATE. What it
# says was read before and cannot have changed: a hold's lines are never written again while it is held.
CONFIRM = """
WITH confirmed AS (
    UPDATE reservation SET state = 'confirmed', expires_at = NULL, confirmed_at = $2, version = version + 1,
        event_sequence = event_sequence + 1, updated_at = $2
    WHERE id = $1 AND state = 'held' RETURNING id, event_sequence
)
INSERT INTO outbox (topic, key, sequence, headers, value, created_at)
SELECT $3, id, event_sequence,
    $4::jsonb || jsonb_build_object('ce_sequence', lpad(event_sequence::text, 20, '0')), $5, $6
FROM confirmed RETURNING sequence
"""

LOCK_STATE = "SELECT state FROM reservation WHERE id = $1 FOR NO KEY UPDATE"

BURY = """
INSERT INTO reservation (id, state, created_at, updated_at)
SELECT n, $2, $3, $3 FROM unnest($1::uuid[]) AS n ORDER BY n ON CONFLICT (id) DO NOTHING
"""

LOCK_ALL = "SELECT id FROM reservation WHERE id = ANY ($1::uuid[]) ORDER BY id FOR NO KEY UPDATE"

END = f"""
WITH ended AS (
    UPDATE reservation SET state = $2, version = version + 1, updated_at = $3
    WHERE id = ANY ($1::uuid[]) AND state IN ('held', 'confirmed')
    RETURNING id, state, expires_at, created_at
)
SELECT e.id, e.state, e.expires_at, e.created_at, {LINES}
FROM ended AS e JOIN reservation_line AS l ON l.reservation_id = e.id ORDER BY e.id, l.sku
"""

DUE = """
SELECT id FROM reservation WHERE state = 'held' AND expires_at <= $1
ORDER BY expires_at LIMIT $2 FOR NO KEY UPDATE SKIP LOCKED
"""

UNANSWERED = """
SELECT id FROM reservation
WHERE state = 'confirmed' AND confirmed_at <= $1 AND (asked_at IS NULL OR asked_at <= $2)
ORDER BY confirmed_at LIMIT $3
"""

NOTE_ASKED = "UPDATE reservation SET asked_at = $2 WHERE id = ANY ($1::uuid[]) AND state = 'confirmed'"


class ReservationRepository:
    """Reservations, in one unit of work."""

    def __init__(self, uow: UnitOfWork) -> None:
        self._uow = uow

    async def reserve(
        self, reservation_id: UUID, wanted: dict[str, int], *, at: datetime, until: datetime
    ) -> "Attempt":
        """Hold every line or say which cannot be held; then the caller must roll back."""
        rows = await self._uow.fetch(RESERVE, reservation_id, list(wanted), list(wanted.values()), at, until)
        return Attempt(reservation_id, at, rows)

    async def find(self, reservation_id: UUID) -> Reservation | None:
        """Read one, outside a transaction."""
        return next(iter(_reservations(await self._uow.single(FIND, reservation_id))), None)

    async def confirm(self, confirmed: ReservationConfirmed, *, at: datetime) -> bool:
        """Take the time limit off a hold and announce it, outside a transaction; False where it is held no longer."""
        database, context = self._uow.database, current_context()
        headers = headers_for(
            confirmed,
            event_id=uuid7(),
            source=source_of(database.service),
            time=at,
            correlation_id=context.correlation_id,
            causation_id=context.causation_id,
            traceparent=context.traceparent,
        )
        rows = await self._uow.single(
            CONFIRM,
            confirmed.subject,
            at,
            confirmed.topic.name,
            orjson.dumps(headers).decode(),
            serialise(confirmed),
            database.clock.now(),
        )
        for wake_relay in database.after_publish if rows else ():
            wake_relay()
        return bool(rows)

    async def lock_state(self, reservation_id: UUID) -> str | None:
        """Read the state and keep others from changing it; None: unknown."""
        state: str | None = await self._uow.fetchval(LOCK_STATE, reservation_id)
        return state

    async def lock(self, reservation_ids: Sequence[UUID]) -> None:
        """Keep others from changing these reservations."""
        await self._uow.execute(LOCK_ALL, list(reservation_ids))

    async def bury(self, reservation_ids: Sequence[UUID], *, state: str, at: datetime) -> None:
        """Write a reservation that holds nothing for each id that is unknown, so that a late reserve is refused."""
        await self._uow.execute(BURY, list(reservation_ids), state, at)

    async def end(self, reservation_ids: Sequence[UUID], *, state: str, at: datetime) -> list[Reservation]:
        """End the holds among these; returns them with what they held. Their levels are the caller's to change."""
        return _reservations(await self._uow.fetch(END, list(reservation_ids), state, at))

    async def due(self, *, at: datetime, limit: int) -> list[UUID]:
        """Lock holds whose time is over, passing by those that somebody else has in hand."""
        return [row["id"] for row in await self._uow.fetch(DUE, at, limit)]

    async def unanswered(self, *, confirmed_before: datetime, asked_before: datetime, limit: int) -> list[UUID]:
        """Find confirmed holds of which no order came."""
        return [row["id"] for row in await self._uow.single(UNANSWERED, confirmed_before, asked_before, limit)]

    async def note_asked(self, reservation_ids: Sequence[UUID], *, at: datetime) -> None:
        """Remember that orders was asked about these."""
        await self._uow.execute(NOTE_ASKED, list(reservation_ids), at)


class Attempt:
    """What came of an attempt to hold."""

    def __init__(self, reservation_id: UUID, at: datetime, rows: Sequence[asyncpg.Record]) -> None:
        self.short = [
            ShortLine(sku=row["line_sku"], asked=row["line_quantity"], available=row["line_available"])
            for row in rows
            if row["outcome"] == "short"
        ]
        self.is_new = rows[0]["outcome"] in {"short", "taken"}
        held = [row for row in rows if row["outcome"] != "short" and row["line_sku"] is not None]
        self.levels = [Level.of(row) for row in held]
        self.reservation = Reservation(
            id=reservation_id,
            state="held" if self.is_new else rows[0]["outcome"],
            expires_at=rows[0]["hold_expires_at"],
            created_at=at,
            lines=[
                HeldLine(
                    sku=row["line_sku"],
                    location_id=row["location_id"],
                    level_id=row["id"],
                    quantity=row["line_quantity"],
                )
                for row in held
            ],
        )


def _reservations(rows: Iterable[asyncpg.Record]) -> list[Reservation]:
    """Put rows of reservation and line, sorted by reservation, together."""
    found = []
    for reservation_id, group in groupby(rows, key=lambda row: row["id"]):
        lines = list(group)
        found.append(
            Reservation(
                id=reservation_id,
                state=lines[0]["state"],
                expires_at=lines[0]["expires_at"],
                created_at=lines[0]["created_at"],
                lines=[
                    HeldLine(
                        sku=row["sku"],
                        location_id=row["location_id"],
                        level_id=row["level_id"],
                        quantity=row["quantity"],
                    )
                    for row in lines
                    if row["sku"] is not None
                ],
            )
        )
    return found
