"""All SQL about refresh tokens. A token is kept as its SHA-256 alone."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from common.database import UnitOfWork
from gateway.users.repository import User, user_of

INSERT = """
INSERT INTO refresh_token (id, family_id, user_id, client_id, token_hash, created_at, expires_at)
VALUES ($1, $2, $3, $4, $5, $6, $7)
"""
LOCK = """
SELECT t.id AS token_id, t.family_id, t.client_id, t.expires_at, t.used_at, t.revoked_at,
    u.id, u.email, u.name, u.password_hash, u.role, u.status, u.version, u.created_at
FROM refresh_token AS t JOIN users AS u ON u.id = t.user_id
WHERE t.token_hash = $1
FOR NO KEY UPDATE OF t
"""
USE = "UPDATE refresh_token SET used_at = $2 WHERE id = $1"
REVOKE_FAMILY = "UPDATE refresh_token SET revoked_at = $2 WHERE family_id = $1 AND revoked_at IS NULL"
DELETE_OLD = """
DELETE FROM refresh_token WHERE id = ANY (ARRAY(SELECT id FROM refresh_token WHERE expires_at < $1 LIMIT 5000))
"""


@dataclass(frozen=True, slots=True)
class RefreshToken:
    """A token that somebody sent, with the user it stands for."""

    id: UUID
    family_id: UUID
    client_id: str
    expires_at: datetime
    used_at: datetime | None
    revoked_at: datetime | None
    user: User


class RefreshTokenRepository:
    """Reads and writes refresh tokens inside a transaction."""

    def __init__(self, uow: UnitOfWork) -> None:
        self._uow = uow

    async def add(
        self,
        token_id: UUID,
        *,
        family_id: UUID,
        user: User,
        client_id: str,
        digest: bytes,
        at: datetime,
        until: datetime,
    ) -> None:
        """Insert a live token; the family's earlier one must be used or revoked."""
        await self._uow.execute(INSERT, token_id, family_id, user.id, client_id, digest, at, until)

    async def lock(self, digest: bytes) -> RefreshToken | None:
        """Find a token by its hash and hold it: of two requests with the same one, the second sees it used."""
        row = await self._uow.fetchrow(LOCK, digest)
        if row is None:
            return None
        return RefreshToken(
            id=row["token_id"],
            family_id=row["family_id"],
            client_id=row["client_id"],
            expires_at=row["expires_at"],
            used_at=row["used_at"],
            revoked_at=row["revoked_at"],
            user=user_of(row),
        )

    async def use(self, token: RefreshToken, *, at: datetime) -> None:
        """Mark a token as exchanged for its successor."""
        await self._uow.execute(USE, token.id, at)

    async def revoke_family(self, family_id: UUID, *, at: datetime) -> None:
        """End every token that descends from the same sign-in."""
        await self._uow.execute(REVOKE_FAMILY, family_id, at)
