"""The types that request bodies are made of: each refuses what the database could not keep."""

from typing import Annotated

from pydantic import AfterValidator, Field, StringConstraints

SKU_LENGTH = 64
MOST_UNITS = 1_000_000_000  # in one request or level; sums of them stay far below a bigint


def check_sku(value: str) -> str:
    """Refuse what is no SKU. Raises ValueError."""
    if not 1 <= len(value) <= SKU_LENGTH:
        raise ValueError(f"a SKU has 1 to {SKU_LENGTH} characters")
    if not value.isprintable():
        raise ValueError("a SKU has printable characters only")
    if "/" in value:
        raise ValueError("a SKU has no slash")
    if value != value.strip():
        raise ValueError("a SKU neither begins nor ends with a space")
    return value


def check_text(value: str) -> str:
    """Refuse control characters, NUL above all, which PostgreSQL's text cannot hold. Raises ValueError."""
    if any(ord(character) < ord(" ") and character not in "\n\t" for character in value):
        raise ValueError("control characters are not allowed")
    return value


Sku = Annotated[
    str,
    Field(description="1-64 printable characters, no slash, compared exactly.", min_length=1, max_length=SKU_LENGTH),
    AfterValidator(check_sku),
]
ShortText = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200), AfterValidator(check_text)
]
Units = Annotated[int, Field(strict=True, ge=0, le=MOST_UNITS)]
SomeUnits = Annotated[int, Field(strict=True, ge=1, le=MOST_UNITS)]
SignedUnits = Annotated[int, Field(strict=True, ge=-MOST_UNITS, le=MOST_UNITS)]
