"""Sign in, stay signed in, and the keys to verify it with."""

from typing import Annotated

from fastapi import Form, Request

from common.database import UnitOfWork
from common.http import Answer, PlainUow, Router, answer_of, problems, runtime_of
from gateway.dependencies import AccessTokensOf, PasswordsOf
from gateway.tokens import service
from gateway.tokens.access import LIFETIME, AccessTokens
from gateway.tokens.problems import InvalidGrant, InvalidTokenRequest, UnsupportedGrantType
from gateway.tokens.schemas import LONGEST_CLIENT_ID, KeySetView, TokenRequest, TokenView
from gateway.tokens.service import SignedIn
from gateway.users.passwords import Passwords
from gateway.users.roles import SCOPES_OF

router = Router(tags=["sign-in"])

DEFAULT_CLIENT = "quartermaster"


@router.post("/v1/auth/token", responses=problems(InvalidTokenRequest, InvalidGrant, UnsupportedGrantType))
async def issue_token(
    request: Request,
    form: Annotated[TokenRequest, Form()],
    uow: PlainUow,
    passwords: PasswordsOf,
    access_tokens: AccessTokensOf,
) -> Answer[TokenView]:
    """Get an access token for a password or a refresh token.

    OAuth 2, form-encoded: `grant_type=password` with `username` and `password`, or `grant_type=refresh_token` with
    `refresh_token`. Each refresh token works once; a second use ends every token of that sign-in.
    """
    match form.grant_type:
        case "password":
            signed_in = await _by_password(request, form, uow, passwords)
        case "refresh_token":
            signed_in = await _by_refresh_token(request, form, uow)
        case "":
            raise InvalidTokenRequest("grant_type is missing; send password or refresh_token, form-encoded.")
        case other:
            raise UnsupportedGrantType(other)
    return _answer(signed_in, access_tokens)


async def _by_password(request: Request, form: TokenRequest, uow: UnitOfWork, passwords: Passwords) -> SignedIn:
    if not form.username or not form.password:
        raise InvalidTokenRequest("grant_type=password needs username, the e-mail address, and password.")
    client_id = form.client_id or DEFAULT_CLIENT
    if len(client_id) > LONGEST_CLIENT_ID or not client_id.isprintable():
        raise InvalidTokenRequest(f"client_id has at most {LONGEST_CLIENT_ID} printable characters.")
    user = await service.check_password(uow, passwords, email=form.username.strip(), password=form.password)
    async with uow:
        return await service.sign_in(uow, user, client_id=client_id, at=runtime_of(request).clock.now())


async def _by_refresh_token(request: Request, form: TokenRequest, uow: UnitOfWork) -> SignedIn:
    if not form.refresh_token:
        raise InvalidTokenRequest("grant_type=refresh_token needs refresh_token.")
    async with uow:
        signed_in = await service.refresh(uow, form.refresh_token, at=runtime_of(request).clock.now())
    if signed_in is None:  # after the commit: a family that was revoked stays so
        raise InvalidGrant("The refresh token is unknown, expired, revoked or was used before; sign in again.")
    return signed_in


def _answer(signed_in: SignedIn, access_tokens: AccessTokens) -> Answer[TokenView]:
    view = TokenView(
        access_token=access_tokens.issue(signed_in.user, client_id=signed_in.client_id),
        expires_in=int(LIFETIME.total_seconds()),
        refresh_token=signed_in.refresh_token,
        scope=" ".join(SCOPES_OF[signed_in.user.role]),
    )
    return answer_of(view, status=200, headers={"Cache-Control": "no-store"})


@router.get("/.well-known/jwks.json")
async def get_public_keys(access_tokens: AccessTokensOf) -> Answer[KeySetView]:
    """Show the public keys with which access tokens are verified."""
    view = KeySetView(keys=access_tokens.public_keys()["keys"])
    return answer_of(view, status=200, headers={"Cache-Control": "public, max-age=600"})
