"""Partners' endpoints, the deliveries to them, and what became of each attempt."""

from alembic import op

revision = "2026_11_24_1630"
down_revision = "2026_11_24_1620"

TABLES = (
    """
    CREATE TABLE webhook (
        id uuid CONSTRAINT pk_webhook PRIMARY KEY,
        owner text NOT NULL,
        url text NOT NULL,
        description text,
        types text[] NOT NULL CONSTRAINT ck_webhook_types CHECK (cardinality(types) > 0),
        personal_data boolean NOT NULL,
        secret text,
        previous_secret text,
        previous_secret_until timestamptz,
        status text NOT NULL CONSTRAINT ck_webhook_status CHECK (status IN ('enabled', 'disabled', 'deleted')),
        disabled_reason text
            CONSTRAINT ck_webhook_disabled_reason CHECK (disabled_reason IN ('owner', 'gone', 'failing')),
        disabled_at timestamptz,
        subscribed_at timestamptz NOT NULL,
        failing_since timestamptz,
        warned_at timestamptz,
        last_success_at timestamptz,
        rest_until timestamptz,
        replays integer NOT NULL DEFAULT 0,
        version bigint NOT NULL DEFAULT 1,
        event_sequence bigint NOT NULL DEFAULT 0,
        created_at timestamptz NOT NULL,
        updated_at timestamptz NOT NULL,
        CONSTRAINT ck_webhook_secret CHECK ((secret IS NULL) = (status = 'deleted')),
        CONSTRAINT ck_webhook_previous_secret CHECK ((previous_secret IS NULL) = (previous_secret_until IS NULL)),
        CONSTRAINT ck_webhook_disabled
            CHECK ((status = 'disabled') = (disabled_reason IS NOT NULL AND disabled_at IS NOT NULL))
    )
    """,
    "CREATE INDEX ix_webhook_owner ON webhook (owner, id)",
    # No foreign key to the endpoint: a check for each of a hundred thousand rows, and a lock on the endpoint's row that
    # everything which edits it would wait for. An invariant looks after it.
    """
    CREATE TABLE delivery (
        id uuid CONSTRAINT pk_delivery PRIMARY KEY,
        endpoint_id uuid NOT NULL,
        event_id uuid NOT NULL,
        replay_no integer NOT NULL,
        place bigint GENERATED ALWAYS AS IDENTITY,
        subject uuid NOT NULL,
        sequence bigint NOT NULL,
        type text NOT NULL,
        test_body bytea,
        status text NOT NULL
            CONSTRAINT ck_delivery_status CHECK (status IN ('pending', 'delivered', 'exhausted', 'stopped')),
        attempt smallint NOT NULL DEFAULT 0 CONSTRAINT ck_delivery_attempt CHECK (attempt BETWEEN 0 AND 10),
        next_attempt_at timestamptz NOT NULL,
        lease_until timestamptz,
        lease_owner text,
        last_status smallint,
        last_failure text,
        ended_at timestamptz,
        created_at timestamptz NOT NULL,
        CONSTRAINT uq_delivery_endpoint_event_replay UNIQUE (endpoint_id, event_id, replay_no),
        CONSTRAINT ck_delivery_ended CHECK ((status = 'pending') = (ended_at IS NULL)),
        CONSTRAINT ck_delivery_lease CHECK ((lease_until IS NULL) = (lease_owner IS NULL))
    ) WITH (fillfactor = 85)
    """,
    "CREATE INDEX ix_delivery_due ON delivery (endpoint_id, next_attempt_at, place) WHERE status = 'pending'",
    "CREATE INDEX ix_delivery_line ON delivery (endpoint_id, replay_no, subject, place) WHERE status = 'pending'",
    "CREATE INDEX ix_delivery_endpoint_place ON delivery (endpoint_id, place)",
    """
    CREATE TABLE delivery_attempt (
        id uuid CONSTRAINT pk_delivery_attempt PRIMARY KEY,
        delivery_id uuid NOT NULL,
        at timestamptz NOT NULL,
        duration_ms integer NOT NULL,
        status smallint,
        failure text,
        error text,
        answer text
    )
    """,
    "CREATE INDEX ix_delivery_attempt_delivery ON delivery_attempt (delivery_id, id)",
)


def upgrade() -> None:
    """Make the tables."""
    for statement in TABLES:
        op.execute(statement)
