"""Callers, their scopes and the internal tokens that say who they are."""

from common.auth._caller import ANONYMOUS, Anyone, Caller, SignedIn, anyone, requires, requires_service, signed_in
from common.auth._tokens import GATEWAY, LIFETIME_SECONDS, TokenSigner, TokenVerifier, new_key

__all__ = [
    "ANONYMOUS",
    "GATEWAY",
    "LIFETIME_SECONDS",
    "Anyone",
    "Caller",
    "SignedIn",
    "TokenSigner",
    "TokenVerifier",
    "anyone",
    "new_key",
    "requires",
    "requires_service",
    "signed_in",
]
