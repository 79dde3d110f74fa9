"""Use cases of customers and their address books."""

from uuid import UUID

import asyncpg

from common.auth import Caller
from common.database import UnitOfWork, uuid7
from common.events.contracts.orders import CustomerRegistered, CustomerSnapshot, CustomerUpdated
from common.http import check_version
from orders.customers.problems import AddressBookFull, AddressNotFound
from orders.customers.repository import AddressRepository, CustomerRepository
from orders.customers.schemas import AddressBody

MAX_ADDRESSES = 50


async def ensure_customer(uow: UnitOfWork, caller: Caller) -> None:
    """Make the customer that the token speaks of, unless it is known.

    A token without an e-mail address makes none: the login's own event will.
    """
    if caller.customer_id is None or caller.email is None:
        return
    row = await CustomerRepository(uow).insert(caller.customer_id, caller.email, caller.name)
    if row is not None:
        uow.publish(CustomerRegistered(object=_snapshot(row), changed=[]))


async def take_over_login(uow: UnitOfWork, user_id: UUID, email: str, name: str | None, *, sequence: int) -> None:
    """Make the customer of a login, or bring it up to date, unless a later word of the login was applied before."""
    customers = CustomerRepository(uow)
    row = await customers.insert(user_id, email, name, user_sequence=sequence)
    if row is not None:
        uow.publish(CustomerRegistered(object=_snapshot(row), changed=[]))
        return
    known = await customers.lock(user_id)
    if known is None or known["user_sequence"] >= sequence:
        return
    changed = [f"/{field}" for field, value in (("email", email), ("name", name)) if known[field] != value]
    row = await customers.update(user_id, email, name, user_sequence=sequence, changed=bool(changed))
    if changed and row is not None:
        uow.publish(CustomerUpdated(object=_snapshot(row), changed=changed))


def _snapshot(row: asyncpg.Record) -> CustomerSnapshot:
    return CustomerSnapshot(
        id=row["id"],
        email=row["email"],
        name=row["name"],
        registered=True,
        locale=row["locale"],
        version=row["version"],
    )


async def add_address(uow: UnitOfWork, body: AddressBody, *, by: Caller, owner: UUID) -> asyncpg.Record:
    """Keep an address. Raises AddressBookFull."""
    await ensure_customer(uow, by)
    addresses = AddressRepository(uow, owner)
    await addresses.lock_book()
    if await addresses.count() >= MAX_ADDRESSES:
        raise AddressBookFull(f"An address book holds {MAX_ADDRESSES} addresses; delete one first.")
    address_id = uuid7()
    row = await addresses.store(address_id, body, new=True)
    if row is None:
        raise AddressNotFound(address_id)
    return row


async def read_address(uow: UnitOfWork, address_id: UUID, *, owner: UUID) -> asyncpg.Record:
    """Return one address. Raises AddressNotFound, for other people's too."""
    row = await AddressRepository(uow, owner).read(address_id)
    if row is None:
        raise AddressNotFound(address_id)
    return row


async def replace_address(
    uow: UnitOfWork, address_id: UUID, body: AddressBody, *, owner: UUID, expected: int | None
) -> asyncpg.Record:
    """Replace an address. Raises AddressNotFound and PreconditionFailed."""
    addresses = AddressRepository(uow, owner)
    await addresses.lock_book()
    present = await read_address(uow, address_id, owner=owner)
    check_version(expected, present["version"])
    row = await addresses.store(address_id, body, new=False)
    if row is None:
        raise AddressNotFound(address_id)
    return row


async def delete_address(uow: UnitOfWork, address_id: UUID, *, owner: UUID) -> None:
    """Forget an address. Raises AddressNotFound."""
    if not await AddressRepository(uow, owner).delete(address_id):
        raise AddressNotFound(address_id)
