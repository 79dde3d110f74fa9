"""Products, categories, pages, lists, search, imports.

Revision ID: 2026_11_24_1000
Revises:
"""

from alembic import op

from common.database import platform

revision = "2026_11_24_1000"
down_revision = None
branch_labels = None
depends_on = None

TABLES = (
    """
    CREATE TABLE channel (
        handle text CONSTRAINT pk_channel PRIMARY KEY,
        title text NOT NULL,
        currency text CONSTRAINT ck_channel_currency CHECK (currency ~ '^[A-Z]{3}$'),
        country text CONSTRAINT ck_channel_country CHECK (country ~ '^[A-Z]{2}$'),
        prices_include_tax boolean NOT NULL
    )
    """,
    "COMMENT ON COLUMN channel.currency IS 'NULL: the shop''s own'",
    "COMMENT ON COLUMN channel.country IS 'NULL: the shop''s own'",
    "INSERT INTO channel VALUES ('web', 'Web shop', NULL, NULL, true)",
    """
    CREATE TABLE category (
        id uuid CONSTRAINT pk_category PRIMARY KEY,
        parent_id uuid CONSTRAINT fk_category_parent_id_category REFERENCES category,
        handle text NOT NULL CONSTRAINT uq_category_handle UNIQUE,
        title text NOT NULL,
        ancestors uuid[] NOT NULL,
        path text[] NOT NULL,
        path_key text COLLATE "C" NOT NULL CONSTRAINT uq_category_path_key UNIQUE,
        version bigint NOT NULL DEFAULT 1,
        created_at timestamptz NOT NULL,
        updated_at timestamptz NOT NULL,
        CONSTRAINT ck_category_ancestors CHECK (
            ancestors[cardinality(ancestors)] = id
            AND cardinality(path) = cardinality(ancestors)
            AND ancestors[cardinality(ancestors) - 1] IS NOT DISTINCT FROM parent_id
        )
    )
    """,
    "CREATE INDEX ix_category_parent_id ON category (parent_id)",
    "CREATE INDEX ix_category_ancestors ON category USING gin (ancestors)",
    """
    CREATE TABLE product (
        id uuid CONSTRAINT pk_product PRIMARY KEY,
        handle text NOT NULL,
        title text NOT NULL,
        description text NOT NULL,
        status text NOT NULL CONSTRAINT ck_product_status CHECK (status IN ('draft', 'published')),
        vendor text,
        product_type text,
        seo_title text,
        seo_description text,
        tags text[] NOT NULL,
        channels text[] NOT NULL,
        options jsonb NOT NULL,
        attributes jsonb NOT NULL,
        media jsonb NOT NULL,
        version bigint NOT NULL DEFAULT 1,
        event_sequence bigint NOT NULL DEFAULT 0,
        created_at timestamptz NOT NULL,
        updated_at timestamptz NOT NULL,
        published_at timestamptz,
        deleted_at timestamptz,
        CONSTRAINT ck_product_published_at CHECK (status = 'draft' OR published_at IS NOT NULL)
    )
    """,
    "CREATE UNIQUE INDEX uq_product_handle ON product (handle) WHERE deleted_at IS NULL",
    """
    CREATE TABLE product_category (
        product_id uuid NOT NULL CONSTRAINT fk_product_category_product_id_product REFERENCES product,
        category_id uuid NOT NULL CONSTRAINT fk_product_category_category_id_category REFERENCES category,
        position integer NOT NULL,
        CONSTRAINT pk_product_category PRIMARY KEY (product_id, category_id)
    )
    """,
    "CREATE INDEX ix_product_category_category_id ON product_category (category_id)",
    """
    CREATE TABLE variant (
        id uuid CONSTRAINT pk_variant PRIMARY KEY,
        product_id uuid NOT NULL CONSTRAINT fk_variant_product_id_product REFERENCES product,
        sku text NOT NULL CONSTRAINT ck_variant_sku CHECK (
            length(sku) BETWEEN 1 AND 64 AND sku = btrim(sku) AND sku NOT LIKE '%/%'
        ),
        barcode text,
        option_values text[] NOT NULL,
        weight_grams integer CONSTRAINT ck_variant_weight_grams CHECK (weight_grams >= 0),
        tax_class text NOT NULL,
        requires_shipping boolean NOT NULL,
        image text,
        position integer NOT NULL,
        live boolean NOT NULL DEFAULT true
    )
    """,
    "CREATE UNIQUE INDEX uq_variant_sku ON variant (sku) WHERE live",
    "CREATE INDEX ix_variant_product_id ON variant (product_id)",
    """
    CREATE TABLE variant_price (
        variant_id uuid NOT NULL CONSTRAINT fk_variant_price_variant_id_variant REFERENCES variant ON DELETE CASCADE,
        currency text NOT NULL CONSTRAINT ck_variant_price_currency CHECK (currency ~ '^[A-Z]{3}$'),
        amount bigint CONSTRAINT ck_variant_price_amount CHECK (amount >= 0),
        compare_at bigint CONSTRAINT ck_variant_price_compare_at CHECK (compare_at >= 0),
        CONSTRAINT pk_variant_price PRIMARY KEY (variant_id, currency),
        CONSTRAINT ck_variant_price_some CHECK (amount IS NOT NULL OR compare_at IS NOT NULL)
    )
    """,
)

