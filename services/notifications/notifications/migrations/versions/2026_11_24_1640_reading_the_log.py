"""What the log still holds, and the way to one subject's events."""

from alembic import op

revision = "2026_11_24_1640"
down_revision = "2026_11_24_1630"

TABLES = (
    """
    CREATE TABLE event_log_floor (
        one boolean NOT NULL DEFAULT true CONSTRAINT pk_event_log_floor PRIMARY KEY,
        position bigint NOT NULL DEFAULT 0,
        logged_before timestamptz NOT NULL DEFAULT '-infinity',
        CONSTRAINT ck_event_log_floor_one CHECK (one)
    )
    """,
    "INSERT INTO event_log_floor DEFAULT VALUES",
    "CREATE INDEX ix_event_log_subject_position ON event_log (subject, position)",
)


def upgrade() -> None:
    """Note what was deleted, so that an emptied log still knows."""
    for statement in TABLES:
        op.execute(statement)
