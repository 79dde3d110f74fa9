"""Round trips of the log: the one measure of speed that has no noise."""

import json
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from uuid import UUID

import pytest

from common.database import Database, uuid7
from common.events import Event, dataschema_of, serialise
from common.events.contracts.orders import OrderPlaced
from common.testing import Api, StatementCount
from common.testing import TestClock as MovedClock
from notifications.feed.handlers import log_events
from notifications.feed.models import LoggedEvent
from notifications.testing import logged, order_event

Append = Callable[[Sequence[LoggedEvent]], Awaitable[None]]
Statements = Callable[[], AbstractAsyncContextManager[StatementCount]]

BASELINE = json.loads((Path(__file__).parents[1] / "statements.json").read_text())


def placed(clock: MovedClock) -> Event[OrderPlaced]:
    """An order as it comes over Kafka."""
    data = order_event(OrderPlaced)
    return Event(
        id=uuid7(),
        type=data.type,
        source="/services/orders",
        subject=data.subject,
        time=clock.now(),
        sequence=1,
        correlation_id=None,
        causation_id=None,
        traceparent=None,
        data=data,
        dataschema=dataschema_of(OrderPlaced),
        value=serialise(data),
    )


@pytest.mark.parametrize("query", ["", "?types=order.*&limit=1", f"?subject={UUID(int=7)}", "?after=latest"])
async def test_a_page_costs_as_many_round_trips_as_agreed(
    query: str, append: Append, partner: Api, statements: Statements
) -> None:
    await append([logged(), logged("stock.low")])

    async with statements() as count:
        assert (await partner.get(f"/v1/events{query}")).status_code == 200

    assert count.total == BASELINE["list_events"], count.statements


async def test_the_types_cost_as_many_round_trips_as_agreed(partner: Api, statements: Statements) -> None:
    async with statements() as count:
        assert (await partner.get("/v1/event-types")).status_code == 200

    assert count.total == BASELINE["list_event_types"], count.statements


@pytest.mark.parametrize("events", [1, 50])
async def test_a_batch_is_logged_in_as_many_round_trips_as_agreed(
    events: int, database: Database, clock: MovedClock, statements: Statements
) -> None:
    """Whatever its size; the positions are given in its last statement before the commit."""
    batch = [placed(clock) for _ in range(events)]

    async with statements() as count, database.uow() as uow:
        await log_events(batch, uow)

    sent = [each for each in count.statements if not each.startswith("NOTIFY")]  # of a batch before
    assert len(sent) == BASELINE["log_events"], sent
    assert [each.split()[0] for each in sent[-3:]] == ["SELECT", "INSERT", "COMMIT"]
