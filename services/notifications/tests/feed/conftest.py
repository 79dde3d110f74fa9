"""Whoever reads the log, and a log to read."""

from collections.abc import Awaitable, Callable, Sequence

import pytest

from common.database import Database
from common.testing import Api
from notifications.feed.models import LoggedEvent
from notifications.feed.repository import EventLog

Append = Callable[[Sequence[LoggedEvent]], Awaitable[None]]


@pytest.fixture
def partner(api: Api) -> Api:
    """Somebody who may subscribe, and may not know who people are."""
    return api.as_user(scopes="events:subscribe")


@pytest.fixture
def trusted(api: Api) -> Api:
    """Somebody who may subscribe and may know who people are."""
    return api.as_user(scopes="events:subscribe events:pii")


@pytest.fixture
def append(database: Database) -> Append:
    """Append events to the log in one transaction, as the consumer does."""

    async def in_one(events: Sequence[LoggedEvent]) -> None:
        async with database.uow() as uow:
            await EventLog(uow).append(events)

    return in_one
