"""A line of the file, and what became of all of them."""

from datetime import UTC, datetime
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints, model_validator

from common.money import Currency, Money
from orders.words import Body, Country, Email, Sku, Text

MAX_LINES = 1_000
MAX_UNITS = 1_000_000


def _not_negative(money: Money) -> Money:
    if money.amount < 0:
        raise ValueError("an amount is not below zero; what was given back is an order of kind return")
    return money


def _in_utc(moment: datetime) -> datetime:
    if not 1970 <= moment.year < 9999:  # noqa: PLR2004 - the ends of what can be converted
        raise ValueError("the year must be between 1970 and 9998")
    return moment.astimezone(UTC)


Amount = Annotated[Money, AfterValidator(_not_negative)]
Moment = Annotated[AwareDatetime, AfterValidator(_in_utc)]
Source = Annotated[
    str,
    StringConstraints(pattern=r"^[a-z0-9][a-z0-9._-]{0,39}$"),
    Field(description="The system that it comes from, as you call it; small letters.", examples=["old-shop"]),
]
Foreign = Annotated[
    str, StringConstraints(min_length=1, max_length=100, pattern=r"^[^\s\x00-\x1f]([^\x00-\x1f]*[^\s\x00-\x1f])?$")
]
Channel = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9._-]{0,39}$")]


class PastRecord(Body):
    """A part of the file: every value in its own JSON type, a field that nobody reads is refused."""

    model_config = ConfigDict(strict=True)


class PastLine(PastRecord):
    """Goods of one SKU; it may stand on several lines."""

    sku: Sku
    title: Text
    quantity: Annotated[int, Field(ge=1, le=MAX_UNITS)]
    unit_price: Annotated[Amount, Field(description="As the shopper saw it: with tax when `prices_include_tax`.")]
    discount: Annotated[Amount | None, Field(description="Taken off the whole line.")] = None
    tax_rate_basis_points: Annotated[int, Field(ge=0, le=10_000, description="1900 is 19 %.")] = 0
    tax: Annotated[Amount | None, Field(description="The line's; without it, what the rate makes of the line.")] = None


class PastOrder(PastRecord):
    """An order as it was taken over there."""

    source: Source
    external_id: Annotated[
        Foreign, Field(description="Its id over there: it is imported once, however often it comes.")
    ]
    kind: Annotated[
        Literal["sale", "return"],
        Field(description="A return is what came back, in quantities and amounts above zero."),
    ] = "sale"
    placed_at: Annotated[Moment, Field(description="RFC 3339, with its offset.")]
    currency: Currency
    channel: Channel = "web"
    country: Annotated[Country | None, Field(description="Where it was sent.")] = None
    email: Email | None = None
    customer: Annotated[Foreign | None, Field(description="The buyer's number over there.")] = None
    lines: Annotated[list[PastLine], Field(max_length=MAX_LINES)]
    shipping: Annotated[Amount | None, Field(description="With tax when `prices_include_tax`.")] = None
    shipping_tax: Amount | None = None
    total: Annotated[Amount | None, Field(description="Checked against the sum where it is given.")] = None
    prices_include_tax: bool = True

    @model_validator(mode="after")
    def _one_currency(self) -> Self:
        """Amounts of two currencies cannot be added."""
        own = self.currency
        amounts = [self.shipping, self.shipping_tax, self.total]
        amounts += [amount for line in self.lines for amount in (line.unit_price, line.discount, line.tax)]
        for amount in amounts:
            if amount is not None and amount.currency != own:
                raise ValueError(f"the order is in {own}, one of its amounts is in {amount.currency}")
        return self


class RowErrorView(BaseModel):
    """What was wrong with a line of the file."""

    line: int = Field(description="As an editor counts, from 1.")
    pointer: str = Field(description="JSON Pointer into the line's object; empty: the line as a whole.")
    reason: str


class ImportReport(BaseModel):
    """What became of a file."""

    received: int = Field(description="Lines that are not empty.")
    imported: int
    repeated: int = Field(description="Imported before, with the same content.")
    rejected: int = Field(description="Lines refused; all others are in.")
    errors: list[RowErrorView] = Field(description="Of the first 100 lines that were refused.")
