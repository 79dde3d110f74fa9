"""Carts over HTTP: for whoever sends the Cart-Token or is the cart's customer; to others they are not there."""

from uuid import UUID

from common.auth import Anyone
from common.http import Answer, PlainUow, Router, Uow, problems
from orders.carts import service
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
from orders.carts.schemas import (
    CartAddresses,
    CartView,
    LineChange,
    NewCart,
    NewCartView,
    NewLine,
    ShippingChoice,
    ShippingOptions,
    ShippingOptionView,
)
from orders.dependencies import OurSettings

router = Router(tags=["carts"])

CHANGING = (CartNotFound, CartClosed, CartCheckingOut, CartChanged)


@router.post("/v1/carts", status_code=201, responses=problems(UnknownChannel))
async def start_cart(body: NewCart, caller: Anyone, uow: PlainUow, settings: OurSettings) -> Answer[NewCartView]:
    """Start a cart."""
    if caller.customer_id is None:
        cart, token = await service.start_cart(uow, body, by=caller)
    else:
        async with uow:
            cart, token = await service.start_cart(uow, body, by=caller)
    view = NewCartView.with_token(cart, token, rounding=settings.tax_rounding)
    return uow.answer(view, status=201, headers={"Location": f"/v1/carts/{cart.id}"})


@router.get("/v1/carts/{cart_id}", responses=problems(CartNotFound))
async def read_cart(cart_id: UUID, caller: Anyone, uow: PlainUow, settings: OurSettings) -> Answer[CartView]:
    """Read a cart, repriced."""
    cart = await service.read_cart(uow, cart_id, by=caller)
    return uow.answer(CartView.of(cart, rounding=settings.tax_rounding))


@router.post("/v1/carts/{cart_id}/lines", status_code=201, responses=problems(*CHANGING, NotForSale, NoPrice, CartFull))
async def add_cart_line(
    cart_id: UUID, body: NewLine, caller: Anyone, uow: Uow, settings: OurSettings
) -> Answer[CartView]:
    """Put units of a SKU into a cart."""
    async with uow.if_keyed():
        cart = await service.add_line(uow, cart_id, body.sku, body.quantity, by=caller)
        return uow.answer(CartView.of(cart, rounding=settings.tax_rounding), status=201)


@router.patch("/v1/carts/{cart_id}/lines/{line_id}", responses=problems(*CHANGING, CartLineNotFound))
async def change_cart_line(
    cart_id: UUID, line_id: UUID, body: LineChange, caller: Anyone, uow: PlainUow, settings: OurSettings
) -> Answer[CartView]:
    """Change a line's quantity; 0 takes it out."""
    cart = await service.set_quantity(uow, cart_id, line_id, body.quantity, by=caller)
    return uow.answer(CartView.of(cart, rounding=settings.tax_rounding))


@router.delete("/v1/carts/{cart_id}/lines/{line_id}", responses=problems(*CHANGING, CartLineNotFound))
async def remove_cart_line(
    cart_id: UUID, line_id: UUID, caller: Anyone, uow: PlainUow, settings: OurSettings
) -> Answer[CartView]:
    """Take a line out."""
    cart = await service.set_quantity(uow, cart_id, line_id, 0, by=caller)
    return uow.answer(CartView.of(cart, rounding=settings.tax_rounding))


@router.put("/v1/carts/{cart_id}/addresses", responses=problems(*CHANGING))
async def put_cart_addresses(
    cart_id: UUID, body: CartAddresses, caller: Anyone, uow: PlainUow, settings: OurSettings
) -> Answer[CartView]:
    """Say where the cart goes and who pays."""
    cart = await service.set_addresses(uow, cart_id, body, by=caller)
    return uow.answer(CartView.of(cart, rounding=settings.tax_rounding))


@router.get("/v1/carts/{cart_id}/shipping-options", responses=problems(CartNotFound, NoDestination))
async def list_shipping_options(cart_id: UUID, caller: Anyone, uow: PlainUow) -> Answer[ShippingOptions]:
    """List how the cart can be sent."""
    cart = await service.read_cart(uow, cart_id, by=caller)
    items = [ShippingOptionView.of(option, cart.currency) for option in service.options_of(cart)]
    return uow.answer(ShippingOptions(items=items))


@router.put(
    "/v1/carts/{cart_id}/shipping-option", responses=problems(*CHANGING, NoDestination, ShippingOptionUnavailable)
)
async def choose_shipping_option(
    cart_id: UUID, body: ShippingChoice, caller: Anyone, uow: PlainUow, settings: OurSettings
) -> Answer[CartView]:
    """Choose how the cart is sent."""
    cart = await service.choose_option(uow, cart_id, body.id, by=caller)
    return uow.answer(CartView.of(cart, rounding=settings.tax_rounding))
