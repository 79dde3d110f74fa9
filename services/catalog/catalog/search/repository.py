"""Search in PostgreSQL: an exact SKU or barcode first, then words by where they stand. One statement."""

from datetime import datetime
from typing import Final, Literal
from uuid import UUID

import asyncpg

from catalog.products.reading import category_arguments, page_of_cards
from catalog.text import fold, words_of
from common.database import UnitOfWork
from common.pagination import CursorValue, PageParams, encode_cursor

Sort = Literal["relevance", "price", "newest"]

MAX_WORDS = 12  # more only narrow what is narrow already

# $1 words · $2 code · $3 category id · $4 category handle · $5 currency scope · $6, $7 price bounds · $8 limit
SEARCH = """
WITH hit AS (
    SELECT l.product_id, l.sort_time, l.price_rank, l.price_amount,
        CASE WHEN d.codes @> ARRAY[$2::text] THEN 10000000 ELSE 0 END
            + (ts_rank(d.document, (SELECT search_query($1::text[]))) * 1000000)::bigint AS score
    FROM search_document AS d JOIN listing AS l ON l.product_id = d.product_id
    WHERE (d.document @@ (SELECT search_query($1::text[])) OR d.codes @> ARRAY[$2::text])
        AND l.category_id =
            CASE WHEN $4::text IS NULL THEN $3::uuid ELSE (SELECT id FROM category WHERE handle = $4) END
        AND l.currency = $5 AND l.published AND 'web' = ANY(l.channels)
        AND ($6::bigint IS NULL OR (l.price_amount >= $6 AND l.price_rank <> '~'))
        AND ($7::bigint IS NULL OR (l.price_amount <= $7 AND l.price_rank <> '~'))
), page AS MATERIALIZED (
    SELECT * FROM hit {after} ORDER BY {order} LIMIT $8
)
SELECT page.*, p.card FROM page JOIN product_page AS p USING (product_id) ORDER BY {order}
"""
ORDERS: Final[dict[Sort, tuple[str, str, tuple[type, ...]]]] = {
    "relevance": (
        "score DESC, product_id DESC",
        "WHERE (score, product_id) < ($9::bigint, $10::uuid)",
        (int, UUID),
    ),
    "newest": (
        "sort_time DESC, product_id DESC",
        "WHERE (sort_time, product_id) < ($9::timestamptz, $10::uuid)",
        (datetime, UUID),
    ),
    "price": (
        "price_rank, price_amount, product_id",
        "WHERE (price_rank, price_amount, product_id) > ($9::text, $10::bigint, $11::uuid)",
        (str, int, UUID),
    ),
}


async def search_cards(
    uow: UnitOfWork,
    q: str,
    *,
    category: str | None,
    currency: str | None,
    price_min: int | None,
    price_max: int | None,
    sort: Sort,
    page: PageParams,
    shop_currency: str,
) -> bytes:
    """Return a page of what fits ``q`` as ready JSON. Raises InvalidCursor."""
    named = {
        "q": q, "category": category, "currency": currency, "price_min": price_min, "price_max": price_max, "sort": sort
    }  # fmt: skip
    order, after, types = ORDERS[sort]
    position = page.position(*types, filters=named)
    rows = await uow.single(
        SEARCH.format(order=order, after=after if position else ""),
        words_of(q, most=MAX_WORDS), fold(q.strip()), *category_arguments(category), currency or "", price_min,
        price_max, page.fetch, *(position or ()),
    )  # fmt: skip
    more = len(rows) > page.limit
    cursor = encode_cursor(_key(rows[page.limit - 1], sort), filters=named) if more else None
    return page_of_cards(rows[: page.limit], cursor, currency=currency or shop_currency)


def _key(row: asyncpg.Record, sort: Sort) -> tuple[CursorValue, ...]:
    match sort:
        case "relevance":
            return row["score"], row["product_id"]
        case "newest":
            return row["sort_time"], row["product_id"]
        case "price":
            return row["price_rank"], row["price_amount"], row["product_id"]
