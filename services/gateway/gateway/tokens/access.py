"""Access tokens of users: ``at+jwt``, Ed25519, ten minutes (RFC 9068).

The algorithm is pinned here, never read from a token's header. They are verified once and then known by their hash.
Real time throughout: a shop whose business time was moved has not made anyone's token older.
"""

import secrets
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from hashlib import sha256
from typing import Any, Final

import joserfc.errors
import orjson
from joserfc import jwt
from joserfc.jwk import OKPKey

from common.problems import Unauthenticated
from gateway.users.repository import User
from gateway.users.roles import SCOPES_OF

LIFETIME: Final = timedelta(minutes=10)
AUDIENCE: Final = "quartermaster"  # no service's name: a user's token never passes for an internal one
TYPE: Final = "at+jwt"
ALGORITHM: Final = "Ed25519"  # RFC 9864: the curve named, where EdDSA named a family
KEY_ID: Final = "gateway"
CACHED: Final = 4096


@dataclass(frozen=True, slots=True)
class Principal:
    """Whoever holds a live access token; ``digest`` is its SHA-256."""

    subject: str
    role: str
    scope: str
    email: str
    name: str
    expires: float
    digest: bytes

    @property
    def customer_id(self) -> str | None:
        """The customer that orders knows under the same id; staff are none."""
        return self.subject if self.role == "customer" else None


class AccessTokens:
    """Makes and verifies them."""

    def __init__(self, private_key: str, *, issuer: str, now: Callable[[], float]) -> None:
        self._key = OKPKey.import_key(orjson.loads(private_key))
        self._issuer = issuer
        self._now = now
        self._known: OrderedDict[bytes, Principal] = OrderedDict()

    def issue(self, user: User, *, client_id: str) -> str:
        """Sign a token for ``user``."""
        now = self._now()
        claims = {
            "iss": self._issuer,
            "aud": AUDIENCE,
            "sub": str(user.id),
            "client_id": client_id,
            "scope": " ".join(SCOPES_OF[user.role]),
            "jti": secrets.token_urlsafe(16),
            "iat": int(now),
            "exp": int(now + LIFETIME.total_seconds()),
            "role": user.role,
            "email": user.email,
            "name": user.name,
        }
        header = {"alg": ALGORITHM, "typ": TYPE, "kid": KEY_ID}
        return jwt.encode(header, claims, self._key, algorithms=[ALGORITHM])

    def principal(self, authorization: str) -> Principal:
        """Read an Authorization header. Raises Unauthenticated for whatever is not a live access token of ours."""
        scheme, _, token = authorization.partition(" ")
        if scheme.lower() != "bearer" or not token.strip():
            raise refused("The Authorization header must be of the form: Bearer <access token>.")
        digest = sha256(token.strip().encode()).digest()
        known = self._known.get(digest)
        if known is None:
            known = self._verify(token.strip(), digest)
            self._known[digest] = known
            if len(self._known) > CACHED:
                self._known.popitem(last=False)
        if known.expires <= self._now():
            self._known.pop(digest, None)
            raise refused("The access token has expired; get a new one with the refresh token, or sign in again.")
        return known

    def public_keys(self) -> dict[str, Any]:
        """Return the JWKS with which anyone verifies our tokens."""
        public = dict(self._key.as_dict(private=False)) | {"kid": KEY_ID, "use": "sig", "alg": ALGORITHM}
        return {"keys": [public]}

    def _verify(self, token: str, digest: bytes) -> Principal:
        try:
            decoded = jwt.decode(token, self._key, algorithms=[ALGORITHM])
        except (joserfc.errors.JoseError, ValueError, UnicodeError) as error:
            raise refused("The access token is not one of ours; sign in again.") from error
        claims = decoded.claims
        ours = claims.get("iss") == self._issuer and claims.get("aud") == AUDIENCE
        if decoded.header.get("typ") != TYPE or not ours:
            raise refused("The access token is not one of ours; sign in again.")
        return _principal_of(claims, digest)


def _principal_of(claims: Mapping[str, Any], digest: bytes) -> Principal:
    return Principal(
        subject=str(claims["sub"]),
        role=str(claims["role"]),
        scope=str(claims["scope"]),
        email=str(claims["email"]),
        name=str(claims["name"]),
        expires=float(claims["exp"]),
        digest=digest,
    )


def refused(detail: str) -> Unauthenticated:
    """Make the answer to a credential that does not hold (RFC 6750, §3.1)."""
    problem = Unauthenticated(detail)
    problem.headers["WWW-Authenticate"] = 'Bearer error="invalid_token"'
    return problem