PROJECTIONS = (
    """
    CREATE TABLE product_page (
        product_id uuid CONSTRAINT pk_product_page PRIMARY KEY,
        handle text NOT NULL CONSTRAINT uq_product_page_handle UNIQUE,
        published boolean NOT NULL,
        channels text[] NOT NULL,
        version bigint NOT NULL,
        body text NOT NULL,
        card text NOT NULL,
        CONSTRAINT fk_product_page_product_id_product FOREIGN KEY (product_id) REFERENCES product
    )
    """,
    """
    CREATE TABLE listing (
        product_id uuid NOT NULL,
        category_id uuid NOT NULL,
        currency text NOT NULL,
        published boolean NOT NULL,
        channels text[] NOT NULL,
        sort_time timestamptz NOT NULL,
        price_rank text COLLATE "C" NOT NULL,
        price_amount bigint NOT NULL,
        title_key text COLLATE "C" NOT NULL,
        vendor text,
        product_type text,
        tags text[] NOT NULL,
        updated_at timestamptz NOT NULL,
        CONSTRAINT pk_listing PRIMARY KEY (product_id, category_id, currency)
    )
    """,
    "COMMENT ON COLUMN listing.category_id IS 'An ancestor of one of the product''s categories; all zeros: everything'",
    "COMMENT ON COLUMN listing.currency IS 'Empty: whichever the product has, the shop''s own before others'",
    "CREATE INDEX ix_listing_newest ON listing (category_id, currency, sort_time, product_id)",
    "CREATE INDEX ix_listing_price ON listing (category_id, currency, price_rank, price_amount, product_id)",
    "CREATE INDEX ix_listing_title ON listing (category_id, currency, title_key, product_id)",
    """
    CREATE TABLE search_document (
        product_id uuid CONSTRAINT pk_search_document PRIMARY KEY,
        codes text[] NOT NULL,
        document tsvector NOT NULL
    )
    """,
    "CREATE INDEX ix_search_document_codes ON search_document USING gin (codes) WITH (fastupdate = off)",
    "CREATE INDEX ix_search_document_document ON search_document USING gin (document) WITH (fastupdate = off)",
    """
    CREATE FUNCTION search_text(title text, labels text, choices text, description text) RETURNS tsvector
    LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
        SELECT setweight(to_tsvector('pg_catalog.simple', title) || to_tsvector('pg_catalog.english', title), 'A')
            || setweight(to_tsvector('pg_catalog.simple', labels) || to_tsvector('pg_catalog.english', labels), 'B')
            || setweight(to_tsvector('pg_catalog.simple', choices), 'C')
            || setweight(
                to_tsvector('pg_catalog.simple', description) || to_tsvector('pg_catalog.english', description), 'D'
            )
    $$
    """,
    """
    CREATE FUNCTION search_query(words text[]) RETURNS tsquery
    LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
    DECLARE
        found tsquery := ''::tsquery;
        word text;
        stem tsquery;
        plain tsquery;
        last integer := cardinality(words);
    BEGIN
        FOR i IN 1..last LOOP
            word := words[i];
            stem := plainto_tsquery('pg_catalog.english', word);
            IF numnode(stem) = 0 AND i < last THEN
                CONTINUE;  -- "the", "of": no text is worse for lacking them
            END IF;
            plain := to_tsquery(
                'pg_catalog.simple', quote_literal(word) || CASE WHEN i = last THEN ':*' ELSE '' END
            );
            found := found && (plain || stem);
        END LOOP;
        RETURN found;
    END
    $$
    """,
)

