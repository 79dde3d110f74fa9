"""A cart as it travels."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, StrictInt

from common.money import Currency, Money
from orders.carts.models import MAX_QUANTITY, Cart, CartLine
from orders.carts.rules import preview_of
from orders.shipping.rules import Option
from orders.taxes.rules import Rounding
from orders.words import Body, Country, Email, PostalAddress, Sku, Text


class NewCart(Body):
    """What a cart starts with; what is left out is the channel's."""

    channel: Text = "web"
    currency: Currency | None = Field(None, description="None: the channel's.")
    country: Country | None = Field(None, description="Where it will be sent; None: not known yet.")
    email: Email | None = Field(None, description="Whom to remind; may be given at checkout only.")


class NewLine(Body):
    """Units to put into the cart; a SKU that is there already gets more of them."""

    sku: Sku
    quantity: Annotated[StrictInt, Field(ge=1, le=MAX_QUANTITY)] = 1


class LineChange(Body):
    """How many units there shall be; 0 takes the line out."""

    quantity: Annotated[StrictInt, Field(ge=0, le=MAX_QUANTITY)]


class CartAddresses(Body):
    """Where it goes and who pays."""

    shipping: PostalAddress
    billing: PostalAddress | None = Field(None, description="None: the same as for shipping.")


class ShippingChoice(Body):
    """One of the cart's shipping options."""

    id: Text


class PriceChange(BaseModel):
    """A unit price then and now."""

    model_config = ConfigDict(populate_by_name=True, serialize_by_alias=True)

    before: Money = Field(alias="from", description="When the line was added.")
    to: Money = Field(description="Now.")


class CartLineView(BaseModel):
    """A line of a cart, at today's price."""

    id: UUID
    sku: str
    product_id: UUID
    variant_id: UUID
    title: str
    variant_title: str
    options: dict[str, str]
    quantity: int
    unit_price: Money
    total: Money = Field(description="Unit price times quantity.")
    price_changed: PriceChange | None = Field(description="Set when the price is not the one at which it was added.")
    available: bool = Field(description="False: it can no longer be bought; take it out.")

    @classmethod
    def of(cls, line: CartLine, currency: str) -> "CartLineView":
        """Show a line."""
        changed = None
        if line.unit_price != line.kept_price:
            changed = PriceChange(
                before=Money(amount=line.kept_price, currency=currency),
                to=Money(amount=line.unit_price, currency=currency),
            )
        return cls(
            id=line.id,
            sku=line.sku,
            product_id=line.product_id,
            variant_id=line.variant_id,
            title=line.title,
            variant_title=line.variant_title,
            options=line.options,
            quantity=line.quantity,
            unit_price=Money(amount=line.unit_price, currency=currency),
            total=Money(amount=line.amount, currency=currency),
            price_changed=changed,
            available=line.available,
        )


class ShippingOptionView(BaseModel):
    """A way to send this cart."""

    id: str
    name: str
    carrier: str | None
    price: Money

    @classmethod
    def of(cls, option: Option, currency: str) -> "ShippingOptionView":
        """Show an option."""
        price = Money(amount=option.price, currency=currency)
        return cls(id=option.id, name=option.name, carrier=option.carrier, price=price)


class ShippingOptions(BaseModel):
    """How this cart can be sent, in the shop's order."""

    items: list[ShippingOptionView]
    next: None = Field(None, description="Always null: they fit on one page.")


class CartView(BaseModel):
    """A cart, its lines at today's prices."""

    id: UUID
    state: str = Field(description="`open`, `checking_out`, or `ordered`: then `order_id` says which order.")
    channel: str
    currency: str
    country: str | None
    customer_id: UUID | None
    email: str | None
    lines: list[CartLineView]
    shipping_address: PostalAddress | None
    billing_address: PostalAddress | None
    shipping_option: ShippingOptionView | None = Field(description="The one chosen, while it fits the cart.")
    prices_include_tax: bool
    subtotal: Money
    shipping: Money
    tax: Money | None = Field(description="Null while destination or rate are not known.")
    total: Money = Field(description="What is to be paid, as far as it is known.")
    order_id: UUID | None
    version: int
    created_at: datetime
    updated_at: datetime
    expires_at: datetime

    @classmethod
    def of(cls, cart: Cart, *, rounding: Rounding) -> "CartView":
        """Show a cart."""
        return cls(**_fields(cart, rounding=rounding))


class NewCartView(CartView):
    """A new cart and the token that opens it, which is shown this once."""

    token: str = Field(description="Send it as Cart-Token. Good for 30 days after the last change.")

    @classmethod
    def with_token(cls, cart: Cart, token: str, *, rounding: Rounding) -> "NewCartView":
        """Show a new cart."""
        return cls(token=token, **_fields(cart, rounding=rounding))


def _fields(cart: Cart, *, rounding: Rounding) -> dict[str, Any]:
    def money(amount: int) -> Money:
        return Money(amount=amount, currency=cart.currency)

    totals = preview_of(cart, rounding=rounding)
    option = cart.option
    shipping = option.price if option is not None else 0
    return {
        "id": cart.id,
        "state": cart.state,
        "channel": cart.channel,
        "currency": cart.currency,
        "country": cart.country,
        "customer_id": cart.customer_id,
        "email": cart.email,
        "lines": [CartLineView.of(line, cart.currency) for line in cart.lines],
        "shipping_address": cart.shipping_address,
        "billing_address": cart.billing_address,
        "shipping_option": None if option is None else ShippingOptionView.of(option, cart.currency),
        "prices_include_tax": cart.prices_include_tax,
        "subtotal": money(cart.subtotal),
        "shipping": money(shipping),
        "tax": None if totals is None else money(totals.tax),
        "total": money(cart.subtotal + shipping if totals is None else totals.total),
        "order_id": cart.order_id,
        "version": cart.version,
        "created_at": cart.created_at,
        "updated_at": cart.updated_at,
        "expires_at": cart.expires_at,
    }
