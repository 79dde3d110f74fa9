"""The keys of a suite that exists for one test run."""

import time
from collections.abc import Mapping
from typing import Any

import orjson

from common.auth import GATEWAY, TokenSigner, new_key

NAMES = ("gateway", "catalog", "inventory", "orders", "metrics", "notifications")
LIFETIME_SECONDS = 3600.0  # a test that moves time does not move tokens; none runs longer


class Keyring:
    """A private key for each service, and what all of them trust."""

    def __init__(self) -> None:
        pairs = {name: new_key(name) for name in NAMES}
        self.private = {name: private for name, (private, _) in pairs.items()}
        self.trusted = orjson.dumps({"keys": [public for _, public in pairs.values()]}).decode()
        self._signers = {name: TokenSigner(name, private) for name, private in self.private.items()}

    def user_token(self, audience: str, claims: Mapping[str, Any]) -> str:
        """Sign what the gateway would say of a user to ``audience``."""
        signer = self._signers[GATEWAY]
        return signer.sign({"aud": audience, **claims}, expires=time.time() + LIFETIME_SECONDS)

    def service_token(self, name: str, audience: str) -> str:
        """Sign what the service ``name`` would say of itself."""
        claims = {"aud": audience, "sub": name, "kind": "service"}
        return self._signers[name].sign(claims, expires=time.time() + LIFETIME_SECONDS)
