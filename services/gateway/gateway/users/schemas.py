"""What goes in and out of the users' routes."""

import unicodedata
from typing import Annotated, Any
from uuid import UUID

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, EmailStr, Field, SecretStr

from gateway.users.repository import User
from gateway.users.roles import SCOPES_OF, Role

SHORTEST_PASSWORD, LONGEST_PASSWORD = 10, 128


def _printable(value: str) -> str:
    """Refuse control characters, half surrogates and the like, none of which is part of a name."""
    stripped = value.strip()
    if not stripped:
        raise ValueError("a name has at least one letter")
    if any(unicodedata.category(letter) in {"Cc", "Cs", "Cn", "Co"} for letter in stripped):
        raise ValueError("a name has printable letters only")
    return stripped


def normal_password(password: str) -> str:
    """Bring a password to the one form in which it is hashed: keyboards write the same letter in several ways."""
    return unicodedata.normalize("NFKC", password)


def _acceptable(password: SecretStr) -> SecretStr:
    normal = normal_password(password.get_secret_value())
    if any(unicodedata.category(letter) == "Cs" for letter in normal):  # half of a pair: JSON can say it, UTF-8 cannot
        raise ValueError("a password has whole characters only")
    length = len(normal)
    if not SHORTEST_PASSWORD <= length <= LONGEST_PASSWORD:
        raise ValueError(f"a password has {SHORTEST_PASSWORD} to {LONGEST_PASSWORD} characters")
    return password


def _short_enough(email: str) -> str:
    if len(email) > 254:  # noqa: PLR2004 - what SMTP can carry
        raise ValueError("an e-mail address has at most 254 characters")
    return email


Email = Annotated[EmailStr, AfterValidator(_short_enough), Field(description="Address to sign in with.")]
Name = Annotated[str, Field(min_length=1, max_length=200), AfterValidator(_printable)]
NewPassword = Annotated[
    SecretStr,
    Field(min_length=SHORTEST_PASSWORD, max_length=LONGEST_PASSWORD, description="10 to 128 characters, any of them."),
    AfterValidator(_acceptable),
]


class NewCustomer(BaseModel):
    """A shopper who registers."""

    model_config = ConfigDict(extra="forbid")

    email: Email
    password: NewPassword
    name: Name


class NewUser(NewCustomer):
    """A login that staff makes for somebody."""

    role: Role


class UserView(BaseModel):
    """A login."""

    id: UUID
    email: str
    name: str
    role: Role
    scopes: list[str] = Field(description="What the role allows.")
    status: str = Field(description="`active` or `disabled`.")
    created_at: AwareDatetime

    @classmethod
    def of(cls, user: User) -> "UserView":
        """Show ``user`` without what only we need."""
        values: dict[str, Any] = {
            "id": user.id,
            "email": user.email,
            "name": user.name,
            "role": user.role,
            "scopes": list(SCOPES_OF[user.role]),
            "status": user.status,
            "created_at": user.created_at,
        }
        return cls(**values)
