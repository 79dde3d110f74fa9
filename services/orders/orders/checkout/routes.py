"""Checkout over HTTP, and what inventory asks about one."""

from typing import Annotated
from uuid import UUID

from fastapi import Depends, Header, Request

from common.auth import Anyone, Caller, requires_service
from common.http import Answer, PlainUow, Router, problems
from common.idempotency import IdempotencyScope
from common.problems import BadRequest, IdempotencyKeyMissing, KeyReused, NotFound, RequestInProgress
from orders.carts.problems import CartChanged, CartCheckingOut, CartClosed, CartNotFound, ShippingOptionUnavailable
from orders.checkout import service
from orders.checkout.finishing import desk_of
from orders.checkout.problems import (
    CartIncomplete,
    CheckoutInterrupted,
    HoldLost,
    LinesUnavailable,
    OutOfStock,
    PaymentDeclined,
    PaymentUnanswered,
    TotalChanged,
    UnknownPaymentToken,
)
from orders.checkout.repository import CheckoutRepository
from orders.checkout.schemas import CheckoutView, NewCheckout
from orders.dependencies import OurRuntime
from orders.ordering.schemas import OrderView
from orders.taxes.problems import NoTaxRate

router = Router(tags=["checkout"])
internal = Router(prefix="/internal", include_in_schema=False)

KEY_LENGTH = 255


async def checkout_scope(
    request: Request,
    cart_id: UUID,
    caller: Anyone,
    key: Annotated[
        str | None, Header(alias="Idempotency-Key", description="Makes a repeated checkout act once (required).")
    ] = None,
) -> IdempotencyScope:
    """Read the key, which a checkout keeps on its own row. Raises IdempotencyKeyMissing, BadRequest, CartNotFound."""
    if key is None:
        raise IdempotencyKeyMissing("Send an Idempotency-Key, such as a new UUID, so that a retry cannot act twice.")
    if not 1 <= len(key) <= KEY_LENGTH or not key.isprintable():
        raise BadRequest(f"Idempotency-Key must be 1 to {KEY_LENGTH} printable characters.")
    if caller.principal is None:
        raise CartNotFound(cart_id)
    return IdempotencyScope.of(
        principal=caller.principal,
        key=key,
        method=request.method,
        path=request.url.path,
        body=await request.body(),
    )


@router.post(
    "/v1/carts/{cart_id}/checkout",
    status_code=201,
    responses=problems(
        IdempotencyKeyMissing, PaymentDeclined, CartNotFound, CartClosed, CartCheckingOut, CartChanged, CartIncomplete,
        LinesUnavailable, ShippingOptionUnavailable, NoTaxRate, TotalChanged, OutOfStock, HoldLost, RequestInProgress,
        KeyReused, UnknownPaymentToken, PaymentUnanswered, CheckoutInterrupted,
    ),
)  # fmt: skip
async def check_out(
    cart_id: UUID,
    body: NewCheckout,
    caller: Anyone,
    scope: Annotated[IdempotencyScope, Depends(checkout_scope)],
    runtime: OurRuntime,
) -> Answer[OrderView]:
    """Turn a cart into an order."""
    return await service.check_out(desk_of(runtime), cart_id, body, scope, by=caller)


class CheckoutNotFound(NotFound):
    """There is no checkout of this id."""

    slug, title = "checkout-not-found", "No such checkout"


@internal.get("/checkouts/{checkout_id}")
async def read_checkout(
    checkout_id: UUID, caller: Annotated[Caller, Depends(requires_service("inventory"))], uow: PlainUow
) -> Answer[CheckoutView]:
    """Say where a checkout stands, for whoever holds stock for it."""
    row = await CheckoutRepository(uow).find(checkout_id)
    if row is None:
        raise CheckoutNotFound(f"There is no checkout {checkout_id}.")
    return uow.answer(CheckoutView(id=row["id"], state=row["state"]))
