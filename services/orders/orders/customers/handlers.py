"""Reactions to logins."""

from common.database import UnitOfWork
from common.events import Event
from common.events.contracts.gateway import UserRegistered
from orders.customers import service

CUSTOMER_ROLE = "customer"


async def register_customer(event: Event[UserRegistered], uow: UnitOfWork) -> None:
    """Make a customer of a login with the role customer; staff are users without one."""
    user = event.data.object
    if user.role == CUSTOMER_ROLE:
        await service.take_over_login(uow, user.id, user.email, user.name, sequence=event.sequence)
