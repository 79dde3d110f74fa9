"""Factories and fakes for tests. Production code does not import it."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol
from uuid import UUID

from common.database import uuid7
from common.events.contracts.catalog import ProductSnapshot, VariantSnapshot
from common.money import Money
from common.problems import Unavailable
from orders.clients.inventory import (
    AlreadyAllocatedError,
    HoldGoneError,
    NotEnoughStockError,
    Shortage,
    Wanted,
    summed,
)
from orders.payments.provider import Charge, PaymentProvider

LATER = datetime(2026, 11, 24, 9, tzinfo=UTC)


def a_variant(sku: str, **changes: Any) -> VariantSnapshot:  # noqa: ANN401 - fields of the snapshot
    """Make a variant: 19.99 EUR, 500 g, standard rate, sent in a parcel."""
    ordinary: dict[str, Any] = {
        "id": uuid7(),
        "sku": sku,
        "barcode": None,
        "title": "Blue",
        "options": {"Colour": "Blue"},
        "prices": [Money(amount=1999, currency="EUR")],
        "weight_grams": 500,
        "tax_class": "standard",
        "position": 1,
        "requires_shipping": True,
    }
    return VariantSnapshot(**(ordinary | changes))


def a_product(*variants: VariantSnapshot, **changes: Any) -> ProductSnapshot:  # noqa: ANN401 - fields of the snapshot
    """Make a product that is published on ``web``."""
    product_id = uuid7()
    ordinary: dict[str, Any] = {
        "id": product_id,
        "handle": f"mug-{product_id.hex[-12:]}",
        "title": "Mug",
        "description": "",
        "status": "published",
        "vendor": None,
        "product_type": None,
        "tags": [],
        "channels": ["web"],
        "category_ids": [],
        "categories": [],
        "options": [],
        "attributes": [],
        "media": [],
        "variants": list(variants),
        "version": 1,
        "created_at": LATER,
        "updated_at": LATER,
        "published_at": LATER,
    }
    return ProductSnapshot(**(ordinary | changes))


@dataclass
class FakeInventory:
    """Inventory in memory: plenty of everything but what ``stock`` limits. Passes the contract of the real adapter.

    ``before`` and ``after`` are called with a call's name around its effect, and may raise: a call that never arrived,
    or an answer that was lost.
    """

    stock: dict[str, int] = field(default_factory=dict)
    holds: dict[UUID, dict[str, int]] = field(default_factory=dict)
    confirmed: set[UUID] = field(default_factory=set)
    gone: set[UUID] = field(default_factory=set)
    allocated: set[UUID] = field(default_factory=set)
    before: Callable[[str], Awaitable[None]] | None = None
    after: Callable[[str], Awaitable[None]] | None = None

    @property
    def plentiful(self) -> int:
        """Stock of a SKU that nobody limited."""
        return 1_000_000

    def held(self, sku: str) -> int:
        """Units held of a SKU."""
        return sum(units.get(sku, 0) for units in self.holds.values())

    async def _around(self, hook: Callable[[str], Awaitable[None]] | None, name: str) -> None:
        await asyncio.sleep(0)
        if hook is not None:
            await hook(name)

    async def reserve(self, key: UUID, lines: Sequence[Wanted], *, ttl: timedelta) -> None:
        """Hold all or none."""
        await self._around(self.before, "reserve")
        if key in self.gone:
            raise HoldGoneError(str(key))
        if key not in self.holds:
            wanted = summed(lines)
            short = [
                Shortage(line.sku, line.quantity, available)
                for line in wanted
                if (available := self.stock.get(line.sku, self.plentiful) - self.held(line.sku)) < line.quantity
            ]
            if short:
                raise NotEnoughStockError(short)
            self.holds[key] = {line.sku: line.quantity for line in wanted}
        await self._around(self.after, "reserve")

    async def confirm(self, key: UUID) -> None:
        """Make it last."""
        await self._around(self.before, "confirm")
        if key not in self.holds:
            raise HoldGoneError(str(key))
        self.confirmed.add(key)
        await self._around(self.after, "confirm")

    async def release(self, key: UUID) -> None:
        """Give it back, or remember the key."""
        await self._around(self.before, "release")
        if key in self.allocated:
            raise AlreadyAllocatedError(str(key))
        self.holds.pop(key, None)
        self.confirmed.discard(key)
        self.gone.add(key)
        await self._around(self.after, "release")


@dataclass
class WatchedPayments:
    """A provider with hooks around its calls, as FakeInventory has them."""

    provider: PaymentProvider
    before: Callable[[str], Awaitable[None]] | None = None
    after: Callable[[str], Awaitable[None]] | None = None

    @property
    def method(self) -> str:
        """The provider's."""
        return self.provider.method

    def understands(self, token: str) -> bool:
        """Ask the provider."""
        return self.provider.understands(token)

    async def _around(self, hook: Callable[[str], Awaitable[None]] | None, name: str) -> None:
        if hook is not None:
            await hook(name)

    async def authorise(self, key: UUID, amount: Money, token: str) -> Charge:
        """Pass on."""
        await self._around(self.before, "authorise")
        charge = await self.provider.authorise(key, amount, token)
        await self._around(self.after, "authorise")
        return charge

    async def capture(self, key: UUID, charge: UUID, amount: Money) -> None:
        """Pass on."""
        await self._around(self.before, "capture")
        await self.provider.capture(key, charge, amount)
        await self._around(self.after, "capture")

    async def void(self, key: UUID) -> None:
        """Pass on."""
        await self._around(self.before, "void")
        await self.provider.void(key)
        await self._around(self.after, "void")

    async def find(self, key: UUID) -> Charge | None:
        """Pass on."""
        await self._around(self.before, "find")
        return await self.provider.find(key)


