"""The catalogue under test."""

import csv
import io
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any
from uuid import UUID

import httpx2
import pytest

from catalog.app import SERVICE
from catalog.testing import FakeInventory, product_body
from common.service import Runtime, Service
from common.testing import Api

Json = dict[str, Any]
MakeProduct = Callable[..., Awaitable[Json]]
RunImport = Callable[..., Awaitable[Json]]
Upload = Callable[..., Awaitable[httpx2.Response]]

LOCATION = UUID("019ab3df-0a00-7b00-b1b2-c3d4e5f60718")


@pytest.fixture(scope="session")
def service() -> Service:
    return SERVICE


@pytest.fixture(scope="session")
def service_environment() -> Mapping[str, str]:
    return {"CATALOG_INVENTORY_URL": "http://127.0.0.1:9"}


@pytest.fixture
def staff(api: Api) -> Api:
    """A merchandiser."""
    return api.as_user(scopes="catalog:read catalog:write")


@pytest.fixture
def make_product(staff: Api) -> MakeProduct:
    async def make(**members: Any) -> Json:  # noqa: ANN401 - JSON
        made = await staff.post("/v1/products", json=product_body(**members))
        assert made.status_code == 201, made.text
        product: Json = made.json()
        return product

    return make


@pytest.fixture
def inventory(runtime: Runtime) -> Iterator[FakeInventory]:
    """Inventory with one location, in the place of the real client."""
    fake, kept = FakeInventory(LOCATION), runtime.resources
    runtime.resources = replace(kept, inventory=fake)
    yield fake
    runtime.resources = kept


@pytest.fixture
def upload(staff: Api) -> Upload:
    """Send a file; keyword arguments are the form's other fields."""

    async def send(content: bytes | str, **fields: str) -> httpx2.Response:
        data = {"source": "shopify", "currency": "EUR"} | fields
        body = content.encode() if isinstance(content, str) else content
        return await staff.post("/v1/imports", data=data, files={"file": ("products.csv", body, "text/csv")})

    return send


@pytest.fixture
def run_import(upload: Upload, staff: Api, run_jobs: Callable[[], Awaitable[None]]) -> RunImport:
    """Send a file, run its job, and return the import as it then is."""

    async def run(content: bytes | str, **fields: str) -> Json:
        accepted = await upload(content, **fields)
        assert accepted.status_code == 202, accepted.text
        await run_jobs()
        ended: Json = (await staff.get(accepted.headers["location"])).json()
        return ended

    return run


def csv_text(rows: Iterable[Mapping[str, object]], columns: Sequence[str] | None = None) -> str:
    """Write rows as a spreadsheet would; without ``columns``, those of the first row."""
    rows = list(rows)
    out = io.StringIO(newline="")
    writer = csv.DictWriter(out, columns or list(rows[0]), restval="")
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue()
