"""Tax rates over HTTP: read the table, replace the table."""

from typing import Annotated

from fastapi import Depends

from common.auth import Caller, requires
from common.http import Answer, PlainUow, RequiredIfMatch, Router, etag_of, problems
from common.problems import PreconditionFailed, PreconditionRequired
from orders.taxes.repository import TaxRateRepository
from orders.taxes.schemas import TaxRates

router = Router(tags=["rates"])

CanSeeRates = Annotated[Caller, Depends(requires("orders:read", "orders:write"))]
CanSetRates = Annotated[Caller, Depends(requires("orders:write"))]


@router.get("/v1/tax-rates")
async def read_tax_rates(caller: CanSeeRates, uow: PlainUow) -> Answer[TaxRates]:
    """Read the tax rates."""
    async with uow:
        table, version = await TaxRateRepository(uow).read()
        return uow.answer(table, headers={"ETag": etag_of(version)})


@router.put("/v1/tax-rates", responses=problems(PreconditionFailed, PreconditionRequired))
async def replace_tax_rates(
    body: TaxRates, caller: CanSetRates, expected: RequiredIfMatch, uow: PlainUow
) -> Answer[TaxRates]:
    """Replace the tax rates, all of them at once."""
    async with uow:
        version = await TaxRateRepository(uow).replace(body, expected=expected)
        return uow.answer(body, headers={"ETag": etag_of(version)})
