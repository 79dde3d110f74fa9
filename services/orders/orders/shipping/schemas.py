"""The table of shipping rates as it travels."""

from typing import Annotated

from pydantic import Field, StrictInt, model_validator

from common.money import MAX_AMOUNT, Currency
from orders.shipping.rules import NOTHING_TO_SHIP_ID
from orders.words import MAX_WEIGHT_GRAMS, Body, Country, Text

MAX_RATES = 5000
Grams = Annotated[StrictInt, Field(ge=0, le=MAX_WEIGHT_GRAMS)]
Amount = Annotated[StrictInt, Field(ge=0, le=MAX_AMOUNT // 1000)]


class ShippingRateBody(Body):
    """A price for parcels of some weight to some countries; both weights included."""

    id: Text = Field(description="What a cart chooses by.")
    name: Text
    carrier: Text | None = None
    countries: list[Country] = Field(min_length=1)
    currency: Currency
    min_weight_grams: Grams = 0
    max_weight_grams: Grams | None = Field(None, description="None: however heavy.")
    price: Amount = Field(description="Minor units; with tax where the channel's prices include it.")
    free_over: Amount | None = Field(
        None, description="Subtotal from which it costs nothing, minor units; None: never."
    )

    @model_validator(mode="after")
    def _weights_in_order(self) -> "ShippingRateBody":
        if self.max_weight_grams is not None and self.max_weight_grams < self.min_weight_grams:
            raise ValueError(f"max_weight_grams {self.max_weight_grams} is below min_weight_grams")
        if self.id == NOTHING_TO_SHIP_ID:
            raise ValueError(f"{self.id} is what carts without parcels are given; choose another id")
        return self


class ShippingRates(Body):
    """The whole table, in the order in which shoppers see it."""

    rates: list[ShippingRateBody] = Field(max_length=MAX_RATES)

    @model_validator(mode="after")
    def _no_doubles(self) -> "ShippingRates":
        seen: set[str] = set()
        for rate in self.rates:
            if rate.id in seen:
                raise ValueError(f"two rates have the id {rate.id}")
            seen.add(rate.id)
        return self
