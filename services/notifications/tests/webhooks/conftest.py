"""A partner with a receiver of its own, and a dispatcher that delivers when a test says so."""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any
from uuid import UUID, uuid4

import pytest
import pytest_asyncio

from common.database import Database
from common.testing import Api
from common.testing.receiver import Receiver
from notifications.dependencies import Resources
from notifications.testing import user
from notifications.webhooks.dispatching import Dispatcher

Register = Callable[..., Awaitable[dict[str, Any]]]

EMPTY = "TRUNCATE webhook, delivery, delivery_attempt, event_log, inbox, outbox, message, contact, pgqueuer"


@pytest_asyncio.fixture(loop_scope="session")
async def receiver() -> AsyncIterator[Receiver]:
    """A partner's server: takes everything."""
    async with Receiver() as listening:
        yield listening


@pytest_asyncio.fixture(loop_scope="session", autouse=True)
async def _empty(database: Database) -> AsyncIterator[None]:
    """Leave nothing to the next test: what is left is delivered again."""
    yield
    async with database.acquire() as connection:
        await connection.execute(EMPTY)


@pytest.fixture
def dispatcher(database: Database) -> Dispatcher:
    """The process's own; nothing runs it but the test."""
    return Resources.of(database).dispatcher


@pytest.fixture
def partner(api: Api) -> Api:
    """Somebody who may subscribe and no more."""
    return api.as_user(scopes="events:subscribe", subject=uuid4())


@pytest.fixture
def register(partner: Api, receiver: Receiver) -> Register:
    """Register an endpoint of the partner's; returns it with its secret."""

    async def make(path: str = "/", *, by: Api | None = None, **fields: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON
        body = {"url": receiver.url(path), "types": ["*"]} | fields
        answer = await (by or partner).post("/v1/webhooks", json=body)
        assert answer.status_code == 201, answer.text
        made: dict[str, Any] = answer.json()
        return made

    return make


@pytest.fixture
def make_login(api: Api, deliver: Callable[..., Awaitable[UUID]]) -> Callable[..., Awaitable[Api]]:
    """Make a login known that may subscribe, and speak as it."""

    async def make(email: str) -> Api:
        known = user(email=email, name="A Partner", role="partner", scopes=["events:subscribe"])
        await deliver(known)
        return api.as_user(scopes="events:subscribe", subject=known.object.id)

    return make
