"""What a service is told about whoever asks: one internal token per principal and service.

Sixty seconds of life, reused for thirty, so that each leaves with half a minute at least. A login and a cart token may
stand together; the cart's is only hashed here and compared by orders.
"""

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

from common.auth import LIFETIME_SECONDS, TokenSigner
from common.problems import BadRequest, Unauthenticated
from gateway.tokens.access import AccessTokens, Principal
from gateway.users.roles import WITHOUT_PERSONAL_DATA

REUSED_SECONDS: Final = 30
CACHED: Final = 8192
LONGEST_CART_TOKEN: Final = 256

AUTHORIZATION: Final = b"authorization"
CART_TOKEN: Final = b"cart-token"

Key = tuple[str, bytes | None, str | None]


@dataclass(frozen=True, slots=True)
class Identity:
    """What came in: a login, the hash of a cart token, both; nothing is None instead."""

    principal: Principal | None
    cart: str | None


class InternalTokens:
    """Turns what came in into what services understand."""

    def __init__(self, signer: TokenSigner, access_tokens: AccessTokens, *, now: Callable[[], float]) -> None:
        self._signer = signer
        self._access_tokens = access_tokens
        self._now = now
        self._cached: OrderedDict[Key, tuple[float, str]] = OrderedDict()

    def identify(self, headers: list[tuple[bytes, bytes]]) -> Identity | None:
        """Read the credentials of a request.

        Raises Unauthenticated for an access token that is expired or not ours, also where none would be needed: the
        client believes that it is signed in, and must learn that it is not.
        """
        authorization = cart_token = None
        for name, value in headers:
            if name == AUTHORIZATION:
                authorization = _only(authorization, value, "Authorization")
            elif name == CART_TOKEN:
                cart_token = _only(cart_token, value, "Cart-Token")
        if authorization is None and cart_token is None:
            return None
        principal = None if authorization is None else self._access_tokens.principal(authorization.decode("latin-1"))
        return Identity(principal, None if cart_token is None else _hash_of(cart_token))

    def token(self, identity: Identity, service: str) -> str:
        """Return the token that tells ``service`` who asks."""
        principal = identity.principal
        key = (service, None if principal is None else principal.digest, identity.cart)
        now = self._now()
        made = self._cached.get(key)
        if made is not None and now - made[0] < REUSED_SECONDS:
            return made[1]
        claims = {"aud": service, **_claims_of(identity)}
        token = self._signer.sign(claims, expires=now + LIFETIME_SECONDS)
        self._cached[key] = (now, token)
        self._cached.move_to_end(key)
        if len(self._cached) > CACHED:
            self._cached.popitem(last=False)
        return token

    def own(self, service: str) -> str:
        """Return the token with which the gateway itself asks ``service``."""
        return self._signer.token(service)


def _claims_of(identity: Identity) -> dict[str, str | bool]:
    claims: dict[str, str | bool] = {"kind": "anonymous"}
    principal = identity.principal
    if principal is not None:
        claims = {
            "kind": "user",
            "sub": principal.subject,
            "scope": principal.scope,
            "email": principal.email,
            "name": principal.name,
        }
        if principal.role in WITHOUT_PERSONAL_DATA:
            claims["personal_data"] = False
        if principal.customer_id is not None:
            claims["customer_id"] = principal.customer_id
    if identity.cart is not None:
        claims["cart"] = identity.cart
    return claims


def _only(earlier: bytes | None, value: bytes, name: str) -> bytes:
    if earlier is not None:
        raise Unauthenticated(f"{name} came twice; send one.")
    return value


def _hash_of(cart_token: bytes) -> str:
    if not 1 <= len(cart_token) <= LONGEST_CART_TOKEN:
        raise BadRequest(f"A Cart-Token has 1 to {LONGEST_CART_TOKEN} characters.")
    return sha256(cart_token).hexdigest()
