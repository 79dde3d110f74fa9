"""Users and their refresh tokens."""

from alembic import op

from common.database import platform

revision = "2026_11_24_1000"
down_revision = None

PLATFORM_STEP = 2

USERS = """
CREATE TABLE users (
    id uuid CONSTRAINT pk_users PRIMARY KEY,
    email text NOT NULL CONSTRAINT ck_users_email CHECK (email LIKE '_%@_%' AND length(email) <= 320),
    name text NOT NULL CONSTRAINT ck_users_name CHECK (length(name) BETWEEN 1 AND 200),
    password_hash text NOT NULL,
    role text NOT NULL CONSTRAINT ck_users_role CHECK (role IN (
        'customer', 'partner', 'admin', 'coordinator', 'merchandiser', 'warehouse', 'marketer', 'support', 'analyst'
    )),
    status text NOT NULL DEFAULT 'active' CONSTRAINT ck_users_status CHECK (status IN ('active', 'disabled')),
    version bigint NOT NULL DEFAULT 1,
    event_sequence bigint NOT NULL DEFAULT 0,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL
)
"""
ONE_LOGIN_PER_ADDRESS = "CREATE UNIQUE INDEX uq_users_email ON users (lower(email))"
USERS_BY_ROLE = "CREATE INDEX ix_users_role_id ON users (role, id)"

REFRESH_TOKENS = """
CREATE TABLE refresh_token (
    id uuid CONSTRAINT pk_refresh_token PRIMARY KEY,
    family_id uuid NOT NULL,
    user_id uuid NOT NULL CONSTRAINT fk_refresh_token_user_id_users REFERENCES users (id),
    client_id text NOT NULL,
    token_hash bytea NOT NULL CONSTRAINT uq_refresh_token_token_hash UNIQUE
        CONSTRAINT ck_refresh_token_hash CHECK (length(token_hash) = 32),
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    used_at timestamptz,
    revoked_at timestamptz
)
"""
ONE_LIVE_PER_FAMILY = """
CREATE UNIQUE INDEX uq_refresh_token_live_family ON refresh_token (family_id)
WHERE used_at IS NULL AND revoked_at IS NULL
"""
TOKENS_BY_USER = "CREATE INDEX ix_refresh_token_user_id ON refresh_token (user_id)"
TOKENS_BY_EXPIRY = "CREATE INDEX ix_refresh_token_expires_at ON refresh_token (expires_at)"


def upgrade() -> None:
    platform.upgrade_to(op.get_bind(), PLATFORM_STEP)
    for statement in (
        USERS,
        ONE_LOGIN_PER_ADDRESS,
        USERS_BY_ROLE,
        REFRESH_TOKENS,
        ONE_LIVE_PER_FAMILY,
        TOKENS_BY_USER,
        TOKENS_BY_EXPIRY,
    ):
        op.execute(statement)
