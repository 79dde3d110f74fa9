"""Internal tokens: Ed25519, 60 seconds, one audience.

The gateway signs for users, each service signs for itself; every public key stands in TRUSTED_KEYS under the name of
its owner (``kid``). A token's kind follows from the key that signed it, never from what it says of itself.
"""

import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from hashlib import sha256
from typing import Any
from uuid import UUID

import joserfc.errors
import orjson
from joserfc import jwt
from joserfc.jwk import KeySet, OKPKey

from common.auth._caller import Caller
from common.problems import Unauthenticated

LIFETIME_SECONDS = 60
RENEW_BEFORE_SECONDS = 20  # a token leaves with at least this much life, enough for the slowest route but uploads
CACHED_TOKENS = 4096  # verified ones, by hash: 126 µs of Ed25519 once instead of at each call
GATEWAY = "gateway"


class TokenSigner:
    """Signs a service's own tokens; one per audience is reused while it is fresh."""

    def __init__(self, name: str, private_key: str, *, now: Callable[[], float] = time.time) -> None:
        self.name = name
        self._key = OKPKey.import_key(orjson.loads(private_key))
        self._now = now
        self._cached: dict[str, tuple[float, str]] = {}

    def token(self, audience: str) -> str:
        """Return a token of this service for ``audience``."""
        now = self._now()
        expires, token = self._cached.get(audience, (0.0, ""))
        if expires - now < RENEW_BEFORE_SECONDS:
            expires = now + LIFETIME_SECONDS
            token = self.sign({"aud": audience, "sub": self.name, "kind": "service"}, expires=expires)
            self._cached[audience] = (expires, token)
        return token

    def sign(self, claims: Mapping[str, Any], *, expires: float) -> str:
        """Sign ``claims`` as they are, with issuer and expiry (Unix seconds)."""
        header = {"alg": "Ed25519", "kid": self.name, "typ": "JWT"}
        payload = {"iss": self.name, "exp": int(expires), **claims}
        return jwt.encode(header, payload, self._key, algorithms=["Ed25519"])


class TokenVerifier:
    """Turns an Authorization header into a Caller, for one audience."""

    def __init__(self, trusted_keys: str, audience: str, *, now: Callable[[], float] = time.time) -> None:
        self._keys = KeySet.import_key_set(orjson.loads(trusted_keys))
        self._audience = audience
        self._now = now
        self._seen: OrderedDict[bytes, tuple[float, Caller]] = OrderedDict()

    def caller(self, authorization: str) -> Caller:
        """Verify the bearer token. Raises Unauthenticated for what is not a live token of ours for this audience."""
        scheme, _, token = authorization.partition(" ")
        if scheme.lower() != "bearer" or not token:
            raise Unauthenticated("The Authorization header must be of the form: Bearer <token>.")
        digest = sha256(token.encode()).digest()
        seen = self._seen.get(digest)
        if seen is not None and seen[0] > self._now():
            return seen[1]
        expires, caller = self._verify(token)
        self._seen[digest] = (expires, caller)
        if len(self._seen) > CACHED_TOKENS:
            self._seen.popitem(last=False)
        return caller

    def _verify(self, token: str) -> tuple[float, Caller]:
        try:
            decoded = jwt.decode(token, self._keys, algorithms=["Ed25519"])
        except (joserfc.errors.JoseError, ValueError) as error:
            raise Unauthenticated("The token is not one of ours.") from error
        claims, signer = decoded.claims, decoded.header.get("kid")
        expires = float(claims.get("exp", 0))
        if claims.get("aud") != self._audience or claims.get("iss") != signer or expires <= self._now():
            raise Unauthenticated("The token has expired or is meant for someone else.")
        return expires, _caller_of(claims, signed_by=str(signer))


def _caller_of(claims: Mapping[str, Any], *, signed_by: str) -> Caller:
    if signed_by != GATEWAY:
        return Caller(subject=signed_by, kind="service")
    if claims.get("kind") == "service":
        return Caller(subject=GATEWAY, kind="service")
    subject = claims.get("sub")
    return Caller(
        subject=subject,
        kind="user" if subject is not None else "anonymous",
        scopes=frozenset(str(claims.get("scope", "")).split()),
        customer_id=UUID(claims["customer_id"]) if claims.get("customer_id") else None,
        cart=claims.get("cart"),
        email=claims.get("email"),
        name=claims.get("name"),
        personal_data=claims.get("personal_data", True) is not False,
    )


def new_key(name: str) -> tuple[str, dict[str, Any]]:
    """Make a key pair: the private JWK as JSON text for ``<SERVICE>_SIGNING_KEY``, the public one for TRUSTED_KEYS."""
    key = OKPKey.generate_key("Ed25519", {"kid": name, "use": "sig", "alg": "Ed25519"})
    return orjson.dumps(key.as_dict(private=True)).decode(), dict(key.as_dict(private=False))