IMPORTS = (
    """
    CREATE TABLE product_import (
        id uuid CONSTRAINT pk_product_import PRIMARY KEY,
        source text NOT NULL,
        file_name text NOT NULL,
        currency text NOT NULL,
        location_id uuid,
        status text NOT NULL CONSTRAINT ck_product_import_status CHECK (
            status IN ('receiving', 'queued', 'running', 'completed', 'failed')
        ),
        created_by text NOT NULL,
        bytes_total bigint NOT NULL DEFAULT 0,
        next_byte bigint NOT NULL DEFAULT 0,
        next_row bigint NOT NULL DEFAULT 1,
        rows bigint NOT NULL DEFAULT 0,
        products bigint NOT NULL DEFAULT 0,
        variants bigint NOT NULL DEFAULT 0,
        created bigint NOT NULL DEFAULT 0,
        updated bigint NOT NULL DEFAULT 0,
        unchanged bigint NOT NULL DEFAULT 0,
        failed bigint NOT NULL DEFAULT 0,
        stock_set bigint NOT NULL DEFAULT 0,
        errors bigint NOT NULL DEFAULT 0,
        warnings jsonb NOT NULL DEFAULT '{}',
        failure text,
        version bigint NOT NULL DEFAULT 1,
        event_sequence bigint NOT NULL DEFAULT 0,
        created_at timestamptz NOT NULL,
        updated_at timestamptz NOT NULL,
        started_at timestamptz,
        completed_at timestamptz,
        CONSTRAINT ck_product_import_ended CHECK ((status IN ('completed', 'failed')) = (completed_at IS NOT NULL))
    )
    """,
    "CREATE INDEX ix_product_import_created_at ON product_import (created_at, id)",
    """
    CREATE TABLE import_chunk (
        import_id uuid NOT NULL CONSTRAINT fk_import_chunk_import_id_product_import REFERENCES product_import
            ON DELETE CASCADE,
        number integer NOT NULL,
        data bytea STORAGE EXTERNAL NOT NULL,
        CONSTRAINT pk_import_chunk PRIMARY KEY (import_id, number)
    )
    """,
    """
    CREATE TABLE import_error (
        import_id uuid NOT NULL CONSTRAINT fk_import_error_import_id_product_import REFERENCES product_import
            ON DELETE CASCADE,
        number bigint NOT NULL,
        "row" bigint NOT NULL,
        "column" text,
        reason text NOT NULL,
        CONSTRAINT pk_import_error PRIMARY KEY (import_id, number)
    )
    """,
    """
    CREATE TABLE import_seen (
        import_id uuid NOT NULL CONSTRAINT fk_import_seen_import_id_product_import REFERENCES product_import
            ON DELETE CASCADE,
        product_id uuid NOT NULL,
        outcome text NOT NULL CONSTRAINT ck_import_seen_outcome CHECK (outcome IN ('created', 'updated', 'unchanged')),
        CONSTRAINT pk_import_seen PRIMARY KEY (import_id, product_id)
    )
    """,
    """
    CREATE TABLE import_stock (
        import_id uuid NOT NULL CONSTRAINT fk_import_stock_import_id_product_import REFERENCES product_import
            ON DELETE CASCADE,
        "row" bigint NOT NULL,
        sku text NOT NULL,
        count bigint NOT NULL,
        CONSTRAINT pk_import_stock PRIMARY KEY (import_id, "row")
    )
    """,
)


def upgrade() -> None:
    """Make everything."""
    connection = op.get_bind()
    platform.upgrade_to(connection, 2)
    for statement in (*TABLES, *PROJECTIONS, *IMPORTS):
        connection.exec_driver_sql(statement)


def downgrade() -> None:
    """There is nothing before this."""
    raise RuntimeError("the first revision cannot be taken back; drop the database instead")
