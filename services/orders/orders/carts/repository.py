"""Carts in SQL. Every change is one guarded statement that returns the whole cart, repriced.

A guard that fails changes nothing and returns no row; why is asked afterwards, since hardly anyone fails.
"""

# ruff: noqa: S608 - every fragment put into a statement is a constant of this module

from typing import Any, Final
from uuid import UUID

import asyncpg
import orjson

from common.auth import Caller
from common.database import UnitOfWork
from orders.carts.models import MAX_LINES, MAX_QUANTITY, MAX_UNIT_PRICE, Cart

VARIANT: Final = "SELECT * FROM variant WHERE variant.sku = {sku} ORDER BY variant.product_id DESC LIMIT 1"
"""A SKU that moved from one product to another has two rows for a moment; the newer product's is the one."""

VIEW: Final = (
    """
SELECT c.id, c.token_hash, c.customer_id, c.channel, c.currency, c.country, c.state, c.email, c.shipping_address,
    c.billing_address, c.shipping_option_id, c.order_id, c.version, c.created_at, c.updated_at, c.expires_at,
    h.prices_include_tax,
    (SELECT coalesce(jsonb_agg(jsonb_build_object(
            'id', e.line->'id', 'sku', e.line->'sku', 'quantity', e.line->'quantity',
            'kept_price', e.line->'unit_price', 'price', v.prices->c.currency,
            'sellable', coalesce(c.channel = ANY (v.channels), false),
            'product_id', coalesce(v.product_id, (e.line->>'product_id')::uuid),
            'variant_id', coalesce(v.variant_id, (e.line->>'variant_id')::uuid),
            'title', coalesce(v.title, e.line->>'title'),
            'variant_title', coalesce(v.variant_title, e.line->>'variant_title'),
            'options', coalesce(v.options, '{}'), 'weight_grams', v.weight_grams,
            'tax_class', coalesce(v.tax_class, 'standard'), 'requires_shipping', coalesce(v.requires_shipping, true)
        ) ORDER BY e.place), '[]')
        FROM jsonb_array_elements(c.lines) WITH ORDINALITY AS e(line, place)
        LEFT JOIN LATERAL ("""
    + VARIANT.format(sku="e.line->>'sku'")
    + """) AS v ON true
    ) AS lines,
    (SELECT coalesce(jsonb_agg(jsonb_build_array(t.region, t.class, t.basis_points)), '[]')
        FROM tax_rate AS t WHERE t.country = c.country) AS tax_rates,
    (SELECT coalesce(jsonb_agg(jsonb_build_object(
            'id', s.id, 'name', s.name, 'carrier', s.carrier, 'min_weight_grams', s.min_weight_grams,
            'max_weight_grams', s.max_weight_grams, 'price', s.price, 'free_over', s.free_over
        ) ORDER BY s.place), '[]')
        FROM shipping_rate AS s WHERE s.currency = c.currency AND c.country = ANY (s.countries)) AS shipping_rates
"""
)
OF_CHANGED: Final = VIEW + "FROM changed AS c JOIN channel AS h ON h.id = c.channel"

MINE: Final = "c.id = $1 AND (c.token_hash = $2::text OR c.customer_id = $3::uuid)"
LIVE: Final = "c.state <> 'expired' AND (c.state <> 'open' OR c.expires_at > $4)"
OPEN: Final = MINE + " AND c.state = 'open' AND c.expires_at > $4"
TOUCHED: Final = (
    "version = c.version + 1, updated_at = $4, quiet_since = $4, expires_at = $4::timestamptz + interval '30 days'"
)

READ: Final = VIEW + f"FROM cart AS c JOIN channel AS h ON h.id = c.channel WHERE {MINE} AND {LIVE}"

CREATE: Final = (
    """
WITH changed AS (
    INSERT INTO cart (
        id, token_hash, customer_id, channel, currency, country, email, created_at, updated_at, expires_at
    )
    SELECT $1::uuid, $2::text, $3::uuid, h.id, coalesce($6::text, h.currency), $7::text, $8::text, $4, $4,
        $4::timestamptz + interval '30 days'
    FROM channel AS h WHERE h.id = $5::text
    RETURNING *
)
"""
    + OF_CHANGED
)

