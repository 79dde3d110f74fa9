"""Search with facets, typos and suggestions; stock and sales as catalogue knows them; which searches there were.

The table of search rows is made anew and empty: the sweep `index-products` fills it within a minute of the start.

Revision ID: 2026_11_24_1700
Revises: 2026_11_24_1000
"""

from alembic import op

revision = "2026_11_24_1700"
down_revision = "2026_11_24_1000"
branch_labels = None
depends_on = None

KNOWN_OF_OTHERS = (
    """
    CREATE TABLE stock_level (
        id uuid CONSTRAINT pk_stock_level PRIMARY KEY,
        sku text NOT NULL,
        location_id uuid NOT NULL,
        available bigint NOT NULL,
        reorder_point bigint,
        sequence bigint NOT NULL
    )
    """,
    "COMMENT ON TABLE stock_level IS 'A copy of inventory''s levels, written by newer events only'",
    "CREATE INDEX ix_stock_level_sku ON stock_level (sku)",
    """
    CREATE TABLE product_sales (
        product_id uuid NOT NULL,
        day date NOT NULL,
        units bigint NOT NULL,
        CONSTRAINT pk_product_sales PRIMARY KEY (product_id, day)
    )
    """,
    "COMMENT ON TABLE product_sales IS 'Units sold less those cancelled or returned, by UTC day of the order'",
)

