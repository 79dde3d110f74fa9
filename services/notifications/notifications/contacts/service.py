"""Who is to be told."""

from uuid import UUID

from common.database import UnitOfWork
from notifications.contacts.repository import ContactRepository, Reachable

__all__ = ["Reachable", "customer_name", "login", "staff_with"]


async def staff_with(uow: UnitOfWork, scope: str) -> list[Reachable]:
    """Return the members of staff known to have ``scope``."""
    return await ContactRepository(uow).staff_with(scope)


async def customer_name(uow: UnitOfWork, customer_id: UUID | None) -> str | None:
    """Return what a customer is called; None for guests and for whom nothing is known yet."""
    return None if customer_id is None else await ContactRepository(uow).name_of_customer(customer_id)


async def login(uow: UnitOfWork, subject: str) -> Reachable | None:
    """Return how a login is reached; None for an API key, and for whom nothing is known yet."""
    try:
        user_id = UUID(subject)
    except ValueError:
        return None
    return await ContactRepository(uow).user(user_id)
