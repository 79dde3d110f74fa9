"""The tables that every service has, as numbered steps of DDL.

A service's revision calls ``platform.upgrade_to(op.get_bind(), n)``; a step, once released, is never edited. The jobs'
tables are pgqueuer's own, without its notify trigger (a NOTIFY inside the business transaction serialises commits).
"""

from collections.abc import Sequence

from sqlalchemy import Connection, text

from common.scheduling.ddl import queue_ddl

EVENTS_AND_KEYS = (
    """
    CREATE TABLE outbox (
        id bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT pk_outbox PRIMARY KEY,
        topic text NOT NULL,
        key uuid NOT NULL,
        sequence bigint NOT NULL,
        headers jsonb NOT NULL,
        value bytea,
        created_at timestamptz NOT NULL,
        published_at timestamptz,
        CONSTRAINT uq_outbox_topic_key_sequence UNIQUE (topic, key, sequence)
    )
    """,
    "CREATE INDEX ix_outbox_unpublished ON outbox (id) WHERE published_at IS NULL",
    "CREATE INDEX ix_outbox_published_at ON outbox (published_at) WHERE published_at IS NOT NULL",
    """
    CREATE TABLE inbox (
        consumer text NOT NULL,
        event_id uuid NOT NULL,
        received_at timestamptz NOT NULL,
        CONSTRAINT pk_inbox PRIMARY KEY (consumer, event_id)
    )
    """,
    "CREATE INDEX ix_inbox_received_at ON inbox USING brin (received_at)",
    """
    CREATE TABLE consumer_offset (
        "group" text NOT NULL,
        topic text NOT NULL,
        partition integer NOT NULL,
        next bigint NOT NULL,
        CONSTRAINT pk_consumer_offset PRIMARY KEY ("group", topic, partition)
    )
    """,
    """
    CREATE TABLE idempotency_key (
        principal text NOT NULL,
        key text NOT NULL,
        fingerprint bytea NOT NULL,
        status smallint NOT NULL,
        headers jsonb NOT NULL,
        body bytea NOT NULL,
        created_at timestamptz NOT NULL,
        CONSTRAINT pk_idempotency_key PRIMARY KEY (principal, key)
    )
    """,
    "CREATE INDEX ix_idempotency_key_created_at ON idempotency_key USING brin (created_at)",
    """
    CREATE TABLE dead_letter (
        id uuid CONSTRAINT pk_dead_letter PRIMARY KEY,
        consumer text NOT NULL,
        event_id uuid NOT NULL,
        type text NOT NULL,
        topic text NOT NULL,
        partition integer NOT NULL,
        "offset" bigint NOT NULL,
        key uuid NOT NULL,
        headers jsonb NOT NULL,
        value bytea,
        error text NOT NULL,
        attempts integer NOT NULL,
        status text NOT NULL CONSTRAINT ck_dead_letter_status CHECK (status IN ('open', 'redriven', 'discarded')),
        created_at timestamptz NOT NULL,
        closed_at timestamptz,
        CONSTRAINT uq_dead_letter_consumer_event_id UNIQUE (consumer, event_id)
    )
    """,
    "CREATE INDEX ix_dead_letter_open ON dead_letter (created_at) WHERE status = 'open'",
    """
    CREATE TABLE test_clock (
        id boolean CONSTRAINT pk_test_clock PRIMARY KEY CONSTRAINT ck_test_clock_single CHECK (id),
        offset_ms bigint NOT NULL CONSTRAINT ck_test_clock_forward CHECK (offset_ms >= 0)
    )
    """,
    "INSERT INTO test_clock VALUES (true, 0)",
)

STEPS: tuple[Sequence[str], ...] = (EVENTS_AND_KEYS, queue_ddl())


def upgrade_to(connection: Connection, step: int) -> None:
    """Apply the platform's steps up to ``step`` that this database has not had."""
    connection.execute(
        text("CREATE TABLE IF NOT EXISTS platform_step (step integer CONSTRAINT pk_platform_step PRIMARY KEY)")
    )
    done = connection.scalar(text("SELECT coalesce(max(step), 0) FROM platform_step")) or 0
    for number in range(done + 1, step + 1):
        for statement in STEPS[number - 1]:
            connection.exec_driver_sql(statement)
        connection.execute(text("INSERT INTO platform_step VALUES (:number)"), {"number": number})
