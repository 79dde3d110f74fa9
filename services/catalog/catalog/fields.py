"""The types that request bodies and parameters are made of: bounded, strict, and never more than the database holds."""

from datetime import datetime
from typing import Annotated

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, StrictBool, StringConstraints

from catalog.text import HANDLE_PATTERN, as_uuid, storable
from common.money import Money

MAX_SKU = 64
MAX_INT = 2**31 - 1
MAX_DATA_URL = 4096
RESERVED_HANDLES = frozenset({"export"})  # /v1/products/export is a route: a product of that name could not be read


class Body(BaseModel):
    """A request body: a member that it does not know is refused, since it is a typing error more often than not."""

    model_config = ConfigDict(extra="forbid")


def sku_error(sku: str) -> str | None:
    """Say what keeps ``sku`` from being one; None if nothing does."""
    if not 1 <= len(sku) <= MAX_SKU:
        return f"a SKU has 1 to {MAX_SKU} characters, this has {len(sku)}"
    if not sku.isprintable() or "/" in sku or sku != sku.strip():
        return "a SKU has printable characters, no / and no space at either end"
    return None


def reserved_error(handle: str) -> str | None:
    """Say why ``handle`` cannot be a product's though it looks like one; None if it can."""
    if handle in RESERVED_HANDLES:
        return f"{handle} is the address of a route, /v1/products/{handle}; use another, such as {handle}-2"
    return None


def url_error(url: str) -> str | None:
    """Say what keeps ``url`` from being a picture's address; None if nothing does."""
    if url.startswith("data:image/"):
        return None if len(url) <= MAX_DATA_URL else f"a data URI may have {MAX_DATA_URL} characters"
    if not url.startswith(("https://", "http://")) or url in {"https://", "http://"}:
        return "must be an http or https address, or a data:image/ URI"
    return (
        "must not contain spaces or control characters"
        if any(c.isspace() or not c.isprintable() for c in url)
        else None
    )


def _sku(value: str) -> str:
    if error := sku_error(value):
        raise ValueError(error)
    return value


def _url(value: str) -> str:
    if error := url_error(value):
        raise ValueError(error)
    return value


def _handle(value: str) -> str:
    if as_uuid(value) is not None:
        raise ValueError("must not read as an id, or nobody could tell the two apart")
    return value


def _product_handle(value: str) -> str:
    if error := reserved_error(value):
        raise ValueError(error)
    return value


def _not_blank(value: str) -> str:
    if not value.strip():
        raise ValueError("must not be blank")
    return value


def _not_negative(value: Money) -> Money:
    if value.amount < 0:
        raise ValueError(f"a price is 0 or more, not {value.amount}")
    return value


def _in_range(value: datetime) -> datetime:
    if not 1900 <= value.year <= 9000:  # noqa: PLR2004 - near the ends of the calendar, a zone leads out of it
        raise ValueError("must lie between the years 1900 and 9000")
    return value


Title = Annotated[
    str, StringConstraints(min_length=1, max_length=255), AfterValidator(storable), AfterValidator(_not_blank)
]
ShortText = Annotated[str, StringConstraints(max_length=255), AfterValidator(storable)]
Description = Annotated[str, StringConstraints(max_length=100_000), AfterValidator(storable)]
Handle = Annotated[str, Field(pattern=HANDLE_PATTERN, examples=["enamel-mug"]), AfterValidator(_handle)]
ProductHandle = Annotated[Handle, AfterValidator(_product_handle)]
Sku = Annotated[str, AfterValidator(storable), AfterValidator(_sku)]
Url = Annotated[str, StringConstraints(max_length=MAX_DATA_URL), AfterValidator(storable), AfterValidator(_url)]
Price = Annotated[Money, AfterValidator(_not_negative)]
Grams = Annotated[int, Field(strict=True, ge=0, le=MAX_INT)]
Position = Annotated[int, Field(strict=True, ge=1, le=MAX_INT)]
TaxClass = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_-]{0,31}$")]
Channel = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_-]{0,31}$")]
Moment = Annotated[AwareDatetime, AfterValidator(_in_range)]
Flag = StrictBool
Reference = Annotated[str, StringConstraints(min_length=1, max_length=200), AfterValidator(storable)]
"""An id or a handle."""

__all__ = [
    "Body",
    "Channel",
    "Description",
    "Flag",
    "Grams",
    "Handle",
    "Moment",
    "Position",
    "Price",
    "ProductHandle",
    "Reference",
    "ShortText",
    "Sku",
    "TaxClass",
    "Title",
    "Url",
    "reserved_error",
    "sku_error",
    "url_error",
]
