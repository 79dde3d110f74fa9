"""All SQL about users."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from asyncpg import Record

from common.database import UnitOfWork

COLUMNS = "id, email, name, password_hash, role, status, version, created_at"

INSERT = f"""
INSERT INTO users (id, email, name, password_hash, role, created_at, updated_at)
VALUES ($1, $2, $3, $4, $5, $6, $6)
ON CONFLICT (lower(email)) DO NOTHING
RETURNING {COLUMNS}
"""  # noqa: S608 - our own columns
BY_EMAIL = f"SELECT {COLUMNS} FROM users WHERE lower(email) = lower($1)"  # noqa: S608 - as above
BY_ID = f"SELECT {COLUMNS} FROM users WHERE id = $1"  # noqa: S608 - as above
PAGE = f"""
SELECT {COLUMNS} FROM users
WHERE ($1::text IS NULL OR role = $1) AND ($2::uuid IS NULL OR id > $2)
ORDER BY id LIMIT $3
"""  # noqa: S608 - as above
SET_HASH = "UPDATE users SET password_hash = $2 WHERE id = $1 AND password_hash = $3"


@dataclass(frozen=True, slots=True)
class User:
    """A login as it is stored."""

    id: UUID
    email: str
    name: str
    password_hash: str
    role: str
    status: str
    version: int
    created_at: datetime

    @property
    def is_active(self) -> bool:
        """Whether this user may sign in."""
        return self.status == "active"


def user_of(row: Record) -> User:
    """Read a row that holds ``COLUMNS``, perhaps among others."""
    return User(**{name: row[name] for name in User.__slots__})


class UserRepository:
    """Reads and writes users; writes need an entered unit of work, the other methods must not have one."""

    def __init__(self, uow: UnitOfWork) -> None:
        self._uow = uow

    async def add(self, user_id: UUID, *, email: str, name: str, password_hash: str, role: str) -> User | None:
        """Insert a user inside the transaction; None where the address is taken."""
        row = await self._uow.fetchrow(INSERT, user_id, email, name, password_hash, role, self._uow.now)
        return None if row is None else user_of(row)

    async def with_email(self, email: str) -> User | None:
        """Find a user by address, in one round trip."""
        row = await self._uow.single_row(BY_EMAIL, email)
        return None if row is None else user_of(row)

    async def with_id(self, user_id: UUID) -> User | None:
        """Find a user, in one round trip."""
        row = await self._uow.single_row(BY_ID, user_id)
        return None if row is None else user_of(row)

    async def page(self, *, role: str | None, after: UUID | None, fetch: int) -> list[User]:
        """List users, oldest first, in one round trip."""
        return [user_of(row) for row in await self._uow.single(PAGE, role, after, fetch)]

    async def replace_hash(self, user: User, password_hash: str) -> None:
        """Store a stronger hash of the same password, unless it was changed meanwhile."""
        await self._uow.single(SET_HASH, user.id, password_hash, user.password_hash)
