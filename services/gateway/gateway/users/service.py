"""Use cases of users."""

from common.database import UnitOfWork, uuid7
from common.events.contracts.gateway import UserRegistered, UserSnapshot
from gateway.users.problems import EmailTaken
from gateway.users.repository import User, UserRepository
from gateway.users.roles import SCOPES_OF


async def register(uow: UnitOfWork, *, email: str, name: str, password_hash: str, role: str) -> User:
    """Make a login and announce it. Raises EmailTaken."""
    user = await UserRepository(uow).add(uuid7(), email=email, name=name, password_hash=password_hash, role=role)
    if user is None:
        raise EmailTaken(email)
    uow.publish(UserRegistered(object=snapshot_of(user), changed=[]))
    return user


def snapshot_of(user: User) -> UserSnapshot:
    """Show ``user`` as other services see it."""
    return UserSnapshot(
        id=user.id,
        email=user.email,
        name=user.name,
        role=user.role,
        scopes=list(SCOPES_OF[user.role]),
        registered_at=user.created_at,
    )
