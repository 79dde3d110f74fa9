"""Use cases of carts."""

import secrets
from hashlib import sha256
from uuid import UUID

import orjson

from common.auth import Caller
from common.database import UnitOfWork, uuid7
from orders.carts.models import MAX_LINES, MAX_QUANTITY, MAX_UNIT_PRICE, Cart
from orders.carts.problems import (
    CartChanged,
    CartCheckingOut,
    CartClosed,
    CartFull,
    CartLineNotFound,
    CartNotFound,
    NoDestination,
    NoPrice,
    NotForSale,
    ShippingOptionUnavailable,
    UnknownChannel,
)
from orders.carts.repository import CartRepository, create_cart
from orders.carts.schemas import CartAddresses, NewCart
from orders.customers.service import ensure_customer
from orders.shipping.rules import Option

TOKEN_BYTES = 32
TRIES = 3  # of a choice that is judged against the cart as read, when others change it in between


async def start_cart(uow: UnitOfWork, command: NewCart, *, by: Caller) -> tuple[Cart, str]:
    """Make an empty cart and the token that opens it. Raises UnknownChannel."""
    token = secrets.token_urlsafe(TOKEN_BYTES)
    if by.customer_id is not None:
        await ensure_customer(uow, by)
    cart = await create_cart(
        uow,
        cart_id=uuid7(),
        token_hash=sha256(token.encode()).hexdigest(),
        customer_id=by.customer_id,
        channel=command.channel,
        currency=command.currency,
        country=command.country,
        email=command.email or (by.email if by.customer_id is not None else None),
    )
    if cart is None:
        raise UnknownChannel(command.channel)
    return cart, token


async def read_cart(uow: UnitOfWork, cart_id: UUID, *, by: Caller) -> Cart:
    """Return the cart at today's prices. Raises CartNotFound."""
    cart = await CartRepository(uow, by).read(cart_id)
    if cart is None:
        raise CartNotFound(cart_id)
    return cart


async def add_line(uow: UnitOfWork, cart_id: UUID, sku: str, quantity: int, *, by: Caller) -> Cart:
    """Put units of a SKU into the cart. Raises whatever of ``problems`` stands in the way."""
    carts = CartRepository(uow, by)
    cart = await carts.add(cart_id, uuid7(), sku, quantity)
    if cart is not None:
        return cart
    cart = await open_cart(uow, cart_id, by=by)
    variant = await carts.variant(sku)
    if variant is None or cart.channel not in variant["channels"]:
        raise NotForSale(sku, cart.channel)
    price = orjson.loads(variant["prices"]).get(cart.currency)
    if price is None or price > MAX_UNIT_PRICE:
        raise NoPrice(sku, cart.currency)
    there = next((line.quantity for line in cart.lines if line.sku == sku), 0)
    if there + quantity > MAX_QUANTITY:
        raise CartFull(f"There are {there} units of {sku}; {quantity} more would be over {MAX_QUANTITY}.", sku=sku)
    if not there and len(cart.lines) >= MAX_LINES:
        raise CartFull(f"The cart has {MAX_LINES} lines; take one out first.")
    raise CartChanged


async def set_quantity(uow: UnitOfWork, cart_id: UUID, line_id: UUID, quantity: int, *, by: Caller) -> Cart:
    """Make a line that many units; 0 takes it out. Raises CartLineNotFound and what open_cart raises."""
    cart = await CartRepository(uow, by).set_quantity(cart_id, line_id, quantity)
    if cart is None:
        await open_cart(uow, cart_id, by=by)
        raise CartLineNotFound(line_id)
    return cart


async def set_addresses(uow: UnitOfWork, cart_id: UUID, command: CartAddresses, *, by: Caller) -> Cart:
    """Say where it goes and who pays."""
    shipping = command.shipping.model_dump(mode="json")
    billing = shipping if command.billing is None else command.billing.model_dump(mode="json")
    cart = await CartRepository(uow, by).set_addresses(cart_id, shipping, billing, command.shipping.country)
    if cart is None:
        await open_cart(uow, cart_id, by=by)
        raise CartChanged
    return cart


def options_of(cart: Cart) -> list[Option]:
    """List how the cart can be sent. Raises NoDestination."""
    if cart.country is None:
        raise NoDestination
    return cart.options


async def choose_option(uow: UnitOfWork, cart_id: UUID, option_id: str, *, by: Caller) -> Cart:
    """Choose how to send it. Raises NoDestination, ShippingOptionUnavailable and what open_cart raises."""
    for _ in range(TRIES):
        cart = await open_cart(uow, cart_id, by=by)
        if all(option.id != option_id for option in options_of(cart)):
            raise ShippingOptionUnavailable(option_id)
        changed = await CartRepository(uow, by).choose_option(cart_id, option_id, version=cart.version)
        if changed is not None:
            return changed
    raise CartChanged


async def open_cart(uow: UnitOfWork, cart_id: UUID, *, by: Caller) -> Cart:
    """Return a cart that may change. Raises CartNotFound, CartClosed and CartCheckingOut."""
    cart = await read_cart(uow, cart_id, by=by)
    refuse_unless_open(cart)
    return cart


def refuse_unless_open(cart: Cart) -> None:
    """Raise CartClosed or CartCheckingOut for a cart that may not change."""
    if cart.order_id is not None:
        raise CartClosed(cart.id, cart.order_id)
    if cart.state != "open":
        raise CartCheckingOut(cart.id)
