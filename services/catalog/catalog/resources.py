"""What a process of the catalogue holds besides its database: a way to inventory, and the searches to be counted."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from catalog.clients.inventory import Inventory, open_inventory
from catalog.querylog.counting import SearchLog

if TYPE_CHECKING:
    from common.service import Runtime


@dataclass(frozen=True, kw_only=True)
class Resources:
    """Ports and their adapters."""

    inventory: Inventory
    searches: SearchLog


@asynccontextmanager
async def open_resources(runtime: "Runtime") -> AsyncIterator[Resources]:
    """Open what the settings name; at the end, write down the searches counted."""
    searches = SearchLog(runtime.database, zone=runtime.settings.shop_time_zone)
    async with open_inventory(runtime) as inventory:
        try:
            yield Resources(inventory=inventory, searches=searches)
        finally:
            await searches.close()
