"""Search in PostgreSQL: one statement for a search, two more where a typo was mended."""

from dataclasses import dataclass
from typing import Any

import asyncpg
import orjson

from catalog.products import projection
from catalog.search.filters import Asked
from catalog.search.statement import KEYS, ORDERS, build
from catalog.search.typos import mend
from catalog.text import words_of
from common.database import UnitOfWork
from common.pagination import PageParams, encode_cursor

MAX_WORDS = 12  # more only narrow what is narrow already

KNOWN = "SELECT DISTINCT facet FROM search_facet WHERE facet = ANY ($1::bigint[])"

AVAILABLE = (b"false", b'"low"', b"true")


@dataclass(frozen=True, slots=True)
class Found:
    """A page of a search. ``hits``: how many products fit the words, whatever the filters."""

    items: list[bytes]
    cursor: str | None
    hits: int
    corrected: str | None
    facets: dict[str, Any] | None
    unknown: list[int]


async def search(uow: UnitOfWork, asked: Asked, page: PageParams, *, facets: bool, shop_currency: str) -> Found:
    """Find a page of what fits. Where nothing does, typos are mended, if that helps. Raises InvalidCursor."""
    named = asked.named()
    position = page.position(*ORDERS[asked.sort][2], filters=named)
    words = words_of(asked.q, most=MAX_WORDS) if asked.q else []
    rows = await _run(uow, asked, words, position, page, facets=facets)
    corrected = None
    if words and not rows[0]["hits"] and not rows[0]["unknown"]:
        mended = await mend(uow, words)
        again = await _run(uow, asked, mended, position, page, facets=facets) if mended else []
        if mended and again[0]["hits"]:
            rows, corrected = again, " ".join(mended)
    cards = [row for row in rows if row["place"] is not None]
    more = len(cards) > page.limit
    last = cards[page.limit - 1] if more else None
    return Found(
        items=[card_of(row, currency=asked.currency or shop_currency) for row in cards[: page.limit]],
        cursor=encode_cursor([last[key] for key in KEYS[asked.sort]], filters=named) if last is not None else None,
        hits=rows[0]["hits"],
        corrected=corrected,
        facets=orjson.loads(rows[0]["facets"]) if facets else None,
        unknown=list(rows[0]["unknown"]),
    )


async def _run(
    uow: UnitOfWork, asked: Asked, words: list[str], position: tuple[Any, ...] | None, page: PageParams, *, facets: bool
) -> list[asyncpg.Record]:
    text, arguments = build(asked, words, after=position, limit=page.fetch, facets=facets)
    return await uow.single(text, *arguments)


async def known_facets(uow: UnitOfWork, facets: list[int]) -> set[int]:
    """Tell which of these facets some product has."""
    return {row["facet"] for row in await uow.single(KNOWN, facets)}


def card_of(row: asyncpg.Record, *, currency: str) -> bytes:
    """Complete a stored card by its price and by whether it can be bought."""
    card = projection.with_price(row["card"], rank=row["price_rank"], amount=row["price_amount"], currency=currency)
    return b'%b,"available":%b}' % (card[:-1], AVAILABLE[row["stock"]])
