"""Locations over HTTP."""

from uuid import UUID

from common.http import Answer, RequiredIfMatch, Router, Uow, check_version, etag_of, problems
from common.http.dependencies import PlainUow
from common.pagination import Page, Paging
from common.problems import PreconditionFailed, PreconditionRequired, RequestInProgress
from inventory.dependencies import CanAdjust, CanRead, FromCatalog
from inventory.locations.problems import LocationCodeTaken, LocationNotFound
from inventory.locations.repository import LocationRepository
from inventory.locations.schemas import LocationChange, LocationView, NewLocation

router = Router(tags=["locations"])
internal = Router(prefix="/internal", include_in_schema=False)


@router.get("/v1/locations")
async def list_locations(page: Paging, caller: CanRead, uow: PlainUow) -> Answer[Page[LocationView]]:
    """List locations, in the order in which stock is taken from them."""
    rows = await LocationRepository(uow).page(page.position(int, UUID), page.fetch)
    return uow.answer(Page.of(rows, page.limit, lambda location: (location.priority, location.id)))


@router.post("/v1/locations", status_code=201, responses=problems(LocationCodeTaken, RequestInProgress))
async def create_location(body: NewLocation, caller: CanAdjust, uow: Uow) -> Answer[LocationView]:
    """Add a location."""
    async with uow:
        location = await LocationRepository(uow).add(body.model_dump(), at=uow.now)
        headers = {"ETag": etag_of(location.version), "Location": f"/v1/locations/{location.id}"}
        return uow.answer(location, status=201, headers=headers)


@router.get("/v1/locations/{location_id}", responses=problems(LocationNotFound))
async def read_location(location_id: UUID, caller: CanRead, uow: PlainUow) -> Answer[LocationView]:
    """Read a location."""
    location = await LocationRepository(uow).find(location_id)
    return uow.answer(location, headers={"ETag": etag_of(location.version)})


@router.patch(
    "/v1/locations/{location_id}",
    responses=problems(LocationNotFound, LocationCodeTaken, PreconditionFailed, PreconditionRequired),
)
async def change_location(
    location_id: UUID, body: LocationChange, version: RequiredIfMatch, caller: CanAdjust, uow: PlainUow
) -> Answer[LocationView]:
    """Change a location.

    Stock at one that is no longer active stays there, unsold.
    """
    async with uow:
        repository = LocationRepository(uow)
        location = await repository.lock(location_id)
        check_version(version, location.version)
        before = location.model_dump()
        wanted = before | body.given()
        if wanted != before:
            location = await repository.save(location_id, wanted, at=uow.now)
        return uow.answer(location, headers={"ETag": etag_of(location.version)})


@internal.get("/locations/{location_id}")
async def read_location_for_import(location_id: UUID, caller: FromCatalog, uow: PlainUow) -> Answer[LocationView]:
    """Say whether there is such a location, before an import begins to count for it."""
    return uow.answer(await LocationRepository(uow).find(location_id))
