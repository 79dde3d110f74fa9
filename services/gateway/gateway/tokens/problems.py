"""What can go wrong when somebody asks for tokens. ``error`` is OAuth's own word for it (RFC 6749, §5.2)."""

from common.problems import BadRequest


class InvalidTokenRequest(BadRequest):
    """A parameter that this grant needs is missing or empty. Send what `detail` names, form-encoded."""

    slug, title = "invalid-token-request", "The token request is incomplete"

    def __init__(self, detail: str) -> None:
        super().__init__(detail, error="invalid_request")


class UnsupportedGrantType(BadRequest):
    """The grant type is not one that the gateway knows: it gives tokens for a password or for a refresh token."""

    slug, title = "unsupported-grant-type", "No such grant type"

    def __init__(self, grant_type: str) -> None:
        super().__init__(
            f"grant_type {grant_type[:40]!r} is not known here; use password or refresh_token.",
            error="unsupported_grant_type",
        )


class InvalidGrant(BadRequest):
    """The credentials do not hold.

    For a password: address and password do not belong together, or the login is disabled; which of these is not said.
    For a refresh token: it is unknown, expired, revoked or was used before; sign in again. A refresh token that comes a
    second time revokes all that descend from the same sign-in, since one of the two who sent it is not its owner.
    """

    slug, title = "invalid-grant", "The credentials do not hold"

    def __init__(self, detail: str) -> None:
        super().__init__(detail, error="invalid_grant")
