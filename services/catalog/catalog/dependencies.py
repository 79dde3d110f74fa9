"""What routes are given."""

from typing import Annotated

from fastapi import Depends, Request

from catalog.clients.inventory import Inventory
from catalog.querylog.counting import SearchLog
from catalog.resources import Resources
from common.auth import Anyone, Caller, requires
from common.database import UnitOfWork
from common.http import runtime_of

CanWrite = Annotated[Caller, Depends(requires("catalog:write"))]
CanRead = Annotated[Caller, Depends(requires("catalog:read", "catalog:write"))]


async def sees_drafts(caller: Anyone) -> bool:
    """Whether the caller is staff of the catalogue."""
    return caller.has("catalog:read") or caller.has("catalog:write")


SeesDrafts = Annotated[bool, Depends(sees_drafts)]


async def reading_unit_of_work(request: Request) -> UnitOfWork:
    """Make a unit of work for reads that are one statement and do not ask for the time."""
    return runtime_of(request).database.uow()


ReadUow = Annotated[UnitOfWork, Depends(reading_unit_of_work)]


async def shop_currency(request: Request) -> str:
    """The shop's own currency."""
    return runtime_of(request).settings.shop_currency


ShopCurrency = Annotated[str, Depends(shop_currency)]


async def inventory_of(request: Request) -> Inventory:
    """The process's client of inventory."""
    resources: Resources = runtime_of(request).resources
    return resources.inventory


InventoryClient = Annotated[Inventory, Depends(inventory_of)]


async def search_log_of(request: Request) -> SearchLog:
    """Where the process counts searches."""
    resources: Resources = runtime_of(request).resources
    return resources.searches


Searches = Annotated[SearchLog, Depends(search_log_of)]
