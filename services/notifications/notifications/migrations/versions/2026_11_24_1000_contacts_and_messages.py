"""Contacts, messages, and stock alerts that wait for someone to tell."""

from alembic import op

from common.database import platform

revision = "2026_11_24_1000"
down_revision = None
branch_labels = None
depends_on = None

# A contact that was deleted keeps its sequence, so that an older event cannot bring it back, and nothing personal.
CONTACT = """
CREATE TABLE contact (
    kind text NOT NULL CONSTRAINT ck_contact_kind CHECK (kind IN ('user', 'customer')),
    id uuid NOT NULL,
    email text,
    name text,
    role text,
    scopes text[] NOT NULL DEFAULT '{}',
    locale text,
    sequence bigint NOT NULL,
    deleted boolean NOT NULL DEFAULT false,
    updated_at timestamptz NOT NULL,
    CONSTRAINT pk_contact PRIMARY KEY (kind, id),
    CONSTRAINT ck_contact_reachable CHECK (deleted OR email IS NOT NULL),
    CONSTRAINT ck_contact_forgotten CHECK (
        NOT deleted OR (email IS NULL AND name IS NULL AND role IS NULL AND locale IS NULL AND scopes = '{}')
    )
)
"""

# next_attempt_at is set while a message rests between two attempts; else a job has it, or it has ended.
MESSAGE = r"""
CREATE TABLE message (
    id uuid NOT NULL CONSTRAINT pk_message PRIMARY KEY,
    channel text NOT NULL CONSTRAINT ck_message_channel CHECK (channel IN ('email')),
    template text NOT NULL,
    recipient text NOT NULL CONSTRAINT ck_message_recipient CHECK (recipient !~ '[\n\r]'),
    recipient_name text CONSTRAINT ck_message_recipient_name CHECK (recipient_name !~ '[\n\r]'),
    subject text NOT NULL CONSTRAINT ck_message_subject CHECK (subject !~ '[\n\r]'),
    body_text text NOT NULL,
    body_html text NOT NULL,
    order_id uuid,
    sku text,
    event_id uuid NOT NULL,
    status text NOT NULL CONSTRAINT ck_message_status CHECK (status IN ('queued', 'sending', 'sent', 'failed')),
    attempts integer NOT NULL DEFAULT 0 CONSTRAINT ck_message_attempts CHECK (attempts >= 0),
    next_attempt_at timestamptz,
    sent_at timestamptz,
    error text,
    version bigint NOT NULL DEFAULT 1,
    event_sequence bigint NOT NULL DEFAULT 0,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    CONSTRAINT ck_message_sent_at CHECK ((status = 'sent') = (sent_at IS NOT NULL)),
    CONSTRAINT ck_message_rests CHECK (next_attempt_at IS NULL OR status = 'queued'),
    CONSTRAINT ck_message_reason CHECK (status <> 'failed' OR error IS NOT NULL)
)
"""

HELD_ALERT = """
CREATE TABLE held_alert (
    event_id uuid NOT NULL CONSTRAINT pk_held_alert PRIMARY KEY,
    type text NOT NULL,
    data jsonb NOT NULL,
    held_at timestamptz NOT NULL,
    give_up_at timestamptz NOT NULL
)
"""

INDEXES = (
    "CREATE UNIQUE INDEX uq_message_event_template_recipient ON message (event_id, template, lower(recipient))",
    "CREATE INDEX ix_contact_scopes ON contact USING gin (scopes) WHERE kind = 'user' AND NOT deleted",
    "CREATE INDEX ix_message_newest ON message (created_at DESC, id DESC)",
    "CREATE INDEX ix_message_recipient ON message (lower(recipient), created_at DESC, id DESC)",
    "CREATE INDEX ix_message_order ON message (order_id, created_at DESC, id DESC) WHERE order_id IS NOT NULL",
    "CREATE INDEX ix_message_resting ON message (next_attempt_at) WHERE next_attempt_at IS NOT NULL",
    "CREATE INDEX ix_message_open ON message (id) WHERE status IN ('queued', 'sending')",
)


def upgrade() -> None:
    """Make the tables."""
    platform.upgrade_to(op.get_bind(), 2)
    for statement in (CONTACT, MESSAGE, HELD_ALERT, *INDEXES):
        op.execute(statement)
