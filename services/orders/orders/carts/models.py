"""A cart as one statement reads it: its lines with today's prices, and the rates of its destination."""

from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any, Final
from uuid import UUID

import asyncpg
import orjson

from orders.shipping.rules import Option, ShippingRate, options_for
from orders.taxes.rules import Rate

MAX_QUANTITY: Final = 999
MAX_LINES: Final = 100
MAX_UNIT_PRICE: Final = 20_000_000_000
"""Minor units; a hundred lines of 999 at this price, taxed and shipped, still fit what JSON readers hold exactly."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CartLine:
    """Units of a SKU: the price kept when they were added, and today's, None where it is not sold in the currency."""

    id: UUID
    sku: str
    quantity: int
    kept_price: int
    price: int | None
    sellable: bool
    product_id: UUID
    variant_id: UUID
    title: str
    variant_title: str
    options: dict[str, str]
    weight_grams: int | None
    tax_class: str
    requires_shipping: bool

    @property
    def available(self) -> bool:
        """Whether it can be bought as things are."""
        return self.sellable and self.price is not None

    @property
    def unit_price(self) -> int:
        """Today's price, or the last one known."""
        return self.kept_price if self.price is None else self.price

    @property
    def amount(self) -> int:
        """Unit price times quantity."""
        return self.unit_price * self.quantity


@dataclass(frozen=True, kw_only=True)
class Cart:
    """A cart, whole. Amounts are minor units of ``currency``."""

    id: UUID
    token_hash: str
    customer_id: UUID | None
    channel: str
    currency: str
    country: str | None
    state: str
    email: str | None
    lines: tuple[CartLine, ...]
    shipping_address: dict[str, Any] | None
    billing_address: dict[str, Any] | None
    shipping_option_id: str | None
    order_id: UUID | None
    prices_include_tax: bool
    tax_rates: tuple[Rate, ...]
    shipping_rates: tuple[ShippingRate, ...]
    version: int
    created_at: datetime
    updated_at: datetime
    expires_at: datetime

    @cached_property
    def subtotal(self) -> int:
        """What the lines cost together."""
        return sum(line.amount for line in self.lines)

    @property
    def requires_shipping(self) -> bool:
        """Whether anything has to be sent. An empty cart counts as one that has."""
        return not self.lines or any(line.requires_shipping for line in self.lines)

    @property
    def region(self) -> str | None:
        """The destination's region, as the address says it."""
        return None if self.shipping_address is None else self.shipping_address.get("region")

    @cached_property
    def options(self) -> list[Option]:
        """How this very cart can be sent."""
        weight = sum((line.weight_grams or 0) * line.quantity for line in self.lines if line.requires_shipping)
        return options_for(
            self.shipping_rates,
            weight_grams=weight,
            subtotal=self.subtotal,
            requires_shipping=self.requires_shipping,
        )

    @property
    def option(self) -> Option | None:
        """The option that was chosen, if it still fits; a cart of which nothing is sent needs no choice."""
        if not self.requires_shipping:
            return self.options[0]
        return next((option for option in self.options if option.id == self.shipping_option_id), None)

    @classmethod
    def of(cls, row: asyncpg.Record) -> "Cart":
        """Read a row of ``repository.VIEW``."""
        return cls(
            id=row["id"],
            token_hash=row["token_hash"],
            customer_id=row["customer_id"],
            channel=row["channel"],
            currency=row["currency"],
            country=row["country"],
            state=row["state"],
            email=row["email"],
            lines=tuple(_line(line) for line in orjson.loads(row["lines"])),
            shipping_address=_document(row["shipping_address"]),
            billing_address=_document(row["billing_address"]),
            shipping_option_id=row["shipping_option_id"],
            order_id=row["order_id"],
            prices_include_tax=row["prices_include_tax"],
            tax_rates=tuple(Rate(*rate) for rate in orjson.loads(row["tax_rates"])),
            shipping_rates=tuple(ShippingRate(**rate) for rate in orjson.loads(row["shipping_rates"])),
            version=row["version"],
            created_at=row["created_at"],
            updated_at=row["updated_at"],
            expires_at=row["expires_at"],
        )


def _document(text: str | None) -> dict[str, Any] | None:
    return None if text is None else orjson.loads(text)


def _line(line: dict[str, Any]) -> CartLine:
    price = line["price"]
    return CartLine(
        id=UUID(line["id"]),
        sku=line["sku"],
        quantity=line["quantity"],
        kept_price=line["kept_price"],
        price=price if price is not None and price <= MAX_UNIT_PRICE else None,
        sellable=line["sellable"],
        product_id=UUID(line["product_id"]),
        variant_id=UUID(line["variant_id"]),
        title=line["title"],
        variant_title=line["variant_title"],
        options=line["options"],
        weight_grams=line["weight_grams"],
        tax_class=line["tax_class"],
        requires_shipping=line["requires_shipping"],
    )
