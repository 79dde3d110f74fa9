"""Checkouts in SQL: T1, T2, and the door that closes between them.

T1 saves the checkout with every id before anything happens outside. T2 makes the order. Both, and the undo, hang on one
guarded UPDATE of the row, so that of a request and a sweep that meet, one writes and the other writes nothing.
"""

from datetime import datetime
from typing import Any, Final
from uuid import UUID

import asyncpg
import orjson

from common.database import UnitOfWork
from common.http import Answer
from common.idempotency import IdempotencyScope
from orders.checkout.models import Checkout
from orders.checkout.schemas import FrozenCart

LOOK_UP: Final = """
SELECT id, state, fingerprint, answer_status, answer_headers, answer_body FROM checkout
WHERE principal = $1 AND key = $2
"""

START: Final = """
WITH taken AS (
    UPDATE cart SET state = 'checking_out', email = $9, version = version + 1, updated_at = $4
    WHERE id = $2 AND state = 'open' AND version = $3 RETURNING id
)
INSERT INTO checkout (
    id, cart_id, principal, key, fingerprint, state, step, data, deadline_at, due_at, created_at, updated_at
)
SELECT $1, id, $5, $6, $7, 'started', 'running', $8::jsonb, $10, $11, $4, $4 FROM taken
RETURNING order_number
"""

REFUSE: Final = """
INSERT INTO checkout (
    id, cart_id, principal, key, fingerprint, state, step, order_number, data, answer_status, answer_headers,
    answer_body, deadline_at, due_at, created_at, updated_at
)
VALUES ($1, $2, $3, $4, $5, 'failed', 'over', 0, '{}', $6, $7::jsonb, $8, $9, $9, $9, $9)
ON CONFLICT (principal, key) DO NOTHING
"""

PLACE: Final = """
WITH run AS (
    UPDATE checkout SET state = 'placed', step = 'over', answer_status = $3, answer_headers = $4::jsonb,
        answer_body = $5, updated_at = $2
    WHERE id = $1 AND state = 'started' RETURNING *
), d AS (
    SELECT run.id, run.cart_id, run.order_number, run.data->'lines' AS lines, f.*
    FROM run, jsonb_to_record(run.data) AS f(
        payment_id uuid, payment_method text, cart_token_hash text, channel text, customer_id uuid, email text,
        shipping_address jsonb, billing_address jsonb, shipping_option jsonb, currency text,
        prices_include_tax boolean, subtotal bigint, shipping bigint, shipping_tax bigint, tax bigint, total bigint,
        session_id text
    )
), placed AS (
    INSERT INTO orders (
        id, number, cart_id, cart_token_hash, channel, status, payment_status, fulfilment_status, customer_id, email,
        shipping_address, billing_address, shipping_option, currency, prices_include_tax, subtotal, shipping,
        shipping_tax, tax, total, session_id, placed_at, created_at, updated_at
    )
    SELECT id, 'QM-' || order_number, cart_id, cart_token_hash, channel, 'open', 'authorised', 'none', customer_id,
        email, shipping_address, billing_address, shipping_option, currency, prices_include_tax, subtotal, shipping,
        shipping_tax, tax, total, session_id, $2, $2, $2
    FROM d RETURNING id
), lines AS (
    INSERT INTO order_line (
        id, order_id, position, sku, product_id, variant_id, title, options, tax_class, requires_shipping,
        weight_grams, quantity, unit_price, basis_points, tax, total
    )
    SELECT (l.line->>'id')::uuid, d.id, l.position, l.line->>'sku', (l.line->>'product_id')::uuid,
        (l.line->>'variant_id')::uuid, l.line->>'title', l.line->'options', l.line->>'tax_class',
        (l.line->>'requires_shipping')::boolean, (l.line->>'weight_grams')::bigint, (l.line->>'quantity')::int,
        (l.line->>'unit_price')::bigint, (l.line->>'basis_points')::int, (l.line->>'tax')::bigint,
        (l.line->>'total')::bigint
    FROM d, jsonb_array_elements(d.lines) WITH ORDINALITY AS l(line, position)
), paid AS (
    INSERT INTO payment (id, order_id, method, currency, authorised, created_at, updated_at)
    SELECT payment_id, id, payment_method, currency, total, $2, $2 FROM d
), closed AS (
    UPDATE cart SET state = 'ordered', order_id = d.id, quiet_since = NULL, version = version + 1, updated_at = $2
    FROM d WHERE cart.id = d.cart_id
)
SELECT id FROM placed
"""

