"""Use cases of signing in. Tokens live in real time, whatever the business time."""

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from typing import TYPE_CHECKING, Final
from uuid import UUID

from common.database import UnitOfWork, uuid7
from gateway.tokens.problems import InvalidGrant
from gateway.tokens.repository import DELETE_OLD, RefreshToken, RefreshTokenRepository
from gateway.users.passwords import Passwords
from gateway.users.repository import User, UserRepository
from gateway.users.schemas import LONGEST_PASSWORD

if TYPE_CHECKING:
    from common.service import Runtime

REFRESH_LIFETIME: Final = timedelta(days=30)
KEPT_AFTER_EXPIRY: Final = timedelta(days=7)  # a late thief is still told apart from a stranger


@dataclass(frozen=True, slots=True)
class SignedIn:
    """A user and the refresh token that was just made."""

    user: User
    refresh_token: str
    client_id: str


async def check_password(uow: UnitOfWork, passwords: Passwords, *, email: str, password: str) -> User:
    """Return the user. Raises InvalidGrant, in the same words and after the same time whatever was wrong."""
    plausible = "\x00" not in email and len(password) <= LONGEST_PASSWORD
    user = await UserRepository(uow).with_email(email) if plausible else None
    fits = await passwords.matches(password[:LONGEST_PASSWORD], None if user is None else user.password_hash)
    if user is None or not fits or not user.is_active:
        raise InvalidGrant("E-mail address and password do not belong together.")
    if passwords.is_outdated(user.password_hash):
        await UserRepository(uow).replace_hash(user, await passwords.hash(password))
    return user


async def sign_in(uow: UnitOfWork, user: User, *, client_id: str, at: datetime) -> SignedIn:
    """Start a family of refresh tokens."""
    return await _grant(uow, user, family_id=uuid7(), client_id=client_id, at=at)


async def refresh(uow: UnitOfWork, refresh_token: str, *, at: datetime) -> SignedIn | None:
    """Exchange a refresh token for its successor; None where it does not hold, and then its family may have ended.

    It returns instead of raising, because the end of a family must commit.
    """
    tokens = RefreshTokenRepository(uow)
    token = await tokens.lock(digest_of(refresh_token))
    if token is None:
        return None
    if token.used_at is not None:  # someone else has it
        await tokens.revoke_family(token.family_id, at=at)
        return None
    if not _holds(token, at):
        return None
    await tokens.use(token, at=at)
    return await _grant(uow, token.user, family_id=token.family_id, client_id=token.client_id, at=at)


def _holds(token: RefreshToken, at: datetime) -> bool:
    return token.revoked_at is None and token.expires_at > at and token.user.is_active


async def _grant(uow: UnitOfWork, user: User, *, family_id: UUID, client_id: str, at: datetime) -> SignedIn:
    value = secrets.token_urlsafe(32)
    await RefreshTokenRepository(uow).add(
        uuid7(),
        family_id=family_id,
        user=user,
        client_id=client_id,
        digest=digest_of(value),
        at=at,
        until=at + REFRESH_LIFETIME,
    )
    return SignedIn(user, value, client_id)


def digest_of(refresh_token: str) -> bytes:
    """Return what is stored of a refresh token: it has 256 random bits, so a fast hash is enough."""
    return sha256(refresh_token.encode(errors="replace")).digest()


async def forget_refresh_tokens(runtime: "Runtime") -> int:
    """Delete refresh tokens a week after they expired, 5,000 at a time; returns how many went."""
    async with runtime.database.uow() as uow:
        tag = await uow.execute(DELETE_OLD, runtime.clock.now() - KEPT_AFTER_EXPIRY)
    return int(tag.split()[-1])
