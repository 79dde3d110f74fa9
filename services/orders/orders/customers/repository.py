"""Customers and addresses in SQL; an address is only ever found under its owner."""

# ruff: noqa: S608 - every fragment put into a statement is a constant of this module

from uuid import UUID

import asyncpg

from common.database import UnitOfWork
from orders.customers.schemas import AddressBody

INSERT_CUSTOMER = """
INSERT INTO customer (id, email, name, user_sequence, created_at, updated_at) VALUES ($1, $2, $3, $4, $5, $5)
ON CONFLICT (id) DO NOTHING RETURNING *
"""
LOCK_CUSTOMER = "SELECT * FROM customer WHERE id = $1 FOR NO KEY UPDATE"
UPDATE_CUSTOMER = """
UPDATE customer SET email = $2, name = $3, user_sequence = $4, version = version + $5, updated_at = $6 WHERE id = $1
RETURNING *
"""

SHOWN = """
id, name, line1, line2, city, region, postal_code, country, is_default_shipping, is_default_billing, version,
created_at, updated_at
"""
LOCK_BOOK = "SELECT pg_advisory_xact_lock(hashtextextended('address-book:' || $1::text, 0))"
COUNT = "SELECT count(*) FROM address WHERE customer_id = $1"
LIST = f"""
SELECT {SHOWN} FROM address WHERE customer_id = $1 AND ($2::uuid IS NULL OR id > $2) ORDER BY id LIMIT $3
"""
READ = f"SELECT {SHOWN} FROM address WHERE customer_id = $1 AND id = $2"
CLEAR_DEFAULTS = """
UPDATE address SET is_default_shipping = is_default_shipping AND NOT $3::boolean,
    is_default_billing = is_default_billing AND NOT $4::boolean, version = version + 1, updated_at = $5
WHERE customer_id = $1 AND id <> $2 AND ((is_default_shipping AND $3::boolean) OR (is_default_billing AND $4::boolean))
"""
INSERT = f"""
INSERT INTO address (
    id, customer_id, name, line1, line2, city, region, postal_code, country, is_default_shipping, is_default_billing,
    created_at, updated_at
) VALUES ($2, $1, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $12) RETURNING {SHOWN}
"""
UPDATE = f"""
UPDATE address SET name = $3, line1 = $4, line2 = $5, city = $6, region = $7, postal_code = $8, country = $9,
    is_default_shipping = $10, is_default_billing = $11, updated_at = $12, version = version + 1
WHERE customer_id = $1 AND id = $2 RETURNING {SHOWN}
"""
DELETE = "DELETE FROM address WHERE customer_id = $1 AND id = $2 RETURNING id"


class CustomerRepository:
    """Customers by id, which is their login's."""

    def __init__(self, uow: UnitOfWork) -> None:
        self._uow = uow

    async def insert(
        self, customer_id: UUID, email: str, name: str | None, *, user_sequence: int = 0
    ) -> asyncpg.Record | None:
        """Add a customer; None if it is known."""
        return await self._uow.fetchrow(INSERT_CUSTOMER, customer_id, email, name, user_sequence, self._uow.now)

    async def lock(self, customer_id: UUID) -> asyncpg.Record | None:
        """Return the customer and hold its row."""
        return await self._uow.fetchrow(LOCK_CUSTOMER, customer_id)

    async def update(
        self, customer_id: UUID, email: str, name: str | None, *, user_sequence: int, changed: bool
    ) -> asyncpg.Record | None:
        """Take over what the login says now; the version counts real changes alone."""
        return await self._uow.fetchrow(
            UPDATE_CUSTOMER, customer_id, email, name, user_sequence, int(changed), self._uow.now
        )


class AddressRepository:
    """One customer's address book."""

    def __init__(self, uow: UnitOfWork, owner: UUID) -> None:
        self._uow = uow
        self._owner = owner

    async def lock_book(self) -> None:
        """Let one change at a time through, so that default flags do not meet."""
        await self._uow.execute(LOCK_BOOK, str(self._owner))

    async def count(self) -> int:
        """How many addresses it has."""
        count: int = await self._uow.fetchval(COUNT, self._owner)
        return count

    async def list(self, *, after: UUID | None, limit: int) -> list[asyncpg.Record]:
        """Return addresses in the order in which they were added."""
        return await self._uow.fetch(LIST, self._owner, after, limit)

    async def read(self, address_id: UUID) -> asyncpg.Record | None:
        """Return one."""
        return await self._uow.fetchrow(READ, self._owner, address_id)

    async def store(self, address_id: UUID, body: AddressBody, *, new: bool) -> asyncpg.Record | None:
        """Add or replace one; it takes the default flags that it asks for from the others."""
        if body.is_default_shipping or body.is_default_billing:
            await self._uow.execute(
                CLEAR_DEFAULTS,
                self._owner,
                address_id,
                body.is_default_shipping,
                body.is_default_billing,
                self._uow.now,
            )
        return await self._uow.fetchrow(
            INSERT if new else UPDATE,
            self._owner,
            address_id,
            body.name,
            body.line1,
            body.line2,
            body.city,
            body.region,
            body.postal_code,
            body.country,
            body.is_default_shipping,
            body.is_default_billing,
            self._uow.now,
        )

    async def delete(self, address_id: UUID) -> bool:
        """Take one out; False if it is not there."""
        return await self._uow.fetchrow(DELETE, self._owner, address_id) is not None