ADD: Final = (
    f"""
WITH wanted AS (
    SELECT v.*
    FROM cart AS c, LATERAL ({VARIANT.format(sku="$5::text")}) AS v
    WHERE c.id = $1 AND c.channel = ANY (v.channels) AND (v.prices->>c.currency)::numeric <= {MAX_UNIT_PRICE}
), changed AS (
    UPDATE cart AS c SET {TOUCHED}, lines = CASE
        WHEN c.lines @> jsonb_build_array(jsonb_build_object('sku', $5::text)) THEN (
            SELECT jsonb_agg(CASE WHEN e.line->>'sku' = $5::text THEN e.line || jsonb_build_object(
                'quantity', (e.line->>'quantity')::int + $6::int, 'unit_price', w.prices->c.currency
            ) ELSE e.line END ORDER BY e.place)
            FROM jsonb_array_elements(c.lines) WITH ORDINALITY AS e(line, place))
        ELSE c.lines || jsonb_build_object('id', $7::uuid, 'sku', $5::text, 'quantity', $6::int,
            'unit_price', w.prices->c.currency, 'product_id', w.product_id, 'variant_id', w.variant_id,
            'title', w.title, 'variant_title', w.variant_title) END
    FROM wanted AS w
    WHERE {OPEN}
        AND coalesce((SELECT (e.line->>'quantity')::int FROM jsonb_array_elements(c.lines) AS e(line)
            WHERE e.line->>'sku' = $5::text), 0) + $6::int <= {MAX_QUANTITY}
        AND (jsonb_array_length(c.lines) < {MAX_LINES}
            OR c.lines @> jsonb_build_array(jsonb_build_object('sku', $5::text)))
    RETURNING c.*
)
"""
    + OF_CHANGED
)

SET_QUANTITY: Final = (
    f"""
WITH changed AS (
    UPDATE cart AS c SET {TOUCHED}, lines = (
        SELECT coalesce(jsonb_agg(
            CASE WHEN e.line->>'id' = $5::text THEN e.line || jsonb_build_object('quantity', $6::int) ELSE e.line END
            ORDER BY e.place) FILTER (WHERE e.line->>'id' <> $5::text OR $6::int > 0), '[]')
        FROM jsonb_array_elements(c.lines) WITH ORDINALITY AS e(line, place))
    WHERE {OPEN} AND c.lines @> jsonb_build_array(jsonb_build_object('id', $5::text))
    RETURNING c.*
)
"""
    + OF_CHANGED
)

SET_ADDRESSES: Final = (
    f"""
WITH changed AS (
    UPDATE cart AS c SET {TOUCHED}, shipping_address = $5::jsonb, billing_address = $6::jsonb, country = $7
    WHERE {OPEN} RETURNING c.*
)
"""
    + OF_CHANGED
)

CHOOSE_OPTION: Final = (
    f"""
WITH changed AS (
    UPDATE cart AS c SET {TOUCHED}, shipping_option_id = $5 WHERE {OPEN} AND c.version = $6 RETURNING c.*
)
"""
    + OF_CHANGED
)

FIND_VARIANT: Final = "SELECT channels, prices FROM (" + VARIANT.format(sku="$1") + ") AS v"


class CartRepository:
    """Carts of one caller: whoever holds the token, or the customer whose cart it is."""

    def __init__(self, uow: UnitOfWork, caller: Caller) -> None:
        self._uow = uow
        self._caller = caller

    async def _row(self, sql: str, cart_id: UUID, *args: Any) -> Cart | None:  # noqa: ANN401 - SQL's own values
        """Run one statement: its own transaction, unless the block was entered for the sake of a key."""
        run = self._uow.fetchrow if self._uow.entered else self._uow.single_row
        row = await run(sql, cart_id, self._caller.cart, self._caller.customer_id, self._uow.now, *args)
        return None if row is None else Cart.of(row)

    async def read(self, cart_id: UUID) -> Cart | None:
        """Return the cart, if it is the caller's."""
        return await self._row(READ, cart_id)

    async def add(self, cart_id: UUID, line_id: UUID, sku: str, quantity: int) -> Cart | None:
        """Put units in; None where the cart or the SKU does not allow it."""
        return await self._row(ADD, cart_id, sku, quantity, line_id)

    async def set_quantity(self, cart_id: UUID, line_id: UUID, quantity: int) -> Cart | None:
        """Make a line that many; 0 takes it out."""
        return await self._row(SET_QUANTITY, cart_id, str(line_id), quantity)

    async def set_addresses(
        self, cart_id: UUID, shipping: dict[str, Any], billing: dict[str, Any], country: str
    ) -> Cart | None:
        """Put the addresses; the destination follows the first."""
        return await self._row(
            SET_ADDRESSES, cart_id, orjson.dumps(shipping).decode(), orjson.dumps(billing).decode(), country
        )

    async def choose_option(self, cart_id: UUID, option_id: str, *, version: int) -> Cart | None:
        """Choose how to send it, if it still is what it was when the option was judged."""
        return await self._row(CHOOSE_OPTION, cart_id, option_id, version)

    async def variant(self, sku: str) -> asyncpg.Record | None:
        """Return where a SKU is sold and at which prices."""
        run = self._uow.fetchrow if self._uow.entered else self._uow.single_row
        return await run(FIND_VARIANT, sku)


async def create_cart(
    uow: UnitOfWork,
    *,
    cart_id: UUID,
    token_hash: str,
    customer_id: UUID | None,
    channel: str,
    currency: str | None,
    country: str | None,
    email: str | None,
) -> Cart | None:
    """Insert an empty cart; None: no such channel."""
    run = uow.fetchrow if uow.entered else uow.single_row
    row = await run(CREATE, cart_id, token_hash, customer_id, uow.now, channel, currency, country, email)
    return None if row is None else Cart.of(row)
