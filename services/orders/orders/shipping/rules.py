"""Which shipping rates fit a cart, and what they cost."""

from collections.abc import Sequence
from dataclasses import dataclass

NOTHING_TO_SHIP_ID = "no-shipping"


@dataclass(frozen=True, slots=True, kw_only=True)
class ShippingRate:
    """A price for parcels of some weight, limits included; amounts in minor units of the cart's currency."""

    id: str
    name: str
    carrier: str | None
    min_weight_grams: int
    max_weight_grams: int | None
    price: int
    free_over: int | None


@dataclass(frozen=True, slots=True)
class Option:
    """A way to send this very cart."""

    id: str
    name: str
    carrier: str | None
    price: int


NOTHING_TO_SHIP = Option(NOTHING_TO_SHIP_ID, "Nothing to ship", None, 0)


def options_for(
    rates: Sequence[ShippingRate], *, weight_grams: int, subtotal: int, requires_shipping: bool
) -> list[Option]:
    """Options in the order of the table, which the shop chose."""
    if not requires_shipping:
        return [NOTHING_TO_SHIP]
    return [
        Option(rate.id, rate.name, rate.carrier, price_of(rate, subtotal))
        for rate in rates
        if rate.min_weight_grams <= weight_grams
        and (rate.max_weight_grams is None or weight_grams <= rate.max_weight_grams)
    ]


def price_of(rate: ShippingRate, subtotal: int) -> int:
    """What it costs; nothing from ``free_over`` on."""
    return 0 if rate.free_over is not None and subtotal >= rate.free_over else rate.price
