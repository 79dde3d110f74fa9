"""Every event there was, in the order in which its readers may rely on."""

from alembic import op

revision = "2026_11_24_1620"
down_revision = "2026_11_24_1000"

TABLES = (
    """
    CREATE TABLE event_log (
        position bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT pk_event_log PRIMARY KEY,
        event_id uuid NOT NULL CONSTRAINT uq_event_log_event_id UNIQUE,
        type text NOT NULL,
        subject uuid NOT NULL,
        sequence bigint NOT NULL,
        happened_at timestamptz NOT NULL,
        logged_at timestamptz NOT NULL,
        body bytea NOT NULL,
        public_body bytea NOT NULL
    )
    """,
    "CREATE INDEX ix_event_log_type_position ON event_log (type, position)",
    "CREATE INDEX ix_event_log_logged_at ON event_log (logged_at)",
)


def upgrade() -> None:
    """Make the log."""
    for statement in TABLES:
        op.execute(statement)