class Killed(BaseException):
    """The process died here: nobody catches it, nothing is tidied up."""


def away(*names: str) -> Callable[[str], Awaitable[None]]:
    """Make a hook under which the calls named are not answered."""

    async def refuse(name: str) -> None:
        if name in names:
            raise Unavailable(f"{name} was told to be away.")

    return refuse


def killed(at: str) -> Callable[[str], Awaitable[None]]:
    """Make a hook that ends the run at the call ``at``."""

    async def end(name: str) -> None:
        if name == at:
            raise Killed(name)

    return end


ADDRESS = {
    "name": "Ada Lovelace",
    "line1": "Hauptstraße 1",
    "line2": None,
    "city": "Berlin",
    "region": None,
    "postal_code": "10115",
    "country": "DE",
}
MakeProduct = Callable[..., Awaitable[None]]


class Client(Protocol):
    """The test's client, speaking as somebody."""

    async def get(self, path: str, **options: Any) -> Any: ...  # noqa: ANN401 - httpx's own

    async def post(self, path: str, **options: Any) -> Any: ...  # noqa: ANN401 - httpx's own

    async def put(self, path: str, **options: Any) -> Any: ...  # noqa: ANN401 - httpx's own

    async def patch(self, path: str, **options: Any) -> Any: ...  # noqa: ANN401 - httpx's own

    async def delete(self, path: str, **options: Any) -> Any: ...  # noqa: ANN401 - httpx's own

    async def request(self, method: str, path: str, **options: Any) -> Any: ...  # noqa: ANN401 - httpx's own


@dataclass
class Shopper:
    """Somebody with a cart."""

    api: Client
    cart_id: str

    @property
    def path(self) -> str:
        """The cart's."""
        return f"/v1/carts/{self.cart_id}"

    async def cart(self) -> dict[str, Any]:
        """Read the cart."""
        answer = await self.api.get(self.path)
        answer.raise_for_status()
        document: dict[str, Any] = answer.json()
        return document

    async def add(self, sku: str, quantity: int = 1) -> Any:  # noqa: ANN401 - the client's response
        """Put units in."""
        return await self.api.post(f"{self.path}/lines", json={"sku": sku, "quantity": quantity})

    async def check_out(self, token: str = "approve", *, key: str | None = None, **body: Any) -> Any:  # noqa: ANN401, S107 - the body
        """Check out."""
        content = {"email": "ada@example.com", "payment": {"method": "test", "token": token}} | body
        headers = {} if key is None else {"Idempotency-Key": key}
        return await self.api.post(f"{self.path}/checkout", json=content, headers=headers)


class MakeShopper(Protocol):
    """Makes shoppers, ready to check out unless told otherwise."""

    async def __call__(
        self,
        lines: Mapping[str, int] | None = None,
        *,
        ready: bool = True,
        caller: Client | None = None,
        **cart: Any,  # noqa: ANN401 - the body
    ) -> Shopper: ...


class MakeOrder(Protocol):
    """Makes orders the long way, through cart and checkout."""

    async def __call__(self, lines: Mapping[str, int], *, caller: Client | None = None) -> dict[str, Any]: ...


class Probe(Protocol):
    """The test's look into the outbox."""

    async def events(self, *types: str, key: UUID | str | None = None) -> Sequence[Any]: ...


async def told(probe: Probe, event_type: str, key: UUID | str) -> list[Any]:
    """Return what was announced of one type about one aggregate, oldest first, as the type's own events."""
    return list(await probe.events(event_type, key=key))
