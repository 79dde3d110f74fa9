"""A checkout as it travels, and what is frozen of the cart while it runs."""

from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import BaseModel, BeforeValidator, Field, StrictInt

from common.money import MAX_AMOUNT, Currency
from orders.words import Body, Email, Text


class PaymentChoice(Body):
    """How it is paid."""

    method: Literal["test"] = Field(description="The payment provider.")
    token: Annotated[Text, Field(description="As the provider's own form gave it to the storefront.")]


class ExpectedTotal(Body):
    """What the shopper agreed to pay."""

    amount: Annotated[StrictInt, Field(ge=0, le=MAX_AMOUNT, description="Minor units, such as cents.")]
    currency: Currency | None = Field(None, description="None: the cart's.")


def _as_amount(value: object) -> object:
    return {"amount": value} if isinstance(value, int) else value


class NewCheckout(Body):
    """What turns a cart into an order."""

    email: Email
    payment: PaymentChoice
    expected_total: Annotated[
        ExpectedTotal | None,
        Field(description="What the shopper saw, as money or in minor units; another total is refused. None: any."),
        BeforeValidator(_as_amount, json_schema_input_type=ExpectedTotal | int | None),
    ] = None
    session_id: Text | None = Field(None, description="The visit, as the storefront names it.")


class FrozenLine(BaseModel):
    """A line as it will be sold; amounts in minor units, ``total`` with tax."""

    id: UUID
    sku: str
    product_id: UUID
    variant_id: UUID
    title: str
    options: dict[str, str]
    tax_class: str
    requires_shipping: bool
    weight_grams: int | None
    quantity: int
    unit_price: int
    basis_points: int
    tax: int
    total: int


class FrozenCart(BaseModel):
    """All that the order will say, stored before anything happens outside, so that whoever finds it can go on."""

    payment_id: UUID
    payment_method: str
    cart_token_hash: str
    channel: str
    customer_id: UUID | None
    email: str
    shipping_address: dict[str, Any]
    billing_address: dict[str, Any]
    shipping_option: dict[str, str]
    lines: list[FrozenLine]
    currency: str
    prices_include_tax: bool
    subtotal: int
    shipping: int
    shipping_tax: int
    tax: int
    total: int
    session_id: str | None


class CheckoutView(BaseModel):
    """Where a checkout stands, for inventory."""

    id: UUID
    state: str
