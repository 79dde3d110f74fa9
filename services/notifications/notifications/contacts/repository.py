"""All SQL on contacts. Every write is gated by sequence: what is stored gives way only to what happened later."""

from dataclasses import dataclass
from typing import Literal
from uuid import UUID

from common.database import UnitOfWork

Kind = Literal["user", "customer"]

OUTSIDERS = ("customer", "partner")  # roles that are not the shop's own people, whatever scopes they have

SAVE = """
INSERT INTO contact AS c (kind, id, email, name, role, scopes, locale, sequence, deleted, updated_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, false, $9)
ON CONFLICT (kind, id) DO UPDATE SET
    email = excluded.email, name = excluded.name, role = excluded.role, scopes = excluded.scopes,
    locale = excluded.locale, sequence = excluded.sequence, deleted = false, updated_at = excluded.updated_at
WHERE c.sequence < excluded.sequence
"""

FORGET = """
INSERT INTO contact AS c (kind, id, sequence, deleted, updated_at) VALUES ($1, $2, $3, true, $4)
ON CONFLICT (kind, id) DO UPDATE SET
    email = NULL, name = NULL, role = NULL, locale = NULL, scopes = '{}', sequence = excluded.sequence, deleted = true,
    updated_at = excluded.updated_at
WHERE c.sequence < excluded.sequence
"""

STAFF_WITH = """
SELECT email, name FROM contact
WHERE kind = 'user' AND NOT deleted AND scopes @> ARRAY[$1] AND role <> ALL ($2::text[]) ORDER BY id
"""

USER = "SELECT email, name FROM contact WHERE kind = 'user' AND id = $1 AND NOT deleted"
NAME_OF = "SELECT name FROM contact WHERE kind = 'customer' AND id = $1 AND NOT deleted"


@dataclass(frozen=True, slots=True, kw_only=True)
class Contact:
    """Someone, as the owning service described them last."""

    kind: Kind
    id: UUID
    email: str
    name: str | None
    role: str | None = None
    scopes: tuple[str, ...] = ()
    locale: str | None = None


@dataclass(frozen=True, slots=True)
class Reachable:
    """An address and the name that goes with it."""

    email: str
    name: str | None


class ContactRepository:
    """Contacts in one unit of work."""

    def __init__(self, uow: UnitOfWork) -> None:
        self._uow = uow

    async def save(self, contact: Contact, *, sequence: int) -> None:
        """Store what is known by event ``sequence``; an older event changes nothing."""
        await self._uow.execute(
            SAVE,
            contact.kind,
            contact.id,
            contact.email,
            contact.name,
            contact.role,
            list(contact.scopes),
            contact.locale,
            sequence,
            self._uow.now,
        )

    async def forget(self, kind: Kind, contact_id: UUID, *, sequence: int) -> None:
        """Drop everything personal and keep the sequence."""
        await self._uow.execute(FORGET, kind, contact_id, sequence, self._uow.now)

    async def staff_with(self, scope: str) -> list[Reachable]:
        """Return the shop's own people who have ``scope``."""
        rows = await self._uow.fetch(STAFF_WITH, scope, list(OUTSIDERS))
        return [Reachable(row["email"], row["name"]) for row in rows]

    async def user(self, user_id: UUID) -> Reachable | None:
        """Return how a login is reached, if that is known."""
        row = await self._uow.fetchrow(USER, user_id)
        return Reachable(row["email"], row["name"]) if row else None

    async def name_of_customer(self, customer_id: UUID) -> str | None:
        """Return what the customer is called, if that is known."""
        name: str | None = await self._uow.fetchval(NAME_OF, customer_id)
        return name
