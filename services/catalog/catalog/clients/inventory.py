"""What imports ask of inventory: whether a location is there, and to set counted stock."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, cast
from uuid import UUID

from common.http.client import ServiceClient, UpstreamProblem

if TYPE_CHECKING:
    from catalog.settings import Settings
    from common.service import Runtime

MAX_LINES = 500  # in one call
TIMEOUT = 10.0  # seconds; 500 lines are some 100 ms of work there


class LocationUnknownError(LookupError):
    """Inventory has no such location."""

    def __init__(self, location_id: UUID) -> None:
        super().__init__(f"inventory has no location {location_id}")


class StockRefusedError(ValueError):
    """Inventory refuses a batch for good; its reason is the message."""


@dataclass(frozen=True, slots=True)
class StockCount:
    """What was counted of a SKU. ``key`` makes the count take effect once."""

    key: str
    sku: str
    count: int


class Inventory(Protocol):
    """Stock as imports see it. Any call may raise ``common.problems.Unavailable``: try again later."""

    async def has_location(self, location_id: UUID) -> bool:
        """Tell whether there is such a location."""
        ...

    async def set_stock(self, location_id: UUID, lines: Sequence[StockCount], *, reference: str) -> None:
        """Set what is on hand at a location, at most 500 lines; a line that came before has no further effect.

        Raises LocationUnknownError and StockRefusedError.
        """
        ...


class HttpInventory:
    """Inventory over its internal routes."""

    def __init__(self, client: ServiceClient) -> None:
        self._client = client

    async def has_location(self, location_id: UUID) -> bool:
        """Ask inventory."""
        try:
            await self._client.get(f"/internal/locations/{location_id}")
        except UpstreamProblem as problem:
            if problem.status == 404:  # noqa: PLR2004
                return False
            raise StockRefusedError(str(problem)) from problem
        return True

    async def set_stock(self, location_id: UUID, lines: Sequence[StockCount], *, reference: str) -> None:
        """Send one batch; the keys make a repetition harmless."""
        body = {
            "location_id": str(location_id),
            "reason": "import",
            "reference": reference,
            "lines": [{"key": line.key, "sku": line.sku, "count": line.count} for line in lines],
        }
        try:
            await self._client.post("/internal/stock-counts", json=cast("dict[str, object]", body), timeout=TIMEOUT)  # type: ignore[arg-type] # JSON all through
        except UpstreamProblem as problem:
            if problem.status == 404:  # noqa: PLR2004
                raise LocationUnknownError(location_id) from problem
            raise StockRefusedError(str(problem)) from problem


@asynccontextmanager
async def open_inventory(runtime: "Runtime") -> AsyncIterator[Inventory]:
    """Open the process's client of inventory."""
    settings = cast("Settings", runtime.settings)
    async with ServiceClient("inventory", settings.inventory_url, runtime.signer, metrics=runtime.metrics) as client:
        yield HttpInventory(client)
