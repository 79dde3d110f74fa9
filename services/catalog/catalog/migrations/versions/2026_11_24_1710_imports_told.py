"""Imports say how a file was read, what a dry run would change, and keep refused rows to be mended.

Revision ID: 2026_11_24_1710
Revises: 2026_11_24_1700
"""

from alembic import op

revision = "2026_11_24_1710"
down_revision = "2026_11_24_1700"
branch_labels = None
depends_on = None

STATEMENTS = (
    """
    ALTER TABLE product_import
        ADD COLUMN dry_run boolean NOT NULL DEFAULT false,
        ADD COLUMN delimiter text CONSTRAINT ck_product_import_delimiter CHECK (
            delimiter IN ('comma', 'semicolon', 'tab', 'pipe')
        ),
        ADD COLUMN encoding text CONSTRAINT ck_product_import_encoding CHECK (
            encoding IN ('utf-8', 'utf-16', 'windows-1252', 'iso-8859-1')
        ),
        ADD COLUMN changes bigint NOT NULL DEFAULT 0
    """,
    "COMMENT ON COLUMN product_import.delimiter IS 'As the sender said, else as it was found; NULL: not yet looked'",
    "COMMENT ON COLUMN product_import.encoding IS 'The same'",
    "COMMENT ON COLUMN product_import.changes IS 'Entries in import_change'",
    'CREATE INDEX ix_import_error_row ON import_error (import_id, "row")',
    """
    CREATE TABLE import_refused_handle (
        import_id uuid NOT NULL CONSTRAINT fk_import_refused_handle_import_id_product_import REFERENCES product_import
            ON DELETE CASCADE,
        handle text NOT NULL,
        CONSTRAINT pk_import_refused_handle PRIMARY KEY (import_id, handle)
    )
    """,
    """
    CREATE TABLE import_rejected (
        import_id uuid NOT NULL CONSTRAINT fk_import_rejected_import_id_product_import REFERENCES product_import
            ON DELETE CASCADE,
        "row" bigint NOT NULL,
        cells bytea NOT NULL,
        CONSTRAINT pk_import_rejected PRIMARY KEY (import_id, "row")
    )
    """,
    "COMMENT ON TABLE import_rejected IS 'Rows to be mended, and as row 1 the header; cells are a JSON list'",
    """
    CREATE TABLE import_change (
        import_id uuid NOT NULL CONSTRAINT fk_import_change_import_id_product_import REFERENCES product_import
            ON DELETE CASCADE,
        number bigint NOT NULL,
        product_id uuid NOT NULL,
        handle text NOT NULL,
        outcome text NOT NULL CONSTRAINT ck_import_change_outcome CHECK (outcome IN ('created', 'updated')),
        fields json NOT NULL,
        fields_left_out bigint NOT NULL,
        CONSTRAINT pk_import_change PRIMARY KEY (import_id, number),
        CONSTRAINT uq_import_change_product_id UNIQUE (import_id, product_id)
    )
    """,
    """
    CREATE TABLE import_draft (
        import_id uuid NOT NULL CONSTRAINT fk_import_draft_import_id_product_import REFERENCES product_import
            ON DELETE CASCADE,
        product_id uuid NOT NULL,
        handle text NOT NULL,
        body text NOT NULL,
        paths json NOT NULL,
        CONSTRAINT pk_import_draft PRIMARY KEY (import_id, product_id)
    )
    """,
    "CREATE INDEX ix_import_draft_handle ON import_draft (import_id, handle)",
    """
    CREATE TABLE import_draft_sku (
        import_id uuid NOT NULL,
        product_id uuid NOT NULL,
        sku text NOT NULL,
        CONSTRAINT pk_import_draft_sku PRIMARY KEY (import_id, product_id, sku),
        CONSTRAINT fk_import_draft_sku_draft FOREIGN KEY (import_id, product_id) REFERENCES import_draft
            ON DELETE CASCADE
    )
    """,
    "CREATE INDEX ix_import_draft_sku_sku ON import_draft_sku (import_id, sku)",
    "COMMENT ON TABLE import_draft IS 'What a dry run made of products so far, for its own later rows to meet'",
)


def upgrade() -> None:
    """Add columns and tables; nothing that is there changes."""
    connection = op.get_bind()
    for statement in STATEMENTS:
        connection.exec_driver_sql(statement)


def downgrade() -> None:
    """Forget them."""
    connection = op.get_bind()
    for table in ("draft_sku", "draft", "change", "rejected", "refused_handle"):
        connection.exec_driver_sql(f"DROP TABLE import_{table}")
    connection.exec_driver_sql("DROP INDEX ix_import_error_row")
    connection.exec_driver_sql(
        "ALTER TABLE product_import DROP COLUMN dry_run, DROP COLUMN delimiter, DROP COLUMN encoding,"
        " DROP COLUMN changes"
    )
