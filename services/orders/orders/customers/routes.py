"""The address book over HTTP. Everyone has their own: other people's addresses are not there."""

from uuid import UUID

from common.auth import Caller
from common.http import Answer, IfMatch, PlainUow, Router, Uow, etag_of, problems
from common.pagination import Page, Paging
from common.problems import InvalidCursor, PreconditionFailed
from orders.customers import service
from orders.customers.problems import AddressBookFull, AddressNotFound
from orders.customers.repository import AddressRepository
from orders.customers.schemas import AddressBody, AddressView
from orders.dependencies import Customer

router = Router(prefix="/v1/me/addresses", tags=["customers"])


def _own(caller: Caller) -> UUID:
    if caller.customer_id is None:
        raise TypeError("the Customer dependency lets nobody else through")
    return caller.customer_id


@router.get("", responses=problems(InvalidCursor))
async def list_addresses(caller: Customer, page: Paging, uow: PlainUow) -> Answer[Page[AddressView]]:
    """List your addresses."""
    position = page.position(UUID)
    async with uow:
        rows = await AddressRepository(uow, _own(caller)).list(
            after=position[0] if position is not None else None, limit=page.fetch
        )
        shown = Page.of([AddressView.of(row) for row in rows], page.limit, lambda address: (address.id,))
        return uow.answer(shown)


@router.post("", status_code=201, responses=problems(AddressBookFull))
async def add_address(body: AddressBody, caller: Customer, uow: Uow) -> Answer[AddressView]:
    """Keep an address."""
    async with uow:
        row = await service.add_address(uow, body, by=caller, owner=_own(caller))
        headers = {"Location": f"/v1/me/addresses/{row['id']}", "ETag": etag_of(row["version"])}
        return uow.answer(AddressView.of(row), status=201, headers=headers)


@router.get("/{address_id}", responses=problems(AddressNotFound))
async def read_address(address_id: UUID, caller: Customer, uow: PlainUow) -> Answer[AddressView]:
    """Read one of your addresses."""
    async with uow:
        row = await service.read_address(uow, address_id, owner=_own(caller))
        return uow.answer(AddressView.of(row), headers={"ETag": etag_of(row["version"])})


@router.put("/{address_id}", responses=problems(AddressNotFound, PreconditionFailed))
async def replace_address(
    address_id: UUID, body: AddressBody, caller: Customer, expected: IfMatch, uow: PlainUow
) -> Answer[AddressView]:
    """Replace one of your addresses."""
    async with uow:
        row = await service.replace_address(uow, address_id, body, owner=_own(caller), expected=expected)
        return uow.answer(AddressView.of(row), headers={"ETag": etag_of(row["version"])})


@router.delete("/{address_id}", status_code=204, responses=problems(AddressNotFound))
async def delete_address(address_id: UUID, caller: Customer, uow: PlainUow) -> Answer[None]:
    """Forget one of your addresses."""
    async with uow:
        await service.delete_address(uow, address_id, owner=_own(caller))
        return uow.answer(None, status=204)
