"""Writes what search reads of products: a narrow row each, their facets' names, codes and words.

Stock and popularity in a row follow from copies that consumers keep (`availability`, `popularity`). A product being
saved reads those copies while their consumers look for products: one of the two must come first, or a level that
arrives in that moment is not seen by either. So both take ``LOCK``, products shared, consumers alone.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final
from uuid import UUID

import orjson

from catalog.products import projection
from catalog.products.facets import Facets, FacetValue
from catalog.products.models import CategoryRef, Product
from catalog.text import searchable
from common.database import UnitOfWork

LOCK_KEY: Final = "hashtextextended('catalog:search', 0)"
SHARE_LOCK = f"SELECT pg_advisory_xact_lock_shared({LOCK_KEY})"
TAKE_LOCK = f"SELECT pg_advisory_xact_lock({LOCK_KEY})"

# Words of at least four letters are found with a letter wrong; shorter ones have too many neighbours.
WRITE = """
WITH n AS MATERIALIZED (
    SELECT * FROM json_to_recordset($1::json) AS r(
        product_id uuid, channels text[], sort_time timestamptz, price_rank text, price_amount bigint,
        currencies text[], amounts bigint[], facets bigint[], number_facets bigint[],
        number_values double precision[], codes text[], parts text, title text, labels text, choices text,
        description text)
), named AS (
    INSERT INTO search_facet (id, facet, kind, name, value)
    SELECT f.id, f.facet, f.kind, f.name, f.value
    FROM json_to_recordset($2::json) AS f(id bigint, facet bigint, kind text, name text, value text)
    WHERE NOT EXISTS (SELECT FROM search_facet AS k WHERE k.id = f.id) ORDER BY f.id
    ON CONFLICT DO NOTHING
), codes_gone AS (
    DELETE FROM search_code AS c USING n WHERE c.product_id = n.product_id AND c.code <> ALL (n.codes)
), coded AS (
    INSERT INTO search_code (code, product_id)
    SELECT each.code, n.product_id FROM n CROSS JOIN LATERAL unnest(n.codes) AS each(code) ORDER BY 1, 2
    ON CONFLICT DO NOTHING
), worded AS (
    INSERT INTO search_word (word)
    SELECT DISTINCT each.word COLLATE "C"
    FROM n CROSS JOIN LATERAL unnest(tsvector_to_array(
        to_tsvector('pg_catalog.simple', concat_ws(' ', n.title, n.labels, n.choices, n.description))
    )) AS each(word)
    WHERE each.word ~ '^[[:alpha:]]{2,32}$'
        AND NOT EXISTS (SELECT FROM search_word AS k WHERE k.word = each.word) ORDER BY 1
    ON CONFLICT DO NOTHING RETURNING word
), misspelt AS (
    INSERT INTO search_deletion (deletion, word)
    SELECT d.deletion, w.word FROM worded AS w CROSS JOIN LATERAL search_deletions(w.word) AS d(deletion)
    WHERE length(w.word) >= 4 ORDER BY 1, 2
    ON CONFLICT DO NOTHING
)
INSERT INTO search_document AS s (product_id, channels, sort_time, price_rank, price_amount, currencies, amounts, stock,
    popularity, categories, facets, number_facets, number_values, codes, head, document)
SELECT n.product_id, n.channels, n.sort_time, n.price_rank, n.price_amount, n.currencies, n.amounts,
    stock_of_product(n.product_id), popularity_of_product(n.product_id), categories_of_product(n.product_id),
    n.facets, n.number_facets, n.number_values, n.codes, search_head(n.title, n.labels, n.choices),
    strip(search_head(n.title, n.labels, n.choices)) || search_body(n.description)
        || strip(to_tsvector('pg_catalog.simple', n.parts))
FROM n ORDER BY n.product_id
ON CONFLICT (product_id) DO UPDATE SET channels = excluded.channels, sort_time = excluded.sort_time,
    price_rank = excluded.price_rank, price_amount = excluded.price_amount, currencies = excluded.currencies,
    amounts = excluded.amounts, stock = excluded.stock, popularity = excluded.popularity,
    categories = excluded.categories, facets = excluded.facets, number_facets = excluded.number_facets,
    number_values = excluded.number_values, codes = excluded.codes, head = excluded.head, document = excluded.document
