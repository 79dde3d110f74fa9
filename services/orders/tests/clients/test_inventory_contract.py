"""What orders relies on of inventory: the fake and the HTTP adapter do the same.

The adapter speaks to a small server that answers as inventory's internal routes do, from the fake's own books.
"""

import asyncio
import socket
from collections.abc import AsyncIterator
from datetime import timedelta
from uuid import UUID, uuid4

import orjson
import pytest
import pytest_asyncio
import uvicorn
from fastapi import FastAPI, Request, Response

from common.http.client import ServiceClient
from common.problems import Unavailable
from orders.clients.inventory import (
    AlreadyAllocatedError,
    HoldGoneError,
    HttpInventory,
    Inventory,
    NotEnoughStockError,
    Shortage,
    Wanted,
)
from orders.testing import FakeInventory, away

TTL = timedelta(minutes=15)


class NoSigner:
    """The small server asks for no token."""

    def token(self, audience: str) -> str:
        """Give any."""
        return f"for {audience}"


def refusal(slug: str, **extra: object) -> Response:
    document = {"type": f"/problems/{slug}", "status": 409, "detail": slug} | extra
    return Response(orjson.dumps(document), status_code=409, media_type="application/problem+json")


def server_of(books: FakeInventory) -> FastAPI:
    """Answer as inventory does."""
    app = FastAPI()

    @app.post("/internal/reservations")
    async def reserve(request: Request) -> Response:
        body = await request.json()
        assert body["ttl_seconds"] == TTL.total_seconds()
        wanted = [Wanted(line["sku"], line["quantity"]) for line in body["lines"]]
        assert len({line.sku for line in wanted}) == len(wanted)
        try:
            await books.reserve(UUID(body["id"]), wanted, ttl=TTL)
        except NotEnoughStockError as error:
            lines = [{"sku": each.sku, "asked": each.asked, "available": each.available} for each in error.shortages]
            return refusal("out-of-stock", lines=lines)
        except HoldGoneError:
            return refusal("reservation-gone")
        except Unavailable:
            return Response(status_code=503)
        return Response(orjson.dumps({"id": body["id"], "state": "held"}), media_type="application/json")

    @app.post("/internal/reservations/{key}/confirm")
    async def confirm(key: UUID) -> Response:
        try:
            await books.confirm(key)
        except HoldGoneError:
            return refusal("reservation-gone")
        return Response(orjson.dumps({"id": str(key), "state": "confirmed"}), media_type="application/json")

    @app.post("/internal/reservations/{key}/release")
    async def release(key: UUID) -> Response:
        try:
            await books.release(key)
        except AlreadyAllocatedError:
            return refusal("reservation-allocated")
        return Response(orjson.dumps({"id": str(key), "state": "released"}), media_type="application/json")

    return app


@pytest.fixture
def books() -> FakeInventory:
    """Ten units of SCARCE."""
    return FakeInventory(stock={"SCARCE": 10})


@pytest_asyncio.fixture(params=["fake", "http"])
async def inventory(request: pytest.FixtureRequest, books: FakeInventory) -> AsyncIterator[Inventory]:
    """Each adapter in turn."""
    if request.param == "fake":
        yield books
        return
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        server = uvicorn.Server(uvicorn.Config(server_of(books), log_config=None, lifespan="off"))
        task = asyncio.create_task(server.serve(sockets=[listening]))
        url = f"http://127.0.0.1:{listening.getsockname()[1]}"
        async with ServiceClient("inventory", url, NoSigner()) as client:
            yield HttpInventory(client, timeout_seconds=5)
        server.should_exit = True
        await task


async def hold(inventory: Inventory, quantity: int) -> UUID:
    key = uuid4()
    await inventory.reserve(key, [Wanted("SCARCE", quantity)], ttl=TTL)
    return key


async def test_lines_of_one_sku_are_summed(inventory: Inventory) -> None:
    with pytest.raises(NotEnoughStockError) as refused:
        await inventory.reserve(uuid4(), [Wanted("SCARCE", 6), Wanted("A", 1), Wanted("SCARCE", 6)], ttl=TTL)
    assert refused.value.shortages == (Shortage("SCARCE", 12, 10),)


async def test_all_lines_are_held_or_none(inventory: Inventory, books: FakeInventory) -> None:
    with pytest.raises(NotEnoughStockError):
        await inventory.reserve(uuid4(), [Wanted("OTHER", 1), Wanted("SCARCE", 11)], ttl=TTL)
    assert books.held("OTHER") == 0


async def test_the_same_key_holds_once(inventory: Inventory) -> None:
    key = await hold(inventory, 6)
    await inventory.reserve(key, [Wanted("SCARCE", 6)], ttl=TTL)
    await hold(inventory, 4)
    with pytest.raises(NotEnoughStockError):
        await hold(inventory, 1)


async def test_a_hold_can_be_confirmed_and_given_back_any_number_of_times(inventory: Inventory) -> None:
    key = await hold(inventory, 10)
    for _ in range(2):
        await inventory.confirm(key)
    for _ in range(2):
        await inventory.release(key)
    await hold(inventory, 10)


async def test_what_was_released_is_gone_for_good(inventory: Inventory) -> None:
    key = uuid4()
    await inventory.release(key)  # nobody had heard of it
    with pytest.raises(HoldGoneError):
        await inventory.reserve(key, [Wanted("SCARCE", 1)], ttl=TTL)
    with pytest.raises(HoldGoneError):
        await inventory.confirm(key)


async def test_what_is_an_orders_stock_is_not_released(inventory: Inventory, books: FakeInventory) -> None:
    key = await hold(inventory, 1)
    books.allocated.add(key)
    with pytest.raises(AlreadyAllocatedError):
        await inventory.release(key)


async def test_silence_is_unavailable(inventory: Inventory, books: FakeInventory) -> None:
    books.before = away("reserve")
    with pytest.raises(Unavailable):
        await hold(inventory, 1)
