"""Shipping rates over HTTP: read the table, replace the table."""

from typing import Annotated

from fastapi import Depends

from common.auth import Caller, requires
from common.http import Answer, PlainUow, RequiredIfMatch, Router, etag_of, problems
from common.problems import PreconditionFailed, PreconditionRequired
from orders.shipping.repository import ShippingRateRepository
from orders.shipping.schemas import ShippingRates

router = Router(tags=["rates"])

CanSeeRates = Annotated[Caller, Depends(requires("orders:read", "orders:write"))]
CanSetRates = Annotated[Caller, Depends(requires("orders:write"))]


@router.get("/v1/shipping-rates")
async def read_shipping_rates(caller: CanSeeRates, uow: PlainUow) -> Answer[ShippingRates]:
    """Read the shipping rates."""
    async with uow:
        table, version = await ShippingRateRepository(uow).read()
        return uow.answer(table, headers={"ETag": etag_of(version)})


@router.put("/v1/shipping-rates", responses=problems(PreconditionFailed, PreconditionRequired))
async def replace_shipping_rates(
    body: ShippingRates, caller: CanSetRates, expected: RequiredIfMatch, uow: PlainUow
) -> Answer[ShippingRates]:
    """Replace the shipping rates, all of them at once."""
    async with uow:
        version = await ShippingRateRepository(uow).replace(body, expected=expected)
        return uow.answer(body, headers={"ETag": etag_of(version)})
