"""What must always hold in the catalogue's database. `catalog verify` runs these."""

from typing import Any

from catalog.products.auditing import wrong_facets
from common.database import UnitOfWork
from common.invariants import ROWS_SHOWN, invariant
from common.money import EXPONENTS


@invariant
def pages_are_what_the_products_are() -> str:
    """A product's page is missing, left over, or not of the product's version, handle, status or channels.

    Readers see an old product, or one that is gone. Run `catalog rebuild`, then find the writer that saved a product
    without its projection: everything goes through ProductRepository.save.
    """
    return """
    SELECT coalesce(p.id, g.product_id) AS product_id, p.version, g.version AS page_version
    FROM (SELECT * FROM product WHERE deleted_at IS NULL) AS p
    FULL JOIN product_page AS g ON g.product_id = p.id
    WHERE p.id IS NULL OR g.product_id IS NULL OR p.version <> g.version OR p.handle <> g.handle
        OR (p.status = 'published') <> g.published OR p.channels <> g.channels
    """


@invariant
def pages_sell_what_the_rows_say() -> str:
    """A page shows other SKUs or prices than the rows of its product's variants.

    A shopper would see a price that orders do not know, since events are made of the same document. Run
    `catalog rebuild`; the product has to be saved once more to be announced.
    """
    return """
    WITH shown AS (
        SELECT g.product_id, v ->> 'sku' AS sku, price ->> 'currency' AS currency,
            (price ->> 'amount')::bigint AS amount
        FROM product_page AS g CROSS JOIN LATERAL jsonb_array_elements(g.body::jsonb -> 'variants') AS v
        LEFT JOIN LATERAL jsonb_array_elements(v -> 'prices') AS price ON true
    ), kept AS (
        SELECT v.product_id, v.sku, r.currency, r.amount
        FROM variant AS v LEFT JOIN variant_price AS r ON r.variant_id = v.id AND r.amount IS NOT NULL WHERE v.live
    )
    (SELECT 'only on the page' AS where_found, * FROM (TABLE shown EXCEPT TABLE kept) AS a)
    UNION ALL
    (SELECT 'only in the rows' AS where_found, * FROM (TABLE kept EXCEPT TABLE shown) AS b)
    """


@invariant
def lists_show_every_product_where_it_belongs() -> str:
    """A product is missing from the list of one of its categories or currencies, or stands where it does not belong.

    Run `catalog rebuild`. A writer that moved a category or a product without its list rows is the cause.
    """
    return """
    WITH scope AS (
        SELECT p.id AS product_id, '00000000-0000-0000-0000-000000000000'::uuid AS category_id
        FROM product AS p WHERE p.deleted_at IS NULL
        UNION
        SELECT pc.product_id, above.id FROM product_category AS pc JOIN category AS c ON c.id = pc.category_id
        CROSS JOIN LATERAL unnest(c.ancestors) AS above(id)
    ), money AS (
        SELECT id AS product_id, '' AS currency FROM product WHERE deleted_at IS NULL
        UNION
        SELECT v.product_id, r.currency FROM variant AS v JOIN variant_price AS r ON r.variant_id = v.id
        WHERE v.live AND r.amount IS NOT NULL
    ), due AS (
        SELECT scope.product_id, scope.category_id, money.currency FROM scope JOIN money USING (product_id)
    ), there AS (
        SELECT product_id, category_id, currency FROM listing
    )
    (SELECT 'missing' AS what, * FROM (TABLE due EXCEPT TABLE there) AS a)
    UNION ALL
    (SELECT 'left over' AS what, * FROM (TABLE there EXCEPT TABLE due) AS b)
    """


@invariant
def every_product_can_be_found() -> str:
    """A live product is not in the search index, or one that is gone still is. Run `catalog rebuild`."""
    return """
    SELECT coalesce(p.id, d.product_id) AS product_id, d.product_id IS NOT NULL AS indexed
    FROM (SELECT * FROM product WHERE deleted_at IS NULL) AS p
    FULL JOIN search_document AS d ON d.product_id = p.id
    WHERE p.id IS NULL OR d.product_id IS NULL
    """


@invariant
def search_finds_products_where_they_are() -> str:
    """A search row has other channels, categories or prices than its product.

    Filters then hide the product or show it wrongly. Run `catalog rebuild`; the writer that saved a product or moved a
    category without the search rows is the cause.
    """
    return """
    WITH own AS (
        SELECT v.product_id, r.currency, min(r.amount) AS amount
        FROM variant AS v JOIN variant_price AS r ON r.variant_id = v.id
        WHERE v.live AND r.amount IS NOT NULL GROUP BY v.product_id, r.currency
    ), due AS (
        SELECT p.id, CASE WHEN p.status = 'published' THEN p.channels ELSE '{}' END AS channels,
            categories_of_product(p.id) AS categories,
            (SELECT jsonb_object_agg(o.currency, o.amount) FROM own AS o WHERE o.product_id = p.id) AS prices
        FROM product AS p WHERE p.deleted_at IS NULL
    )
    SELECT d.product_id, due.channels <> d.channels AS channels,
        NOT (due.categories @> d.categories AND due.categories <@ d.categories) AS categories
    FROM search_document AS d JOIN due ON due.id = d.product_id
    WHERE due.channels <> d.channels OR NOT (due.categories @> d.categories AND due.categories <@ d.categories)
        OR due.prices IS DISTINCT FROM (
            SELECT jsonb_object_agg(m.currency, m.amount) FROM unnest(d.currencies, d.amounts) AS m(currency, amount)
        )
    """


@invariant
async def facets_are_what_products_have(uow: UnitOfWork) -> list[dict[str, Any]]:
    """A search row has other facets than its product, or one whose name nobody knows.

    Counts and filters are wrong by that product. Run `catalog rebuild`.
    """
    unnamed = await uow.fetch(UNNAMED_FACETS)
    return [dict(row) for row in unnamed] or await wrong_facets(uow, most=ROWS_SHOWN)


