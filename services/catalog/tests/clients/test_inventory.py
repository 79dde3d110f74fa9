"""Inventory's client and its fake keep one contract."""

from collections.abc import AsyncIterator
from uuid import UUID, uuid4

import orjson
import pytest

from catalog.clients.inventory import HttpInventory, Inventory, LocationUnknownError, StockCount, StockRefusedError
from catalog.testing import FakeInventory
from common.http.client import ServiceClient
from common.problems import Unavailable
from common.testing.upstream import Drop, Say, Upstream, upstream

KNOWN, UNKNOWN = uuid4(), uuid4()
LINES = [StockCount("import:2", "MUG", 5)]


class NoSigner:
    """Signs nothing; the server of this test asks for nothing."""

    def token(self, audience: str) -> str:
        return f"token for {audience}"


@pytest.fixture
async def server() -> AsyncIterator[Upstream]:
    async with upstream() as started:
        yield started


@pytest.fixture
async def http(server: Upstream) -> AsyncIterator[HttpInventory]:
    async with ServiceClient("inventory", server.url, NoSigner()) as client:
        yield HttpInventory(client)


def prepared(server: Upstream, location: UUID) -> None:
    server.says = [Say(json={}) if location == KNOWN else Say(status=404, problem="location-not-found")]


@pytest.mark.parametrize("kind", ["fake", "http"])
async def test_a_location_is_there_or_not(kind: str, http: HttpInventory, server: Upstream) -> None:
    inventory: Inventory = FakeInventory(KNOWN) if kind == "fake" else http
    for location in (KNOWN, UNKNOWN):
        prepared(server, location)
        assert await inventory.has_location(location) is (location == KNOWN)


@pytest.mark.parametrize("kind", ["fake", "http"])
async def test_stock_of_an_unknown_location_is_refused(kind: str, http: HttpInventory, server: Upstream) -> None:
    inventory: Inventory = FakeInventory(KNOWN) if kind == "fake" else http
    prepared(server, KNOWN)
    await inventory.set_stock(KNOWN, LINES, reference="import")
    prepared(server, UNKNOWN)
    with pytest.raises(LocationUnknownError):
        await inventory.set_stock(UNKNOWN, LINES, reference="import")


async def test_counts_travel_as_inventory_reads_them(http: HttpInventory, server: Upstream) -> None:
    server.says = [Say(json={"applied": 1, "repeated": 0})]
    await http.set_stock(KNOWN, LINES, reference="import")
    (request,) = server.requests
    assert (request.method, request.path) == ("POST", "/internal/stock-counts")
    assert orjson.loads(request.body) == {
        "location_id": str(KNOWN),
        "reason": "import",
        "reference": "import",
        "lines": [{"key": "import:2", "sku": "MUG", "count": 5}],
    }


async def test_a_refusal_is_final_and_silence_is_not(http: HttpInventory, server: Upstream) -> None:
    server.says = [Say(status=422, problem="invalid-input")]
    with pytest.raises(StockRefusedError):
        await http.set_stock(KNOWN, LINES, reference="import")
    server.says = [Drop]
    with pytest.raises(Unavailable):
        await http.set_stock(KNOWN, LINES, reference="import")
