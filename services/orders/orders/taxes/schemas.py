"""The table of tax rates as it travels."""

from typing import Annotated

from pydantic import ConfigDict, Field, StrictInt, model_validator

from orders.words import Body, Country, Text

MAX_RATES = 5000


class TaxRate(Body):
    """A rate for goods of a class sent to a country, or to one of its regions."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)

    country: Country
    region: Text | None = Field(None, description="None: the whole country, but for regions with a rate of their own.")
    tax_class: Annotated[Text, Field(alias="class", description="As variants name theirs, such as `standard`.")]
    basis_points: StrictInt = Field(ge=0, le=10_000, description="1900 is 19 %.")
    name: Text = Field(description="What it is called on a receipt.", examples=["MwSt"])


class TaxRates(Body):
    """The whole table."""

    rates: list[TaxRate] = Field(max_length=MAX_RATES)

    @model_validator(mode="after")
    def _no_doubles(self) -> "TaxRates":
        seen: set[tuple[str, str | None, str]] = set()
        for rate in self.rates:
            key = (rate.country, rate.region, rate.tax_class)
            if key in seen:
                raise ValueError(f"two rates for {rate.country}, {rate.region or 'no region'}, {rate.tax_class}")
            seen.add(key)
        return self