SEARCH = (
    "DROP TABLE search_document",
    "DROP FUNCTION search_text(text, text, text, text)",
    """
    CREATE TABLE search_document (
        product_id uuid CONSTRAINT pk_search_document PRIMARY KEY,
        channels text[] NOT NULL,
        sort_time timestamptz NOT NULL,
        price_rank text COLLATE "C" NOT NULL,
        price_amount bigint NOT NULL,
        currencies text[] NOT NULL,
        amounts bigint[] NOT NULL,
        stock smallint NOT NULL CONSTRAINT ck_search_document_stock CHECK (stock IN (0, 1, 2)),
        popularity bigint NOT NULL,
        categories uuid[] NOT NULL,
        facets bigint[] NOT NULL,
        number_facets bigint[] NOT NULL,
        number_values double precision[] NOT NULL,
        codes text[] NOT NULL,
        head tsvector NOT NULL,
        document tsvector NOT NULL,
        CONSTRAINT ck_search_document_amounts CHECK (cardinality(currencies) = cardinality(amounts)),
        CONSTRAINT ck_search_document_numbers CHECK (cardinality(number_facets) = cardinality(number_values))
    ) WITH (toast_tuple_target = 256, fillfactor = 85)
    """,
    # What a pass over the hits reads stays in the row. The text, of which only the index is asked, is kept short: it
    # lies aside in rows over 2 kB alone. So descriptions are there by their stems, and nothing by its places.
    """
    ALTER TABLE search_document ALTER head SET STORAGE MAIN, ALTER facets SET STORAGE MAIN,
        ALTER number_facets SET STORAGE MAIN, ALTER number_values SET STORAGE MAIN, ALTER categories SET STORAGE MAIN,
        ALTER currencies SET STORAGE MAIN, ALTER amounts SET STORAGE MAIN, ALTER channels SET STORAGE MAIN
    """,
    "COMMENT ON COLUMN search_document.channels IS 'Where it can be found: none while it is a draft'",
    "COMMENT ON COLUMN search_document.stock IS '0 nothing for sale, 1 little, 2 enough'",
    "COMMENT ON COLUMN search_document.categories IS 'Each category that it is in, and all above'",
    "COMMENT ON COLUMN search_document.facets IS 'search_facet.id of each value that it has'",
    "CREATE INDEX ix_search_document_codes ON search_document USING gin (codes) WITH (fastupdate = off)",
    "CREATE INDEX ix_search_document_head ON search_document USING gin (head) WITH (fastupdate = off)",
    "CREATE INDEX ix_search_document_document ON search_document USING gin (document) WITH (fastupdate = off)",
    "CREATE INDEX ix_search_document_categories ON search_document USING gin (categories) WITH (fastupdate = off)",
    """
    CREATE TABLE search_facet (
        id bigint CONSTRAINT pk_search_facet PRIMARY KEY,
        facet bigint NOT NULL,
        kind text NOT NULL CONSTRAINT ck_search_facet_kind CHECK (
            kind IN ('vendor', 'product_type', 'values', 'number')
        ),
        name text NOT NULL,
        value text,
        CONSTRAINT ck_search_facet_value CHECK ((kind = 'number') = (value IS NULL))
    )
    """,
    "COMMENT ON TABLE search_facet IS 'What the numbers in search rows stand for; both are hashes of their words'",
    "CREATE INDEX ix_search_facet_facet ON search_facet (facet)",
    """
    CREATE TABLE search_code (
        code text COLLATE "C" NOT NULL,
        product_id uuid NOT NULL,
        CONSTRAINT pk_search_code PRIMARY KEY (code, product_id)
    )
    """,
    "CREATE INDEX ix_search_code_product_id ON search_code (product_id)",
    "COMMENT ON TABLE search_code IS 'SKUs and barcodes, folded, for suggestions by their beginnings'",
    'CREATE TABLE search_word (word text COLLATE "C" CONSTRAINT pk_search_word PRIMARY KEY)',
    """
    CREATE TABLE search_deletion (
        deletion text COLLATE "C" NOT NULL,
        word text COLLATE "C" NOT NULL,
        CONSTRAINT pk_search_deletion PRIMARY KEY (deletion, word)
    )
    """,
    "COMMENT ON TABLE search_deletion IS 'Each word, and each word less one of its letters: how typos find it'",
    """
    CREATE FUNCTION search_deletions(word text) RETURNS SETOF text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
        SELECT word
        UNION
        SELECT substr(word, 1, i - 1) || substr(word, i + 1) FROM generate_series(1, length(word)) AS i
    $$
    """,
    "DROP FUNCTION search_query(text[])",
    # ts_rank takes 'mug':* | 'mug' for one and drops the beginning, so a word that is its own stem stands there once.
    """
    CREATE FUNCTION search_query(words text[], beginning boolean) RETURNS tsquery
    LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
    DECLARE
        found tsquery := ''::tsquery;
        word text;
        stem tsquery;
        plain tsquery;
        last integer := coalesce(cardinality(words), 0);
    BEGIN
        FOR i IN 1..last LOOP
            word := words[i];
            stem := plainto_tsquery('pg_catalog.english', word);
            IF numnode(stem) = 0 AND i < last THEN
                CONTINUE;  -- "the", "of": no text is worse for lacking them
            END IF;
            plain := to_tsquery('pg_catalog.simple', quote_literal(word));
            IF beginning AND i = last THEN
                plain := to_tsquery('pg_catalog.simple', quote_literal(word) || ':*')
                    || CASE WHEN stem = plain THEN ''::tsquery ELSE stem END;
            ELSIF stem <> plain THEN
                plain := plain || stem;
            END IF;
            found := found && plain;
        END LOOP;
        RETURN found;
    END
    $$
    """,
    """
    CREATE FUNCTION search_head(title text, labels text, choices text) RETURNS tsvector
    LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
        SELECT setweight(to_tsvector('pg_catalog.simple', title) || to_tsvector('pg_catalog.english', title), 'A')
            || setweight(to_tsvector('pg_catalog.simple', labels) || to_tsvector('pg_catalog.english', labels), 'B')
            || setweight(to_tsvector('pg_catalog.simple', choices) || to_tsvector('pg_catalog.english', choices), 'C')
    $$
    """,
    """
    CREATE FUNCTION search_body(description text) RETURNS tsvector
    LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
        SELECT strip(to_tsvector('pg_catalog.english', description))
    $$
    """,
    """
    CREATE FUNCTION stock_of_product(product uuid) RETURNS smallint LANGUAGE sql STABLE AS $$
        SELECT coalesce(max(CASE WHEN s.units <= 0 THEN 0 WHEN s.units <= s.points THEN 1 ELSE 2 END), 0)::smallint
        FROM variant AS v CROSS JOIN LATERAL (
            SELECT coalesce(sum(greatest(l.available, 0)), 0) AS units, coalesce(sum(l.reorder_point), 0) AS points
            FROM stock_level AS l WHERE l.sku = v.sku
        ) AS s
        WHERE v.product_id = product AND v.live
    $$
    """,
    """
    CREATE FUNCTION popularity_of_product(product uuid) RETURNS bigint LANGUAGE sql STABLE AS $$
        SELECT CASE WHEN w.weight > 0
            THEN round(1000 * ((w.last - DATE '1970-01-01') / 30.0::double precision + ln(w.weight) / ln(2)))::bigint
            ELSE 0 END
        FROM (
            SELECT m.last,
                sum(s.units * 2 ^ ((s.day - m.last) / 30.0::double precision) ORDER BY s.day) AS weight
            FROM (SELECT max(day) AS last FROM product_sales WHERE product_id = product) AS m
            LEFT JOIN product_sales AS s ON s.product_id = product AND s.day > m.last - 600
            GROUP BY m.last
        ) AS w
    $$
    """,
    """
    CREATE FUNCTION categories_of_product(product uuid) RETURNS uuid[] LANGUAGE sql STABLE AS $$
        SELECT coalesce(array_agg(DISTINCT above.id), '{}')
        FROM product_category AS pc JOIN category AS c ON c.id = pc.category_id
        CROSS JOIN LATERAL unnest(c.ancestors) AS above(id) WHERE pc.product_id = product
    $$
    """,
)

LOG = (
    """
    CREATE TABLE search_log (
        day date NOT NULL,
        query text NOT NULL,
        searches bigint NOT NULL,
        zero_results bigint NOT NULL,
        corrected bigint NOT NULL,
        CONSTRAINT pk_search_log PRIMARY KEY (day, query),
        CONSTRAINT ck_search_log_counts CHECK (zero_results + corrected <= searches)
    )
    """,
)


def upgrade() -> None:
    """Make the tables."""
    connection = op.get_bind()
    for statement in (*KNOWN_OF_OTHERS, *SEARCH, *LOG):
        connection.exec_driver_sql(statement)


def downgrade() -> None:
    """The rows before had less in them than can be told from these."""
    raise RuntimeError("search rows of the older layout cannot be made from here; restore a backup instead")
