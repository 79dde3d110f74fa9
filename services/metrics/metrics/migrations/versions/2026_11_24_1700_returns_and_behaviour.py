"""Returns beside sales, the moment at which a fact is booked, and what visitors do."""

from alembic import op

revision = "2026_11_24_1700"
down_revision = "metrics_0001"

STATEMENTS = (
    """
    ALTER TABLE sales
        ADD COLUMN returns bigint NOT NULL DEFAULT 0,
        ADD COLUMN refunded bigint NOT NULL DEFAULT 0
    """,
    """
    ALTER TABLE product_sales
        ALTER COLUMN product_id DROP NOT NULL,
        ADD COLUMN returned_units bigint NOT NULL DEFAULT 0,
        ADD COLUMN refunded bigint NOT NULL DEFAULT 0
    """,
    # Immutable in truth: an event's times carry their offset, so no setting of the reader changes what they mean.
    """
    CREATE FUNCTION booked_at(type text, happened_at timestamptz, data jsonb) RETURNS timestamptz
    LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
        SELECT CASE type
            WHEN 'order.placed' THEN (data #>> '{object,placed_at}')::timestamptz
            WHEN 'order.cancelled' THEN coalesce((data #>> '{object,cancelled_at}')::timestamptz, happened_at)
        END
    $$
    """,
    """
    CREATE INDEX ix_fact_event_booked_at ON fact_event (booked_at(type, happened_at, data), event_id)
    WHERE type IN ('order.placed', 'order.cancelled')
    """,
    """
    CREATE INDEX ix_fact_event_session ON fact_event ((data #>> '{object,session_id}'))
    WHERE type = 'order.placed' AND data #>> '{object,session_id}' IS NOT NULL
    """,
    """
    CREATE TABLE visitor_salt (
        day date CONSTRAINT pk_visitor_salt PRIMARY KEY,
        salt bytea NOT NULL
    )
    """,
    """
    CREATE TABLE visit (
        visitor bytea CONSTRAINT pk_visit PRIMARY KEY,
        day date NOT NULL,
        session_id uuid NOT NULL,
        last_at timestamptz NOT NULL,
        counted boolean NOT NULL
    ) WITH (fillfactor = 80)
    """,
    "CREATE INDEX ix_visit_day ON visit (day)",
    """
    CREATE TABLE session (
        id uuid CONSTRAINT pk_session PRIMARY KEY,
        started_at timestamptz NOT NULL,
        last_at timestamptz NOT NULL,
        channel text NOT NULL,
        host text NOT NULL,
        path text,
        referrer text,
        source text,
        medium text NOT NULL,
        campaign text,
        paid boolean NOT NULL,
        first_today boolean NOT NULL,
        events bigint NOT NULL,
        page_views bigint NOT NULL,
        carted boolean NOT NULL,
        orders bigint NOT NULL DEFAULT 0,
        CONSTRAINT ck_session_times CHECK (last_at >= started_at)
    ) WITH (fillfactor = 80)
    """,
    "CREATE INDEX ix_session_started_at ON session (started_at)",
    """
    CREATE TABLE collected_id (
        id text CONSTRAINT pk_collected_id PRIMARY KEY,
        received_at timestamptz NOT NULL
    )
    """,
    "CREATE INDEX ix_collected_id_received_at ON collected_id (received_at)",
    """
    CREATE TABLE behaviour_event (
        id bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT pk_behaviour_event PRIMARY KEY,
        session_id uuid NOT NULL,
        received_at timestamptz NOT NULL,
        name text NOT NULL,
        at timestamptz NOT NULL,
        path text,
        title text,
        product_id uuid,
        sku text,
        query text,
        value bigint,
        currency text,
        CONSTRAINT ck_behaviour_event_value CHECK ((value IS NULL) = (currency IS NULL))
    )
    """,
    "CREATE INDEX ix_behaviour_event_session ON behaviour_event (session_id)",
    "CREATE INDEX ix_behaviour_event_received_at ON behaviour_event (received_at)",
)


def upgrade() -> None:
    """Make room for them."""
    for statement in STATEMENTS:
        op.execute(statement)
