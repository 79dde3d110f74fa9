"""A shop for the tests: orders with an inventory in memory, rates, products, and a shopper."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest
import pytest_asyncio

from common.events.contracts.catalog import ProductCreated
from common.service import Runtime, Service
from common.testing import Api
from orders.app import SERVICE
from orders.payments.sandbox import SandboxPaymentProvider
from orders.resources import Resources
from orders.testing import (
    ADDRESS,
    Client,
    FakeInventory,
    MakeOrder,
    MakeProduct,
    MakeShopper,
    Shopper,
    WatchedPayments,
    a_product,
    a_variant,
)

TAX_RATES = {
    "rates": [
        {"country": "DE", "region": None, "class": "standard", "basis_points": 1900, "name": "MwSt"},
        {"country": "DE", "region": None, "class": "reduced", "basis_points": 700, "name": "MwSt"},
        {"country": "US", "region": None, "class": "standard", "basis_points": 0, "name": "No sales tax"},
        {"country": "US", "region": "CA", "class": "standard", "basis_points": 725, "name": "Sales tax"},
    ]
}
STANDARD = {
    "id": "standard",
    "name": "Standard",
    "carrier": "Paketpost",
    "countries": ["DE", "FR"],
    "currency": "EUR",
    "min_weight_grams": 0,
    "max_weight_grams": 2000,
    "price": 490,
    "free_over": 20000,
}
HEAVY = STANDARD | {"id": "heavy", "name": "Heavy", "min_weight_grams": 2001, "max_weight_grams": None, "price": 990}
ABROAD = STANDARD | {"id": "abroad", "countries": ["US"], "max_weight_grams": None, "price": 1990, "free_over": None}


@asynccontextmanager
async def in_memory(runtime: Runtime) -> AsyncIterator[Resources]:
    """Open the service's ports with an inventory in memory."""
    payments = WatchedPayments(SandboxPaymentProvider(runtime.database))
    yield Resources(inventory=FakeInventory(), payments=payments)


@pytest.fixture(scope="session")
def service() -> Service:
    """Orders."""
    return replace(SERVICE, resources=in_memory)


@pytest.fixture(scope="session")
def service_environment() -> Mapping[str, str]:
    """What orders needs beside the common settings; nobody listens there."""
    return {"ORDERS_INVENTORY_URL": "http://127.0.0.1:9", "TEST_CLOCK": "1"}


@pytest.fixture
def inventory(runtime: Runtime) -> Iterator[FakeInventory]:
    """The inventory in memory; its hooks end with the test."""
    held: FakeInventory = runtime.resources.inventory
    yield held
    held.before = held.after = None


@pytest.fixture
def payments(runtime: Runtime) -> Iterator[WatchedPayments]:
    """The payment provider; its hooks end with the test."""
    held: WatchedPayments = runtime.resources.payments
    yield held
    held.before = held.after = None


@pytest.fixture
def staff(api: Api) -> Api:
    """Someone who may do everything with orders."""
    return api.as_user(scopes="orders:read orders:write orders:fulfil")


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def _rates(api: Api) -> None:
    """Rates as every test expects them."""
    staff = api.as_user(scopes="orders:read orders:write")
    for path, table in (("/v1/tax-rates", TAX_RATES), ("/v1/shipping-rates", {"rates": [STANDARD, HEAVY, ABROAD]})):
        etag = (await staff.get(path)).headers["etag"]
        answer = await staff.put(path, json=table, headers={"If-Match": etag})
        assert answer.status_code == 200, answer.text


@pytest.fixture
def make_product(deliver: Callable[..., Awaitable[UUID]]) -> MakeProduct:
    """Let catalog announce a product of one variant: its SKU, then fields of the variant."""

    async def announce(sku: str, *, product: Mapping[str, Any] | None = None, **variant: Any) -> None:  # noqa: ANN401 - fields
        await deliver(ProductCreated(object=a_product(a_variant(sku, **variant), **(product or {})), changed=[]))

    return announce


@pytest.fixture
def make_shopper(api: Api, _rates: None) -> MakeShopper:
    """Make shoppers: SKU to units; guests unless told otherwise, with a cart that has address and shipping."""

    async def make(
        lines: Mapping[str, int] | None = None,
        *,
        ready: bool = True,
        caller: Client | None = None,
        **cart: Any,  # noqa: ANN401 - the body
    ) -> Shopper:
        started = await (caller or api).post("/v1/carts", json=cart)
        assert started.status_code == 201, started.text
        token = started.json()["token"]
        shopper = Shopper(caller or api.as_anonymous(cart_token=token), started.json()["id"])
        for sku, quantity in (lines or {}).items():
            added = await shopper.add(sku, quantity)
            assert added.status_code == 201, added.text
        if ready:
            answer = await shopper.api.put(f"{shopper.path}/addresses", json={"shipping": ADDRESS})
            assert answer.status_code == 200, answer.text
            options = (await shopper.api.get(f"{shopper.path}/shipping-options")).json()["items"]
            answer = await shopper.api.put(f"{shopper.path}/shipping-option", json={"id": options[0]["id"]})
            assert answer.status_code == 200, answer.text
        return shopper

    return make


@pytest.fixture
def make_order(make_shopper: MakeShopper) -> MakeOrder:
    """Make orders: SKU to units; returns the answer of the checkout."""

    async def make(lines: Mapping[str, int], *, caller: Client | None = None) -> dict[str, Any]:
        shopper = await make_shopper(lines, caller=caller)
        answer = await shopper.check_out()
        assert answer.status_code == 201, answer.text
        document: dict[str, Any] = answer.json()
        return document

    return make
