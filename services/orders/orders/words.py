"""Types that the bodies of several capabilities share: text that PostgreSQL can hold, countries, addresses, SKUs."""

import re
from typing import Annotated, Final

from babel import Locale
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints

NOT_IN_ISO: Final = frozenset(
    ["AC", "CP", "CQ", "DG", "EA", "EU", "EZ", "IC", "QO", "TA", "UN", "XA", "XB", "XK", "ZZ"]
)
"""Two-letter codes that the locale data knows beside ISO 3166-1."""

TERRITORIES: Final = frozenset(map(str, Locale("en").territories))
COUNTRIES: Final = frozenset(code for code in TERRITORIES if re.fullmatch("[A-Z]{2}", code)) - NOT_IN_ISO

MAX_WEIGHT_GRAMS: Final = 10**9


def _storable(value: str) -> str:
    if "\x00" in value:
        raise ValueError("a NUL character cannot be stored; leave it out")
    return value


def _known_country(value: str) -> str:
    if value not in COUNTRIES:
        raise ValueError(f"{value!r} is no country of ISO 3166-1; send two capital letters such as DE")
    return value


Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200), AfterValidator(_storable)]
LongText = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=2000), AfterValidator(_storable)
]
Country = Annotated[str, AfterValidator(_known_country), Field(description="ISO 3166-1, two letters.", examples=["DE"])]
Email = Annotated[
    str,
    StringConstraints(
        strip_whitespace=True, max_length=254, pattern=r"^[^@\s\x00-\x1f]+@[^@\s\x00-\x1f]+\.[^@\s\x00-\x1f]+$"
    ),
]
Sku = Annotated[
    str,
    StringConstraints(min_length=1, max_length=64, pattern=r"^[^\s/\x00-\x1f]([^/\x00-\x1f]*[^\s/\x00-\x1f])?$"),
    Field(description="Compared exactly."),
]


class Body(BaseModel):
    """A request's body: a field that nobody reads is a misspelt one, and is refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class PostalAddress(Body):
    """Where someone lives or receives parcels."""

    name: Text
    line1: Text
    line2: Text | None = None
    city: Text
    region: Text | None = Field(None, description="State or province, as the tax rates name it, such as `CA`.")
    postal_code: Annotated[Text, Field(max_length=20)]
    country: Country
