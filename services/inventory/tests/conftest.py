"""Inventory under test: its service, and the ordinary ways to get stock into it."""

from collections.abc import Awaitable, Callable, Mapping
from uuid import UUID, uuid4

import pytest

from common.service import Runtime, Service
from common.testing import Api
from inventory.app import SERVICE
from inventory.dependencies import Resources
from inventory.testing import FakeCheckouts

MakeLocation = Callable[..., Awaitable[UUID]]
SetStock = Callable[..., Awaitable[None]]
Figures = Callable[[str], Awaitable[dict[str, int]]]


@pytest.fixture(scope="session")
def service() -> Service:
    return SERVICE


@pytest.fixture(scope="session")
def service_environment() -> Mapping[str, str]:
    return {"INVENTORY_ORDERS_URL": "http://127.0.0.1:9"}


@pytest.fixture
def staff(api: Api) -> Api:
    """Someone from the warehouse."""
    return api.as_user(scopes="inventory:read inventory:adjust", subject="warehouse-1")


@pytest.fixture
def orders(api: Api) -> Api:
    """The orders service."""
    return api.as_service("orders")


@pytest.fixture
def checkouts(runtime: Runtime) -> FakeCheckouts:
    """What orders would say of its checkouts."""
    fake = FakeCheckouts()
    runtime.resources = Resources(checkouts=fake)
    return fake


@pytest.fixture
def make_location(staff: Api) -> MakeLocation:
    async def make(*, priority: int = 100, active: bool = True) -> UUID:
        body = {
            "name": "Warehouse",
            "code": f"W{uuid4().hex[:12].upper()}",
            "country": "DE",
            "priority": priority,
            "active": active,
        }
        made = await staff.post("/v1/locations", json=body)
        assert made.status_code == 201, made.text
        return UUID(made.json()["id"])

    return make


@pytest.fixture
def set_stock(staff: Api) -> SetStock:
    async def set_to(sku: str, count: int, location_id: UUID, *, reorder_point: int | None = None) -> None:
        body = {"location_id": str(location_id), "count": count, "reason": "stock-taking"}
        counted = await staff.post(f"/v1/stock/{sku}/adjustments", json=body)
        assert counted.status_code == 201, counted.text
        if reorder_point is not None:
            point = {"location_id": str(location_id), "reorder_point": reorder_point}
            assert (await staff.put(f"/v1/stock/{sku}/reorder-point", json=point)).status_code == 200

    return set_to


@pytest.fixture
def figures(staff: Api) -> Figures:
    """A SKU's totals."""

    async def read(sku: str) -> dict[str, int]:
        answer = await staff.get(f"/v1/stock/{sku}")
        assert answer.status_code == 200, answer.text
        totals: dict[str, int] = answer.json()["totals"]
        return totals

    return read


@pytest.fixture
def sku() -> str:
    """A SKU of the test's own."""
    return f"SKU-{uuid4().hex[:10]}"