UNNAMED_FACETS = f"""
SELECT used.id AS facet, min(used.product_id::text) AS product_id FROM (
    SELECT product_id, unnest(facets) AS id FROM search_document
    UNION ALL SELECT product_id, unnest(number_facets) FROM search_document
) AS used LEFT JOIN search_facet AS f ON f.id = used.id WHERE f.id IS NULL GROUP BY used.id LIMIT {ROWS_SHOWN}
"""  # noqa: S608 - our own constant


@invariant
def search_shows_the_stock_that_was_told() -> str:
    """Search says of a product that it can be bought, or not, against the copy of its stock.

    Run `catalog rebuild`. Both change in the transaction that takes `stock.changed`, or that saves the product.
    """
    return """
    SELECT product_id, stock AS shown, stock_of_product(product_id) AS due FROM search_document
    WHERE stock <> stock_of_product(product_id)
    """


@invariant
def popularity_follows_from_sales() -> str:
    """A product is sorted by another popularity than its days of sales make. Run `catalog rebuild`."""
    return """
    SELECT product_id, popularity AS shown, popularity_of_product(product_id) AS due FROM search_document
    WHERE popularity <> popularity_of_product(product_id)
    """


@invariant
def codes_are_those_of_the_search_rows() -> str:
    """Suggestions know a SKU or barcode that its product does not have, or lack one. Run `catalog rebuild`."""
    return """
    WITH due AS (SELECT unnest(codes) AS code, product_id FROM search_document)
    (SELECT 'missing' AS what, * FROM (TABLE due EXCEPT SELECT code, product_id FROM search_code) AS a)
    UNION ALL
    (SELECT 'left over' AS what, * FROM (SELECT code, product_id FROM search_code EXCEPT TABLE due) AS b)
    """


@invariant
def a_sku_stands_for_one_live_variant() -> str:
    """Two live variants have one SKU: orders and stock cannot tell them apart.

    The unique index `uq_variant_sku` forbids it, so it is missing or damaged. Decide which variant keeps the SKU, give
    the other one a new SKU by PATCH, and reindex.
    """
    return "SELECT sku, count(*) AS variants FROM variant WHERE live GROUP BY sku HAVING count(*) > 1"


@invariant
def live_variants_have_a_live_product() -> str:
    """A variant is for sale whose product is gone, so its SKU cannot be used again.

    Set `live` to false; the deletion of the product stopped half way.
    """
    return """
    SELECT v.id AS variant_id, v.sku FROM variant AS v JOIN product AS p ON p.id = v.product_id
    WHERE v.live AND p.deleted_at IS NOT NULL
    """


@invariant
def variants_choose_each_option_once() -> str:
    """A variant has another number of option values than its product has options, or chooses what another one does.

    Its page cannot say what it is. Correct it by PATCH of the product with all its variants.
    """
    return """
    SELECT p.id AS product_id, v.option_values, count(*) AS variants
    FROM variant AS v JOIN product AS p ON p.id = v.product_id WHERE v.live
    GROUP BY p.id, p.options, v.option_values
    HAVING count(*) > 1 OR cardinality(v.option_values) <> jsonb_array_length(p.options)
    """


@invariant
def prices_are_in_currencies_that_exist() -> str:
    """A price is in a code that is no currency, so that nobody can pay it.

    Correct it by PATCH. Every way in checks the code; look for a writer that goes past `common.money`.
    """
    known = ", ".join(f"'{code}'" for code in sorted(EXPONENTS))
    return f"SELECT variant_id, currency FROM variant_price WHERE currency NOT IN ({known})"  # noqa: S608 - our own list


@invariant
def ended_imports_keep_no_file() -> str:
    """An import has ended and still has chunks, stock to be set, marks, or drafts: disk that nobody will free.

    The end of an import deletes them in its own transaction. Delete the rows of the import named.
    """
    return """
    SELECT i.id AS import_id, i.status FROM product_import AS i WHERE i.status IN ('completed', 'failed') AND (
        EXISTS (SELECT FROM import_chunk AS c WHERE c.import_id = i.id)
        OR EXISTS (SELECT FROM import_stock AS s WHERE s.import_id = i.id)
        OR EXISTS (SELECT FROM import_seen AS n WHERE n.import_id = i.id)
        OR EXISTS (SELECT FROM import_refused_handle AS h WHERE h.import_id = i.id)
        OR EXISTS (SELECT FROM import_draft AS d WHERE d.import_id = i.id)
    )
    """


@invariant
def refused_rows_have_their_reasons() -> str:
    """An import says that rows were refused, and its list of errors has another number of entries.

    The counts are saved with the errors in one transaction; the import has to be sent again to know what was refused.
    """
    return """
    SELECT i.id AS import_id, i.errors, count(e.number) AS entries
    FROM product_import AS i LEFT JOIN import_error AS e ON e.import_id = i.id
    GROUP BY i.id HAVING i.errors <> count(e.number) OR i.failed > i.errors
    """


INVARIANTS = (
    pages_are_what_the_products_are,
    pages_sell_what_the_rows_say,
    lists_show_every_product_where_it_belongs,
    every_product_can_be_found,
    search_finds_products_where_they_are,
    facets_are_what_products_have,
    search_shows_the_stock_that_was_told,
    popularity_follows_from_sales,
    codes_are_those_of_the_search_rows,
    a_sku_stands_for_one_live_variant,
    live_variants_have_a_live_product,
    variants_choose_each_option_once,
    prices_are_in_currencies_that_exist,
    ended_imports_keep_no_file,
    refused_rows_have_their_reasons,
)
