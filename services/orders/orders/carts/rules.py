"""What a cart costs."""

from dataclasses import dataclass

from orders.carts.models import Cart
from orders.taxes.problems import NoTaxRate
from orders.taxes.rules import Rounding, rate_for, tax_order


@dataclass(frozen=True, slots=True, kw_only=True)
class TaxedLine:
    """A line's rate, the tax in its total, and the total with tax."""

    basis_points: int
    tax: int
    total: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Totals:
    """Sums in minor units. ``subtotal`` and ``shipping`` are as the shopper sees prices, ``total`` is what is paid."""

    lines: tuple[TaxedLine, ...]
    subtotal: int
    shipping: int
    shipping_tax: int
    tax: int
    total: int


def rates_of(cart: Cart) -> list[int]:
    """Basis points of each line. Raises NoTaxRate, for a destination that the table does not know too."""
    found = []
    for line in cart.lines:
        rate = rate_for(cart.tax_rates, region=cart.region, tax_class=line.tax_class)
        if rate is None:
            raise NoTaxRate(cart.country or "?", cart.region, line.tax_class)
        found.append(rate)
    return found


def total_of(cart: Cart, *, rounding: Rounding) -> Totals:
    """Add up a cart whose destination is known. Raises NoTaxRate."""
    rates = rates_of(cart)
    shipping = cart.option.price if cart.option is not None else 0
    included = cart.prices_include_tax
    amounts = [(line.amount, rate) for line, rate in zip(cart.lines, rates, strict=True)]
    taxed = tax_order(amounts, shipping, included=included, rounding=rounding)
    lines = tuple(
        TaxedLine(basis_points=rate, tax=tax, total=amount if included else amount + tax)
        for (amount, rate), tax in zip(amounts, taxed.lines, strict=True)
    )
    added = 0 if included else taxed.total
    return Totals(
        lines=lines,
        subtotal=cart.subtotal,
        shipping=shipping,
        shipping_tax=taxed.shipping,
        tax=taxed.total,
        total=cart.subtotal + shipping + added,
    )


def preview_of(cart: Cart, *, rounding: Rounding) -> Totals | None:
    """Add up a cart as far as it can be; None while its destination, or the tax there, is not known."""
    if cart.country is None:
        return None
    try:
        return total_of(cart, rounding=rounding)
    except NoTaxRate:
        return None
