"""Builds the one statement of a search: what fits the words, which filters each hit fails, a page, and the facets.

Every hit carries a mask with a bit for each filter that it fails. What fails none is in the result. What fails one
counts for that filter's own facet, and only there: choosing a second colour shows how many more it would bring. So
facets are counted in the same pass that finds the page. Values are parameters; the text is made of constants.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from catalog.products.reading import category_arguments
from catalog.search.filters import Asked, Sort
from catalog.text import fold

EXACT = 10_000_000  # above any score of words

ORDERS: Final[dict[Sort, tuple[str, str, tuple[type, ...]]]] = {
    "relevance": (
        "tier DESC, score DESC, popularity DESC, product_id DESC",
        "(tier, score, popularity, product_id) < ({}::int, {}::bigint, {}::bigint, {}::uuid)",
        (int, int, int, UUID),
    ),
    "popularity": (
        "tier DESC, popularity DESC, product_id DESC",
        "(tier, popularity, product_id) < ({}::int, {}::bigint, {}::uuid)",
        (int, int, UUID),
    ),
    "newest": (
        "tier DESC, sort_time DESC, product_id DESC",
        "(tier, sort_time, product_id) < ({}::int, {}::timestamptz, {}::uuid)",
        (int, datetime, UUID),
    ),
    "price": (
        "-tier, price_rank, price_amount, product_id",
        "(-tier, price_rank, price_amount, product_id) > (-{}::int, {}::text, {}::bigint, {}::uuid)",
        (int, str, int, UUID),
    ),
}
KEYS: Final[dict[Sort, tuple[str, ...]]] = {
    "relevance": ("tier", "score", "popularity", "product_id"),
    "popularity": ("tier", "popularity", "product_id"),
    "newest": ("tier", "sort_time", "product_id"),
    "price": ("tier", "price_rank", "price_amount", "product_id"),
}

STATEMENT = """
WITH hit AS MATERIALIZED (
    SELECT d.product_id, d.sort_time, d.popularity, d.stock, {rank} AS price_rank, {amount} AS price_amount,
        d.facets, d.number_facets, d.number_values, d.categories, {tier} AS tier, {score} AS score, {failed} AS failed
    FROM search_document AS d
    WHERE {matching} AND 'web' = ANY (d.channels)
), page AS MATERIALIZED (
    SELECT t.*, row_number() OVER (ORDER BY {order}) AS place FROM (
        SELECT product_id, tier, score, popularity, sort_time, price_rank, price_amount, stock
        FROM hit WHERE failed = 0 {after} ORDER BY {order} LIMIT {limit}
    ) AS t
), facts AS MATERIALIZED (
    SELECT (SELECT count(*) FROM hit) AS hits, {facets} AS facets, ARRAY(
        SELECT wanted.facet FROM unnest({wanted}::bigint[]) AS wanted(facet)
        WHERE NOT EXISTS (SELECT FROM search_facet AS f WHERE f.facet = wanted.facet)
    ) AS unknown
)
SELECT f.hits, f.unknown, CASE WHEN coalesce(p.place, 1) = 1 THEN f.facets END AS facets, p.*, g.card
FROM facts AS f LEFT JOIN (page AS p JOIN product_page AS g USING (product_id)) ON true ORDER BY p.place
"""
# Each part counts what fails nothing, or nothing but the filter of its own facet; `own` pairs facets with bits.
# unnest stands in the SELECT list: joined by LATERAL it costs twice as much.
FACETS = """json_build_object(
    'values', (
        SELECT json_agg(json_build_array(v.kind, v.facet, v.id, v.name, v.value, v.hits)) FROM (
            SELECT f.kind, f.facet, f.id, f.name, f.value, sum(c.hits)::bigint AS hits
            FROM (
                SELECT e.id, e.failed, count(*) AS hits FROM (
                    SELECT unnest(h.facets) AS id, h.failed FROM hit AS h WHERE h.failed & (h.failed - 1) = 0
                ) AS e GROUP BY e.id, e.failed
            ) AS c JOIN search_facet AS f ON f.id = c.id
            LEFT JOIN unnest({facets}::bigint[], {bits}::bigint[]) AS own(facet, bit) ON own.facet = f.facet
            WHERE c.failed = 0 OR c.failed = own.bit GROUP BY f.id
        ) AS v
    ),
    'numbers', (
        SELECT json_agg(json_build_array(f.facet, f.name, n.least, n.most, n.hits)) FROM (
            SELECT e.facet, min(e.value) AS least, max(e.value) AS most, count(*) AS hits
            FROM (
                SELECT unnest(h.number_facets) AS facet, unnest(h.number_values) AS value, h.failed FROM hit AS h
                WHERE h.failed & (h.failed - 1) = 0
            ) AS e
            LEFT JOIN unnest({facets}::bigint[], {bits}::bigint[]) AS own(facet, bit) ON own.facet = e.facet
            WHERE e.failed = 0 OR e.failed = own.bit GROUP BY e.facet
        ) AS n JOIN search_facet AS f ON f.id = n.facet
    ),
    'categories', (
        SELECT json_agg(json_build_array(c.handle, c.title, c.path, n.hits)) FROM (
            SELECT e.id, count(*) AS hits FROM (
                SELECT unnest(h.categories) AS id FROM hit AS h WHERE h.failed IN (0, {category_bit})
            ) AS e GROUP BY e.id
        ) AS n JOIN category AS c ON c.id = n.id
    ),
    'price', (
        SELECT json_build_array(min(h.price_amount), max(h.price_amount), count(*)) FROM hit AS h
        WHERE h.failed IN (0, {price_bit}) AND h.price_rank = ''
    ),
    'in_stock', (SELECT count(*) FROM hit AS h WHERE h.failed IN (0, {stock_bit}) AND h.stock > 0)
)::text"""


@dataclass(slots=True)
class Statement:
    """SQL text and its parameters, while it is being built."""

    arguments: list[Any] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    own: dict[int, int] = field(default_factory=dict)

    def parameter(self, value: object) -> str:
        """Add a parameter; returns its name."""
        self.arguments.append(value)
        return f"${len(self.arguments)}"

    def filter(self, condition: str) -> int:
        """Add a filter that hits must pass; returns the bit of those that fail it."""
        bit = 1 << len(self.failures)
        self.failures.append(f"CASE WHEN {condition} THEN 0 ELSE {bit} END")
        return bit


def build(
    asked: Asked, words: Sequence[str], *, after: Sequence[Any] | None, limit: int, facets: bool
) -> tuple[str, list[Any]]:
    """Write the statement of a search for ``words``, from ``after`` on."""
    made = Statement()
    rank, amount, in_currency = _prices(made, asked)
    matching, score, exact = _matching(made, asked, words)
    category_bit = 0
    if asked.category is not None:
        inside = f"d.categories @> ARRAY[{_category(made, asked.category)}]"
        if asked.q is None:
            matching = inside
        else:
            category_bit = made.filter(inside)
    price_bit = _price_filter(made, asked, rank, amount)
    stock_bit = made.filter("d.stock > 0") if asked.in_stock else 0
    _attribute_filters(made, asked)
    order, condition, _ = ORDERS[asked.sort]
    stock_first = "(d.stock > 0)::int"
    own_facets = made.parameter(list(made.own))
    text = STATEMENT.format(
        rank=rank,
        amount=amount,
        tier=f"CASE WHEN {exact} THEN 2 ELSE {stock_first} END" if asked.sort == "relevance" else stock_first,
        score=score,
        failed=" | ".join(made.failures) or "0",
        matching=f"{matching} AND {in_currency}",
        order=order,
        after=f"AND {condition.format(*(made.parameter(each) for each in after))}" if after else "",
        limit=made.parameter(limit),
        wanted=own_facets,
        facets=FACETS.format(
            facets=own_facets,
            bits=made.parameter(list(made.own.values())),
            category_bit=category_bit,
            price_bit=price_bit,
            stock_bit=stock_bit,
        )
        if facets
        else "NULL::text",
    )
    return text, made.arguments


def _matching(made: Statement, asked: Asked, words: Sequence[str]) -> tuple[str, str, str]:
    """Return the condition of a hit, its score, and whether a code of its own was searched for."""
    if asked.q is None:
        return "true", "0::bigint", "false"
    given = f"{made.parameter(list(words))}::text[]"
    query, whole = f"(SELECT search_query({given}, true))", f"(SELECT search_query({given}, false))"
    exact = f"d.codes @> ARRAY[{made.parameter(fold(asked.q.strip()))}::text]"
    rank = f"ts_rank(d.head, {query}) + ts_rank(d.head, {whole})"  # a whole word counts before a beginning
    score = f"CASE WHEN {exact} THEN {EXACT} ELSE 0 END + (({rank}) * 1000000)::bigint"
    return f"(d.document @@ {query} OR {exact})", score, exact


def _prices(made: Statement, asked: Asked) -> tuple[str, str, str]:
    if asked.currency is None:
        return "d.price_rank", "d.price_amount", "true"
    currency = f"{made.parameter(asked.currency)}::text"
    return "''::text", f"d.amounts[array_position(d.currencies, {currency})]", f"{currency} = ANY (d.currencies)"


def _category(made: Statement, reference: str) -> str:
    category_id, handle = category_arguments(reference)
    if handle is None:
        return f"{made.parameter(category_id)}::uuid"
    return f"(SELECT c.id FROM category AS c WHERE c.handle = {made.parameter(handle)})"  # noqa: S608 - a parameter's name


def _price_filter(made: Statement, asked: Asked, rank: str, amount: str) -> int:
    conditions = []
    if asked.price_min is not None:
        conditions.append(f"{amount} >= {made.parameter(asked.price_min)}::bigint")
    if asked.price_max is not None:
        conditions.append(f"{amount} <= {made.parameter(asked.price_max)}::bigint")
    return made.filter(" AND ".join([f"{rank} <> '~'", *conditions])) if conditions else 0


def _attribute_filters(made: Statement, asked: Asked) -> None:
    for choice in asked.choices:
        values = made.parameter(list(choice.values))
        made.own[choice.facet] = made.filter(f"d.facets && {values}::bigint[]")
    for each in asked.ranges:
        facet = made.parameter(each.facet)
        value = f"d.number_values[array_position(d.number_facets, {facet}::bigint)]"
        conditions = []
        if each.least is not None:
            conditions.append(f"{value} >= {made.parameter(each.least)}::double precision")
        if each.most is not None:
            conditions.append(f"{value} <= {made.parameter(each.most)}::double precision")
        made.own[each.facet] = made.filter(" AND ".join(conditions))
