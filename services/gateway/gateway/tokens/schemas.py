"""What goes in and out of the token routes."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field

LONGEST_CLIENT_ID = 100


class TokenRequest(BaseModel):
    """A token request of OAuth 2; parameters that it does not know are ignored, as RFC 6749 wants it."""

    grant_type: Annotated[str, Field(description="`password` or `refresh_token`.")] = ""
    username: Annotated[str | None, Field(description="The e-mail address, for `password`.")] = None
    password: Annotated[str | None, Field(description="For `password`.", json_schema_extra={"format": "password"})] = (
        None
    )
    refresh_token: Annotated[str | None, Field(description="The last one that was given out, for `refresh_token`.")] = (
        None
    )
    client_id: Annotated[str | None, Field(description="Name of the app that asks; stands in the token.")] = None


class TokenView(BaseModel):
    """A pair of tokens."""

    access_token: str = Field(description="Send it as `Authorization: Bearer …`.")
    token_type: Literal["Bearer"] = "Bearer"  # noqa: S105 - the scheme's name
    expires_in: int = Field(description="Seconds that the access token lives.")
    refresh_token: str = Field(description="Good for one new pair; each use gives another one.")
    scope: str = Field(description="What the login allows, separated by spaces.")


class KeySetView(BaseModel):
    """Public keys (RFC 7517)."""

    keys: list[dict[str, Any]]
