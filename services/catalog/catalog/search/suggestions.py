"""Suggestions: products whose words, SKU or barcode begin as the query does. One statement."""

from collections.abc import Sequence
from dataclasses import dataclass

import asyncpg
import orjson

from catalog.search.repository import card_of
from catalog.text import fold, searchable, words_of
from common.database import UnitOfWork

LEAST_CODE = 2  # characters; a single one begins too many SKUs to mean one
MOST_CATEGORIES = 3
MAX_WORDS = 6

# $1 words · $2, $3 the beginning of a code and what comes after it · $4 currency · $5 limit · $6 title's beginning
SUGGEST = """
WITH coded AS MATERIALIZED (
    SELECT DISTINCT c.product_id FROM search_code AS c WHERE c.code >= $2::text AND c.code < $3::text LIMIT 100
), worded AS MATERIALIZED (
    SELECT d.product_id, (d.stock > 0)::int AS tier, d.popularity FROM search_document AS d
    WHERE d.head @@ (SELECT search_query($1::text[], true)) AND 'web' = ANY (d.channels)
        AND ($4::text IS NULL OR $4 = ANY (d.currencies))
    ORDER BY 2 DESC, 3 DESC, 1 DESC LIMIT $5
), found AS (
    SELECT d.product_id, d.stock, (d.stock > 0)::int AS tier, d.popularity, c.product_id IS NOT NULL AS by_code,
        CASE WHEN $4::text IS NULL THEN d.price_rank ELSE '' END AS price_rank,
        CASE WHEN $4::text IS NULL THEN d.price_amount ELSE d.amounts[array_position(d.currencies, $4)] END
            AS price_amount
    FROM search_document AS d
    JOIN (SELECT product_id FROM coded UNION SELECT product_id FROM worded) AS u USING (product_id)
    LEFT JOIN coded AS c USING (product_id)
    WHERE 'web' = ANY (d.channels) AND ($4::text IS NULL OR $4 = ANY (d.currencies))
    ORDER BY by_code DESC, tier DESC, popularity DESC, product_id DESC LIMIT $5
), placed AS (
    SELECT json_agg(json_build_array(c.id, c.handle, c.title, c.path))::text AS categories FROM (
        SELECT k.id, k.handle, k.title, k.path FROM category AS k
        WHERE starts_with(lower(k.title), $6) AND EXISTS (
            SELECT FROM listing AS l
            WHERE l.category_id = k.id AND l.currency = '' AND l.published AND 'web' = ANY (l.channels)
        ) ORDER BY cardinality(k.path), k.title LIMIT 3
    ) AS c
)
SELECT CASE WHEN row_number() OVER () = 1 THEN p.categories END AS categories, f.*, g.card
FROM placed AS p
LEFT JOIN (found AS f JOIN product_page AS g USING (product_id)) ON true
ORDER BY f.by_code DESC, f.tier DESC, f.popularity DESC, f.product_id DESC
"""

_BEYOND = "\U0010ffff"  # after every letter that goes on


@dataclass(frozen=True, slots=True)
class Suggested:
    """Ready cards, completed queries, and categories as (id, handle, title, path)."""

    items: list[bytes]
    queries: list[str]
    categories: list[list[object]]


async def suggest(uow: UnitOfWork, q: str, *, currency: str | None, limit: int, shop_currency: str) -> Suggested:
    """Find what ``q`` may become."""
    words = words_of(q, most=MAX_WORDS)
    code = fold(q.strip())
    begins = code if len(code) >= LEAST_CODE else _BEYOND
    rows = await uow.single(SUGGEST, words, begins, begins + _BEYOND, currency, limit, q.strip().lower())
    cards = [row for row in rows if row["card"] is not None]
    categories = next((row["categories"] for row in rows if row["categories"]), None)
    return Suggested(
        items=[card_of(row, currency=currency or shop_currency) for row in cards],
        queries=_completed(words, cards),
        categories=orjson.loads(categories) if categories else [],
    )


def _completed(words: Sequence[str], cards: Sequence[asyncpg.Record]) -> list[str]:
    """Complete the last word by what the titles found have of it, the most frequent first."""
    if not words:
        return []
    *first, last = words
    counts: dict[str, int] = {}
    for row in cards:
        title = orjson.loads(row["card"])["title"]
        for word in set(searchable(title).split()):
            if word.startswith(last) and word != last:
                counts[word] = counts.get(word, 0) + 1
    ranked = sorted(counts, key=lambda word: (-counts[word], word))
    return [" ".join([*first, word]) for word in ranked[:5]]