TURN_ROUND: Final = """
WITH run AS (
    UPDATE checkout SET state = 'undone', step = 'undoing', updated_at = $2, due_at = $7,
        key = CASE WHEN $3::smallint IS NULL THEN NULL ELSE key END,
        answer_status = $3, answer_headers = $4::jsonb, answer_body = $5
    WHERE id = $1 AND state = 'started' RETURNING id, cart_id
), opened AS (
    UPDATE cart SET state = 'open', version = version + 1, updated_at = $2, quiet_since = $2,
        expires_at = greatest(expires_at, $6) FROM run WHERE cart.id = run.cart_id AND cart.state = 'checking_out'
)
SELECT id FROM run
"""
NOTE_STEP: Final = (
    "UPDATE checkout SET step = $2, due_at = $3, attempts = 0, updated_at = $4 WHERE id = $1 AND state = 'undone'"
)

TAKE_DUE: Final = """
UPDATE checkout SET attempts = attempts + 1, updated_at = $1,
    due_at = $1::timestamptz + least(interval '1 second' * (2 ^ least(attempts, 10)), interval '60 seconds')
WHERE id IN (
    SELECT id FROM checkout WHERE step <> 'over' AND due_at <= $1 ORDER BY due_at LIMIT $2 FOR UPDATE SKIP LOCKED
) RETURNING id, cart_id, order_number, state, step, attempts, data
"""
FIND: Final = "SELECT id, state FROM checkout WHERE id = $1"
FREE_KEYS: Final = """
UPDATE checkout SET key = NULL WHERE id IN (
    SELECT id FROM checkout WHERE key IS NOT NULL AND created_at < $1 AND state <> 'started'
    ORDER BY created_at LIMIT $2 FOR UPDATE SKIP LOCKED
) RETURNING id
"""
FORGET_REFUSED: Final = "DELETE FROM checkout WHERE id = ANY ($1::uuid[]) AND state = 'failed'"


class CheckoutRepository:
    """Checkouts by id and by key."""

    def __init__(self, uow: UnitOfWork) -> None:
        self._uow = uow

    async def look_up(self, scope: IdempotencyScope) -> asyncpg.Record | None:
        """Return what there is under a caller's key."""
        return await self._uow.single_row(LOOK_UP, scope.principal, scope.key)

    async def start(
        self,
        checkout_id: UUID,
        cart_id: UUID,
        frozen: FrozenCart,
        scope: IdempotencyScope,
        *,
        cart_version: int,
        deadline_at: datetime,
        due_at: datetime,
    ) -> Checkout | None:
        """T1: take the cart and save the checkout; None where the cart is no longer as it was read.

        Raises UniqueViolationError where the key is in use for another cart.
        """
        row = await self._uow.single_row(
            START,
            checkout_id,
            cart_id,
            cart_version,
            self._uow.now,
            scope.principal,
            scope.key,
            scope.fingerprint,
            frozen.model_dump_json(),
            frozen.email,
            deadline_at,
            due_at,
        )
        if row is None:
            return None
        return Checkout(
            id=checkout_id,
            cart_id=cart_id,
            order_number=row["order_number"],
            state="started",
            step="running",
            attempts=0,
            frozen=frozen,
        )

    async def refuse(self, checkout_id: UUID, cart_id: UUID, scope: IdempotencyScope, answer: Answer[Any]) -> None:
        """Keep the answer of a checkout that was refused before it began."""
        await self._uow.single(
            REFUSE,
            checkout_id,
            cart_id,
            scope.principal,
            scope.key,
            scope.fingerprint,
            answer.status_code,
            orjson.dumps(answer.kept_headers()).decode(),
            bytes(answer.body),
            self._uow.now,
        )

    async def place(self, checkout_id: UUID, answer: Answer[Any]) -> bool:
        """T2: make the order, if the checkout is still to be had; False where somebody undid or placed it."""
        placed = await self._uow.fetchrow(
            PLACE,
            checkout_id,
            self._uow.now,
            answer.status_code,
            orjson.dumps(answer.kept_headers()).decode(),
            bytes(answer.body),
        )
        return placed is not None

    async def turn_round(
        self, checkout_id: UUID, answer: Answer[Any] | None, *, cart_expires_at: datetime, due_at: datetime
    ) -> bool:
        """Close the door to T2 and open the cart; False where it is not to be undone any more.

        Without an answer to keep, the key is free again.
        """
        row = await self._uow.single_row(
            TURN_ROUND,
            checkout_id,
            self._uow.now,
            None if answer is None else answer.status_code,
            None if answer is None else orjson.dumps(answer.kept_headers()).decode(),
            None if answer is None else bytes(answer.body),
            cart_expires_at,
            due_at,
        )
        return row is not None

    async def note_step(self, checkout_id: UUID, step: str, *, due_at: datetime) -> None:
        """Note how far an undone checkout is."""
        await self._uow.single(NOTE_STEP, checkout_id, step, due_at, self._uow.now)

    async def take_due(self, limit: int) -> list[Checkout]:
        """Return checkouts that somebody has to look after, and put off the next look at them."""
        return [Checkout.of(row) for row in await self._uow.single(TAKE_DUE, self._uow.now, limit)]

    async def find(self, checkout_id: UUID) -> asyncpg.Record | None:
        """Return where a checkout stands."""
        return await self._uow.single_row(FIND, checkout_id)
