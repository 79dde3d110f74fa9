"""Reads that serve pages straight from the projection: one statement each, no transaction.

Lists walk one B-tree of narrow rows and fetch the cards after the LIMIT, so that page 50 costs what page 1 does.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal
from uuid import UUID

import asyncpg

from catalog.products import projection
from catalog.text import as_uuid
from common.database import UnitOfWork
from common.pagination import CursorValue, PageParams, encode_cursor

Sort = Literal["newest", "price", "title"]

PAGE_BY_ID = "SELECT version, published, channels, body FROM product_page WHERE product_id = $1"
PAGE_BY_HANDLE = "SELECT version, published, channels, body FROM product_page WHERE handle = $1"

# $1 category id · $2 category handle · $3 currency scope · $4 status · $5 channel · $6 vendor · $7 type · $8 tag
# · $9, $10 price bounds · $11 changed since
MATCHING = """
    l.category_id = CASE WHEN $2::text IS NULL THEN $1::uuid ELSE (SELECT id FROM category WHERE handle = $2) END
    AND l.currency = $3
    AND ($4::text IS NULL OR l.published = ($4 = 'published'))
    AND ($5::text IS NULL OR $5 = ANY(l.channels))
    AND ($6::text IS NULL OR l.vendor = $6)
    AND ($7::text IS NULL OR l.product_type = $7)
    AND ($8::text IS NULL OR $8 = ANY(l.tags))
    AND ($9::bigint IS NULL OR (l.price_amount >= $9 AND l.price_rank <> '~'))
    AND ($10::bigint IS NULL OR (l.price_amount <= $10 AND l.price_rank <> '~'))
    AND ($11::timestamptz IS NULL OR l.updated_at >= $11)
"""
LIST = """
WITH page AS MATERIALIZED (
    SELECT l.product_id, l.sort_time, l.price_rank, l.price_amount, l.title_key
    FROM listing AS l WHERE {matching} {after}
    ORDER BY {order} LIMIT $12
)
SELECT page.*, p.card FROM page JOIN product_page AS p USING (product_id) ORDER BY {order}
"""
COUNT = "SELECT count(*) FROM listing AS l WHERE {matching}"

ORDERS: Final[dict[Sort, tuple[str, str, tuple[type, ...]]]] = {
    "newest": (
        "sort_time DESC, product_id DESC",
        "AND (l.sort_time, l.product_id) < ($13::timestamptz, $14::uuid)",
        (datetime, UUID),
    ),
    "price": (
        "price_rank, price_amount, product_id",
        "AND (l.price_rank, l.price_amount, l.product_id) > ($13::text, $14::bigint, $15::uuid)",
        (str, int, UUID),
    ),
    "title": (
        "title_key, product_id",
        "AND (l.title_key, l.product_id) > ($13::text, $14::uuid)",
        (str, UUID),
    ),
}


@dataclass(frozen=True, slots=True)
class StoredPage:
    """A product's page as it is stored."""

    version: int
    published: bool
    channels: list[str]
    body: str


@dataclass(frozen=True, slots=True)
class Filters:
    """What a list is narrowed to; None does not narrow."""

    category: str | None = None
    status: Literal["draft", "published"] | None = None
    channel: str | None = None
    currency: str | None = None
    vendor: str | None = None
    type: str | None = None
    tag: str | None = None
    price_min: int | None = None
    price_max: int | None = None
    updated_since: datetime | None = None

    def arguments(self) -> list[object]:
        """Return $1 to $11 of ``MATCHING``."""
        category_id, handle = category_arguments(self.category)
        return [
            category_id, handle, self.currency or projection.ANY_CURRENCY, self.status, self.channel, self.vendor,
            self.type, self.tag, self.price_min, self.price_max, self.updated_since,
        ]  # fmt: skip

    def named(self, sort: Sort) -> Mapping[str, object]:
        """Return what a cursor must agree with."""
        return {"sort": sort, **{name: getattr(self, name) for name in self.__dataclass_fields__}}


def category_arguments(reference: str | None) -> tuple[UUID | None, str | None]:
    """Return a category's id and handle, of which one is None; without a category, that of everything."""
    if reference is None:
        return projection.EVERYTHING, None
    category_id = as_uuid(reference)
    return (category_id, None) if category_id else (None, reference)


async def find_page(uow: UnitOfWork, reference: str) -> StoredPage | None:
    """Find a product's page by id or handle; None if there is no such product."""
    product_id = as_uuid(reference)
    found = await (
        uow.single_row(PAGE_BY_HANDLE, reference) if product_id is None else uow.single_row(PAGE_BY_ID, product_id)
    )
    return StoredPage(**dict(found)) if found is not None else None


async def list_cards(
    uow: UnitOfWork, filters: Filters, sort: Sort, page: PageParams, *, shop_currency: str, count: bool
) -> bytes:
    """Return a page of cards as ready JSON. Raises InvalidCursor."""
    named = filters.named(sort)
    order, after, types = ORDERS[sort]
    position = page.position(*types, filters=named)
    statement = LIST.format(matching=MATCHING, order=order, after=after if position else "")
    rows = await uow.single(statement, *filters.arguments(), page.fetch, *(position or ()))
    total = None
    if count:
        counted = await uow.single_row(COUNT.format(matching=MATCHING), *filters.arguments())
        total = counted[0] if counted else 0
    cursor = encode_cursor(_key(rows[page.limit - 1], sort), filters=named) if len(rows) > page.limit else None
    return page_of_cards(rows[: page.limit], cursor, currency=filters.currency or shop_currency, total=total)


def _key(row: asyncpg.Record, sort: Sort) -> tuple[CursorValue, ...]:
    match sort:
        case "newest":
            return row["sort_time"], row["product_id"]
        case "price":
            return row["price_rank"], row["price_amount"], row["product_id"]
        case "title":
            return row["title_key"], row["product_id"]


def page_of_cards(
    rows: Sequence[asyncpg.Record], cursor: str | None, *, currency: str, total: int | None = None
) -> bytes:
    """Join stored cards to a page's JSON without reading them."""
    cards = b",".join(
        projection.with_price(row["card"], rank=row["price_rank"], amount=row["price_amount"], currency=currency)
        for row in rows
    )
    after = b"null" if cursor is None else f'"{cursor}"'.encode()
    counted = b"" if total is None else b',"total":%d' % total
    return b'{"items":[%b],"next":%b%b}' % (cards, after, counted)
