"""Register, look at oneself, and the logins that staff manages.

No route here honours an Idempotency-Key: their bodies hold a password, of which nothing but argon2's hash may be kept,
and a repeated registration is refused by its address anyway.
"""

from typing import Annotated
from uuid import UUID

from fastapi import Depends, Query

from common.auth import Caller, SignedIn, requires
from common.database import UnitOfWork
from common.http import Answer, PlainUow, Router, etag_of, problems
from common.pagination import Page, Paging
from common.problems import Unauthenticated
from gateway.dependencies import PasswordsOf
from gateway.users import service
from gateway.users.passwords import Passwords
from gateway.users.problems import EmailTaken
from gateway.users.repository import UserRepository
from gateway.users.roles import Role
from gateway.users.schemas import NewCustomer, NewUser, UserView

router = Router(tags=["users"])

CanManageUsers = Annotated[Caller, Depends(requires("users:write"))]


@router.post("/v1/auth/register", status_code=201, responses=problems(EmailTaken))
async def register_customer(body: NewCustomer, uow: PlainUow, passwords: PasswordsOf) -> Answer[UserView]:
    """Register as a customer."""
    return await _add_user(body, "customer", uow, passwords)


@router.get("/v1/me")
async def get_me(caller: SignedIn, uow: PlainUow) -> Answer[UserView]:
    """Show the login that the access token belongs to."""
    user = await UserRepository(uow).with_id(UUID(caller.subject))
    if user is None or not user.is_active:
        raise Unauthenticated("This login is gone; sign in with another one.")
    return uow.answer(UserView.of(user), headers={"ETag": etag_of(user.version)})


@router.get("/v1/users")
async def list_users(
    caller: CanManageUsers,
    uow: PlainUow,
    page: Paging,
    role: Annotated[Role | None, Query(description="Only logins with this role.")] = None,
) -> Answer[Page[UserView]]:
    """List logins, oldest first."""
    filters = {"role": role}
    position = page.position(UUID, filters=filters)
    users = await UserRepository(uow).page(role=role, after=position[0] if position else None, fetch=page.fetch)
    return uow.answer(Page.of(users, page.limit, lambda user: (user.id,), filters=filters).map(UserView.of))


@router.post("/v1/users", status_code=201, responses=problems(EmailTaken))
async def create_user(body: NewUser, caller: CanManageUsers, uow: PlainUow, passwords: PasswordsOf) -> Answer[UserView]:
    """Make a login with a role, for staff or a partner."""
    return await _add_user(body, body.role, uow, passwords)


async def _add_user(body: NewCustomer, role: Role, uow: UnitOfWork, passwords: Passwords) -> Answer[UserView]:
    hashed = await passwords.hash(body.password.get_secret_value())  # before the transaction: it takes 30 ms
    async with uow:
        user = await service.register(uow, email=body.email, name=body.name, password_hash=hashed, role=role)
        return uow.answer(UserView.of(user), status=201, headers={"ETag": etag_of(user.version)})
