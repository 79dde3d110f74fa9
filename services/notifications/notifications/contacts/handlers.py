"""Keeps the contacts in step with users and customers."""

from common.database import UnitOfWork
from common.events import GATEWAY_USER, Event, Tombstone
from common.events.contracts.gateway import UserRegistered
from common.events.contracts.orders import CustomerRegistered, CustomerUpdated
from notifications.contacts.repository import Contact, ContactRepository, Kind


async def keep_user(event: Event[UserRegistered], uow: UnitOfWork) -> None:
    """Know a login: its address, role and scopes."""
    user = event.data.object
    contact = Contact(
        kind="user", id=user.id, email=user.email, name=user.name, role=user.role, scopes=tuple(user.scopes)
    )
    await ContactRepository(uow).save(contact, sequence=event.sequence)


async def keep_customer(event: Event[CustomerRegistered] | Event[CustomerUpdated], uow: UnitOfWork) -> None:
    """Know a buyer: address, name and language."""
    customer = event.data.object
    contact = Contact(kind="customer", id=customer.id, email=customer.email, name=customer.name, locale=customer.locale)
    await ContactRepository(uow).save(contact, sequence=event.sequence)


async def forget_contact(tombstone: Tombstone, uow: UnitOfWork) -> None:
    """Forget whom the owning service has deleted."""
    kind: Kind = "user" if tombstone.topic == GATEWAY_USER else "customer"
    await ContactRepository(uow).forget(kind, tombstone.key, sequence=tombstone.sequence)
