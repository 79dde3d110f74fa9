"""Facts, and the sales booked from them."""

from alembic import op

from common.database import platform

revision = "metrics_0001"
down_revision = None

TABLES = (
    """
    CREATE TABLE fact_event (
        event_id uuid CONSTRAINT pk_fact_event PRIMARY KEY,
        type text NOT NULL,
        subject uuid NOT NULL,
        sequence bigint NOT NULL,
        happened_at timestamptz NOT NULL,
        correlation_id text,
        data jsonb NOT NULL
    )
    """,
    "CREATE INDEX ix_fact_event_type_happened_at ON fact_event (type, happened_at)",
    "CREATE INDEX ix_fact_event_subject ON fact_event (subject)",
    """
    CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        RAISE EXCEPTION 'facts are kept as they came';
    END $$
    """,
    """
    CREATE TRIGGER fact_event_append_only BEFORE UPDATE OR DELETE ON fact_event
    FOR EACH ROW EXECUTE FUNCTION refuse_change()
    """,
    """
    CREATE TABLE sales (
        bucket timestamptz NOT NULL,
        channel text NOT NULL,
        currency text NOT NULL,
        orders bigint NOT NULL,
        gross bigint NOT NULL,
        units bigint NOT NULL,
        cancelled_orders bigint NOT NULL,
        cancelled bigint NOT NULL,
        CONSTRAINT pk_sales PRIMARY KEY (bucket, channel, currency),
        CONSTRAINT ck_sales_quarter_hour CHECK (extract(epoch FROM bucket)::bigint % 900 = 0)
    )
    """,
    """
    CREATE TABLE product_sales (
        bucket timestamptz NOT NULL,
        channel text NOT NULL,
        currency text NOT NULL,
        sku text NOT NULL,
        product_id uuid NOT NULL,
        title text NOT NULL,
        units bigint NOT NULL,
        gross bigint NOT NULL,
        cancelled_units bigint NOT NULL,
        cancelled bigint NOT NULL,
        CONSTRAINT pk_product_sales PRIMARY KEY (bucket, channel, currency, sku)
    )
    """,
)


def upgrade() -> None:
    """Make the tables."""
    platform.upgrade_to(op.get_bind(), 2)
    for statement in TABLES:
        op.execute(statement)
