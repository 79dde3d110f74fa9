"""The port to inventory: hold stock for a checkout, make the hold last, give it back.

Each call goes by the checkout's id, which is the order's to be, and may be repeated.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol
from uuid import UUID

from pydantic import JsonValue

from common.http.client import ServiceClient, UpstreamProblem
from common.problems import Unavailable


@dataclass(frozen=True, slots=True)
class Wanted:
    """Units of a SKU to hold."""

    sku: str
    quantity: int


@dataclass(frozen=True, slots=True)
class Shortage:
    """A SKU of which there is not enough."""

    sku: str
    asked: int
    available: int


class NotEnoughStockError(Exception):
    """At least one line cannot be held whole, so none is."""

    def __init__(self, shortages: Sequence[Shortage]) -> None:
        super().__init__(", ".join(f"{each.sku}: {each.asked} asked, {each.available} there" for each in shortages))
        self.shortages = tuple(shortages)


class HoldGoneError(Exception):
    """The hold has expired or was given back; nothing is held under this key, nor ever will be."""


class AlreadyAllocatedError(Exception):
    """The hold became an order's stock; it is given back by cancelling the order."""


class Inventory(Protocol):
    """What a checkout asks of inventory. Every call raises Unavailable when it is not answered."""

    async def reserve(self, key: UUID, lines: Sequence[Wanted], *, ttl: timedelta) -> None:
        """Hold all lines or none. Raises NotEnoughStock, and HoldGone after a release."""
        ...

    async def confirm(self, key: UUID) -> None:
        """Make the hold last beyond its time. Raises HoldGone."""
        ...

    async def release(self, key: UUID) -> None:
        """Give the hold back; an unknown key is remembered: a late reserve is refused. Raises AlreadyAllocated."""
        ...


def summed(lines: Iterable[Wanted]) -> list[Wanted]:
    """Add up the lines of one SKU, since each would be checked against the same stock."""
    units: Counter[str] = Counter()
    for line in lines:
        units[line.sku] += line.quantity
    return [Wanted(sku, units[sku]) for sku in sorted(units)]


class HttpInventory:
    """Inventory over its internal routes.

    The keys let the client repeat a call that broke off; the routes are idempotent by the reservation's id.
    """

    def __init__(self, client: ServiceClient, *, timeout_seconds: float) -> None:
        self._client = client
        self._timeout = timeout_seconds

    async def reserve(self, key: UUID, lines: Sequence[Wanted], *, ttl: timedelta) -> None:
        """Ask for a hold."""
        body: JsonValue = {
            "id": str(key),
            "lines": [{"sku": line.sku, "quantity": line.quantity} for line in summed(lines)],
            "ttl_seconds": int(ttl.total_seconds()),
        }
        try:
            await self._client.post("/internal/reservations", json=body, key=str(key), timeout=self._timeout)
        except UpstreamProblem as refused:
            match refused.slug:
                case "out-of-stock":
                    raise NotEnoughStockError(_shortages(refused)) from refused
                case "reservation-gone":
                    raise HoldGoneError(str(key)) from refused
                case _:
                    raise Unavailable(f"Inventory refused to hold stock: {refused}.") from refused

    async def confirm(self, key: UUID) -> None:
        """Confirm the hold."""
        path = f"/internal/reservations/{key}/confirm"
        try:
            await self._client.post(path, key=f"confirm-{key}", timeout=self._timeout)
        except UpstreamProblem as refused:
            if refused.slug in {"reservation-gone", "reservation-not-found"}:
                raise HoldGoneError(str(key)) from refused
            raise Unavailable(f"Inventory refused to confirm a hold: {refused}.") from refused

    async def release(self, key: UUID) -> None:
        """Release the hold."""
        path = f"/internal/reservations/{key}/release"
        try:
            await self._client.post(path, key=f"release-{key}", timeout=self._timeout)
        except UpstreamProblem as refused:
            if refused.slug == "reservation-allocated":
                raise AlreadyAllocatedError(str(key)) from refused
            raise Unavailable(f"Inventory refused to release a hold: {refused}.") from refused


def _shortages(refused: UpstreamProblem) -> list[Shortage]:
    return [Shortage(line["sku"], line["asked"], line["available"]) for line in refused.body.get("lines", [])]
