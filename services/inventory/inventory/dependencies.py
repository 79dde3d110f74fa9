"""What routes ask for, and what a process of inventory keeps open."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, cast

from fastapi import Depends

from common.auth import Caller, requires, requires_service
from common.http.client import ServiceClient
from inventory.clients.orders import Checkouts, OrdersCheckouts
from inventory.settings import Settings

if TYPE_CHECKING:
    from common.service import Runtime

CanRead = Annotated[Caller, Depends(requires("inventory:read"))]
CanAdjust = Annotated[Caller, Depends(requires("inventory:adjust"))]
FromOrders = Annotated[Caller, Depends(requires_service("orders"))]
FromCatalog = Annotated[Caller, Depends(requires_service("catalog"))]


@dataclass(frozen=True, slots=True)
class Resources:
    """What a process keeps open beside its database."""

    checkouts: Checkouts


@asynccontextmanager
async def open_resources(runtime: "Runtime") -> AsyncIterator[Resources]:
    """Open the client of orders."""
    settings = cast("Settings", runtime.settings)
    async with ServiceClient("orders", settings.orders_url, runtime.signer, metrics=runtime.metrics) as client:
        yield Resources(checkouts=OrdersCheckouts(client))
