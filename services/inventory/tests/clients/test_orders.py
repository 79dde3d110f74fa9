"""The port to orders: the fake and the HTTP adapter answer alike."""

import asyncio
from collections.abc import AsyncIterator
from uuid import UUID, uuid4

import orjson
import pytest

from common.http.client import ServiceClient
from common.problems import Unavailable
from inventory.clients.orders import Checkouts, CheckoutState, OrdersCheckouts
from inventory.testing import FakeCheckouts

STATES: dict[str, CheckoutState] = {
    "started": "running",
    "reserved": "running",
    "authorised": "running",
    "confirmed": "running",
    "a-later-one": "running",
    "placed": "placed",
    "undone": "undone",
    "failed": "failed",
}
CHECKOUTS = {uuid4(): state for state in STATES}
BROKEN, ELSEWHERE = uuid4(), uuid4()


class NoKey:
    """Signs with nothing: nobody here looks."""

    def token(self, audience: str) -> str:
        """Return a word."""
        return f"for-{audience}"


async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer one request as orders would."""
    path = (await reader.readuntil(b"\r\n\r\n")).split()[1].decode()
    checkout_id = UUID(path.rpartition("/")[2])
    status, body = 404, {"type": "/problems/checkout-not-found"}
    if checkout_id in CHECKOUTS:
        status, body = 200, {"id": str(checkout_id), "state": CHECKOUTS[checkout_id], "more": "1"}
    elif checkout_id == BROKEN:
        status, body = 500, {"type": "/problems/internal-error"}
    elif checkout_id == ELSEWHERE:
        body = {"type": "/problems/not-found"}
    content = orjson.dumps(body)
    kind = "application/problem+json" if status >= 400 else "application/json"
    head = f"HTTP/1.1 {status} x\r\ncontent-type: {kind}\r\ncontent-length: {len(content)}\r\nconnection: close\r\n\r\n"
    writer.write(head.encode() + content)
    await writer.drain()
    writer.close()


@pytest.fixture(params=["http", "fake"])
async def checkouts(request: pytest.FixtureRequest) -> AsyncIterator[Checkouts]:
    if request.param == "fake":
        fake = FakeCheckouts()
        fake.states = {checkout_id: STATES[state] for checkout_id, state in CHECKOUTS.items()}
        yield fake
        return
    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server, ServiceClient("orders", f"http://127.0.0.1:{port}", NoKey()) as client:
        yield OrdersCheckouts(client)


async def test_every_state_is_understood(checkouts: Checkouts) -> None:
    for checkout_id, state in CHECKOUTS.items():
        assert await checkouts.state_of(checkout_id) == STATES[state]


async def test_a_checkout_that_never_was_is_unknown(checkouts: Checkouts) -> None:
    assert await checkouts.state_of(uuid4()) == "unknown"


@pytest.mark.parametrize("checkout_id", [BROKEN, ELSEWHERE])
async def test_trouble_or_a_404_of_someone_else_is_no_answer(checkouts: Checkouts, checkout_id: UUID) -> None:
    if isinstance(checkouts, FakeCheckouts):
        checkouts.away = True
    with pytest.raises(Unavailable):
        await checkouts.state_of(checkout_id)