"""
DELETE = """
WITH codes AS (DELETE FROM search_code WHERE product_id = $1)
DELETE FROM search_document WHERE product_id = $1
"""
PLACE_BELOW = """
UPDATE search_document AS d SET categories = categories_of_product(d.product_id) WHERE d.product_id IN (
    SELECT pc.product_id FROM category AS c JOIN product_category AS pc ON pc.category_id = c.id
    WHERE c.ancestors @> ARRAY[$1::uuid]
)
"""
FORGET_FACETS = """
DELETE FROM search_facet AS f WHERE NOT EXISTS (
    SELECT FROM (
        SELECT unnest(facets) AS id FROM search_document UNION SELECT unnest(number_facets) FROM search_document
    ) AS used WHERE used.id = f.id
)
"""
FORGET_WORDS = """
WITH gone AS (
    DELETE FROM search_word AS w WHERE NOT EXISTS (
        SELECT FROM search_document AS d WHERE d.document @@ search_query(ARRAY[w.word], false)
    ) RETURNING w.word
)
DELETE FROM search_deletion AS d USING gone WHERE d.word = gone.word
"""
FORGET_CODES = """
DELETE FROM search_code AS c WHERE NOT EXISTS (
    SELECT FROM search_document AS d WHERE d.product_id = c.product_id AND c.code = ANY (d.codes)
)
"""

Row = dict[str, Any]


async def write_search_rows(
    uow: UnitOfWork, products: Sequence[Product], categories: Mapping[UUID, CategoryRef], *, shop_currency: str
) -> None:
    """Write the search rows of ``products``, whose own rows are saved; the last thing that a save does."""
    rows: list[Row] = []
    named: dict[int, FacetValue] = {}
    for product in products:
        facets = projection.facets_of_product(product)
        named |= {each.id: each for each in facets.values} | {each.id: each for each, _ in facets.numbers}
        rows.append(_row(product, facets, categories, shop_currency))
    names = [
        {"id": each.id, "facet": each.facet, "kind": each.kind, "name": each.name, "value": each.value}
        for each in named.values()
    ]
    await uow.execute(SHARE_LOCK)
    await uow.execute(WRITE, _json(rows), _json(names))


def _row(product: Product, facets: Facets, categories: Mapping[UUID, CategoryRef], shop_currency: str) -> Row:
    text = projection.search_text(product, categories)
    lowest = projection.lowest_prices(product)
    rank, amount = projection.own_price(lowest, shop_currency=shop_currency)
    return {
        "product_id": product.id,
        "channels": product.channels if product.status == "published" else [],
        "sort_time": projection.sort_time(product),
        "price_rank": rank,
        "price_amount": amount,
        "currencies": list(lowest),
        "amounts": list(lowest.values()),
        "facets": [each.id for each in facets.values],
        "number_facets": [each.id for each, _ in facets.numbers],
        "number_values": [value for _, value in facets.numbers],
        "codes": text.codes,
        "parts": searchable(" ".join(text.codes)),
        "title": text.title,
        "labels": text.labels,
        "choices": text.choices,
        "description": text.description,
    }


async def delete_search_row(uow: UnitOfWork, product_id: UUID) -> None:
    """Let search forget a product."""
    await uow.execute(DELETE, product_id)


async def place_below(uow: UnitOfWork, category_id: UUID) -> None:
    """Put the search rows of a moved subtree's products where the tree now says."""
    await uow.execute(PLACE_BELOW, category_id)


async def forget_unused(uow: UnitOfWork) -> None:
    """Drop the names, words and codes of products that are gone; what is saved meanwhile waits."""
    await uow.execute(TAKE_LOCK)
    for statement in (FORGET_FACETS, FORGET_WORDS, FORGET_CODES):
        await uow.execute(statement)


def _json(rows: Sequence[Mapping[str, Any]]) -> str:
    return orjson.dumps(rows, default=str).decode()
