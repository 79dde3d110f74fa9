"""The service under test, and orders to tell it of."""

from collections.abc import Callable
from datetime import datetime, time, timedelta
from itertools import count
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest

from common.database import uuid7
from common.events.contracts.orders import OrderCancelled, OrderPlaced
from common.service import Service
from common.testing import Api, TestClock
from metrics.app import SERVICE

MakeOrder = Callable[..., OrderPlaced]


@pytest.fixture(scope="session")
def service() -> Service:
    return SERVICE


def _example() -> dict[str, Any]:
    schema: Any = OrderPlaced.model_config["json_schema_extra"]
    example: dict[str, Any] = schema["examples"][0]
    return example


@pytest.fixture
def placed() -> MakeOrder:
    """Make an ``order.placed``: total and lines in minor units; ``known`` tells whether products have the SKUs."""

    def make(
        *,
        total: int = 5000,
        at: datetime,
        channel: str = "web",
        currency: str = "EUR",
        lines: dict[str, tuple[int, int]] | None = None,
        order_id: UUID | None = None,
        known: bool = True,
        **fields: object,
    ) -> OrderPlaced:
        document = _example()["object"]

        def money(amount: int) -> dict[str, Any]:
            return {"amount": amount, "currency": currency}

        parts = [
            dict(document["lines"][0])
            | ({} if known else {"product_id": None, "variant_id": None})
            | {"id": str(uuid7()), "sku": sku, "title": f"A {sku}", "quantity": units}
            | {"unit_price": money(amount // units), "total": money(amount), "tax": money(0)}
            for sku, (units, amount) in (lines or {"MUG-BLUE": (2, total)}).items()
        ]
        order = dict(document) | {
            "id": str(order_id or uuid7()),
            "channel": channel,
            "currency": currency,
            "lines": parts,
            "total": money(total),
            "subtotal": money(total),
            "tax": money(0),
            "shipping": money(0),
            "captured": money(0),
            "placed_at": at.isoformat(),
            "cancelled_at": None,
            **fields,
        }
        return OrderPlaced.model_validate({"object": order, "changed": []})

    return make


@pytest.fixture
def cancelled() -> Callable[[OrderPlaced, datetime], OrderCancelled]:
    """Make the ``order.cancelled`` of an order."""

    def make(order: OrderPlaced, at: datetime) -> OrderCancelled:
        snapshot = order.object.model_copy(update={"status": "cancelled", "cancelled_at": at})
        return OrderCancelled(object=snapshot, changed=["/status"], reason="changed my mind")

    return make


BROWSER = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
SHOP = ZoneInfo("Europe/Berlin")
ADDRESSES = count(1)


class Visit:
    """A visitor's browser: an address of its own, and what it was last answered."""

    def __init__(self, api: Api, channel: str) -> None:
        self._api, self._channel = api, channel
        self.address = f"198.51.{next(ADDRESSES)}.7"
        self.session: str | None = None

    async def send(
        self,
        *names: str,
        url: str = "https://shop.example/mugs?utm_source=News",
        headers: dict[str, str] | None = None,
        **batch: object,
    ) -> dict[str, Any]:
        """Send an event of each of ``names``."""
        events = [{"id": str(uuid7()), "name": name, "url": url} for name in names]
        return await self.send_batch({"events": events, "channel": self._channel} | batch, headers=headers)

    async def send_batch(self, body: dict[str, Any], *, headers: dict[str, str] | None = None) -> dict[str, Any]:
        """Send a batch as it is."""
        said = {"User-Agent": BROWSER, "X-Forwarded-For": self.address} | (headers or {})
        answer = await self._api.post("/v1/collect", json=body, headers=said)
        assert answer.status_code == 202, answer.text
        document: dict[str, Any] = answer.json()
        self.session = document["session_id"]
        return document


MakeVisit = Callable[[], Visit]


@pytest.fixture
def channel(request: pytest.FixtureRequest) -> str:
    """A sales channel that only this test knows, so that its figures are its own."""
    return f"test-{next(ADDRESSES)}"


@pytest.fixture
def visit(api: Api, channel: str) -> MakeVisit:
    """Make a new visitor."""
    return lambda: Visit(api, channel)


@pytest.fixture
def move_to(clock: TestClock) -> Callable[[int, int], datetime]:
    """Move the clock forward to the next time that the shop's wall clock shows, and return the moment."""

    def move(hour: int, minute: int) -> datetime:
        now = clock.now()
        local = datetime.combine(now.astimezone(SHOP).date(), time(hour, minute), SHOP)
        if local <= now:
            local = datetime.combine(local.date() + timedelta(days=1), time(hour, minute), SHOP)
        clock.advance(local - now)
        return local

    return move
