"""Whether a cart can be checked out, and what is frozen of it."""

from common.auth import Caller
from common.database import uuid7
from orders.carts.models import Cart
from orders.carts.problems import ShippingOptionUnavailable
from orders.carts.rules import Totals, total_of
from orders.checkout.problems import CartIncomplete, LinesUnavailable, TotalChanged
from orders.checkout.schemas import FrozenCart, FrozenLine, NewCheckout
from orders.taxes.rules import Rounding


def freeze(cart: Cart, command: NewCheckout, *, by: Caller, rounding: Rounding) -> FrozenCart:
    """Take the order down as it will be, under ids of its own.

    Raises CartIncomplete, LinesUnavailable, ShippingOptionUnavailable, NoTaxRate and TotalChanged.
    """
    refuse_incomplete(cart)
    option = cart.option
    if option is None or cart.shipping_address is None or cart.billing_address is None:
        raise ShippingOptionUnavailable(cart.shipping_option_id or "none")
    totals = total_of(cart, rounding=rounding)
    refuse_other_total(command, totals, cart.currency)
    return FrozenCart(
        payment_id=uuid7(),
        payment_method=command.payment.method,
        cart_token_hash=cart.token_hash,
        channel=cart.channel,
        customer_id=cart.customer_id or by.customer_id,
        email=command.email,
        shipping_address=cart.shipping_address,
        billing_address=cart.billing_address,
        shipping_option={"id": option.id, "name": option.name},
        lines=_freeze_lines(cart, totals),
        currency=cart.currency,
        prices_include_tax=cart.prices_include_tax,
        subtotal=totals.subtotal,
        shipping=totals.shipping,
        shipping_tax=totals.shipping_tax,
        tax=totals.tax,
        total=totals.total,
        session_id=command.session_id,
    )


def refuse_incomplete(cart: Cart) -> None:
    """Raise CartIncomplete or LinesUnavailable."""
    missing = []
    if not cart.lines:
        missing.append("lines")
    if cart.shipping_address is None:
        missing.append("shipping_address")
    if cart.requires_shipping and cart.shipping_option_id is None:
        missing.append("shipping_option")
    if missing:
        raise CartIncomplete(missing)
    if gone := [line.sku for line in cart.lines if not line.available]:
        raise LinesUnavailable(gone)


def refuse_other_total(command: NewCheckout, totals: Totals, currency: str) -> None:
    """Raise TotalChanged unless the total is the one that the shopper agreed to."""
    expected = command.expected_total
    if expected is None:
        return
    if expected.amount != totals.total or expected.currency not in {None, currency}:
        raise TotalChanged(expected.amount, totals.total, currency)


def _freeze_lines(cart: Cart, totals: Totals) -> list[FrozenLine]:
    return [
        FrozenLine(
            id=uuid7(),
            sku=line.sku,
            product_id=line.product_id,
            variant_id=line.variant_id,
            title=_title(line.title, line.variant_title, line.options),
            options=line.options,
            tax_class=line.tax_class,
            requires_shipping=line.requires_shipping,
            weight_grams=line.weight_grams,
            quantity=line.quantity,
            unit_price=line.unit_price,
            basis_points=taxed.basis_points,
            tax=taxed.tax,
            total=taxed.total,
        )
        for line, taxed in zip(cart.lines, totals.lines, strict=True)
    ]


def _title(product: str, variant: str, options: dict[str, str]) -> str:
    """Name what was sold: the product, and the variant where there is a choice."""
    return f"{product}, {variant}" if options and variant and variant != product else product
