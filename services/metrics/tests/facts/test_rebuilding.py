"""What is computed anew from the facts is what was booked as they came."""

import asyncio
import random
from argparse import Namespace
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from common.database import Database, uuid7
from common.events import Event
from common.events.contracts.orders import OrderCancelled, OrderPlaced
from common.invariants import run_invariants
from common.service import Runtime
from common.testing.suite import until
from metrics.app import SERVICE
from metrics.facts.handlers import keep_facts
from metrics.facts.rebuilding import rebuild_sales, rebuild_sessions
from metrics.rebuild import REBUILD

MakeVisit = Callable[[], Any]
MakeOrder = Callable[..., OrderPlaced]
Cancel = Callable[[OrderPlaced, datetime], OrderCancelled]
Deliver = Callable[..., Awaitable[UUID]]

TABLES = {
    "sales": "bucket, channel, currency",
    "product_sales": "bucket, channel, currency, sku",
    "session": "id",
}
DAMAGE = (
    "UPDATE sales SET gross = gross + 1, units = 0 WHERE channel = 'web'",
    "DELETE FROM sales WHERE channel = 'app'",
    "INSERT INTO sales VALUES ('1999-01-01 00:15Z', 'ghost', 'EUR', 1, 1, 1, 0, 0)",
    "UPDATE product_sales SET title = 'changed', returned_units = 9 WHERE currency = 'EUR'",
    "DELETE FROM product_sales WHERE currency = 'USD'",
    "UPDATE session SET orders = 7, events = 0, page_views = 99, carted = NOT carted",
)

WAITS = "SELECT FROM pg_locks WHERE relation = 'sales'::regclass AND mode = 'ShareRowExclusiveLock' AND NOT granted"


async def figures(database: Database) -> dict[str, list[tuple[object, ...]]]:
    return {
        table: [
            tuple(row.values())
            for row in await database.uow().single(f"SELECT * FROM {table} ORDER BY {key}")  # noqa: S608 - ours
        ]
        for table, key in TABLES.items()
    }


@pytest.fixture
async def booked(
    database: Database, visit: MakeVisit, deliver: Deliver, placed: MakeOrder, cancelled: Cancel
) -> dict[str, list[tuple[object, ...]]]:
    """Half a day of orders, returns, cancellations and visits, in no order."""
    chance = random.Random(7)  # noqa: S311 - the same each time
    visitors = [visit() for _ in range(5)]
    for visitor in visitors:
        await visitor.send(*chance.choices(["page_view", "add_to_cart", "search"], k=chance.randint(1, 4)))
    for number in range(60):
        order = placed(
            at=datetime(2025, 3, 1, 8, tzinfo=UTC) + timedelta(minutes=chance.randint(0, 600)),
            total=chance.randint(1, 9999),
            channel=chance.choice(["web", "app"]),
            currency=chance.choice(["EUR", "USD"]),
            lines={
                f"SKU-{each}": (chance.randint(1, 9), chance.randint(1, 999)) for each in chance.sample(range(6), 3)
            },
            known=chance.random() > 0.3,
            kind="return" if chance.random() < 0.2 else "sale",
            session_id=chance.choice([None, "unknown", *(visitor.session for visitor in visitors)]),
        )
        line = order.object.lines[0].model_copy(update={"title": f"As called {number % 3}"})
        order = OrderPlaced(
            object=order.object.model_copy(update={"lines": [line, *order.object.lines[1:]]}), changed=[]
        )
        events = [order, cancelled(order, order.object.placed_at + timedelta(hours=3))]
        for event in chance.sample(events, k=chance.randint(1, 2)):
            await deliver(event)
    return await figures(database)


@pytest.mark.parametrize("at_once", [1, 7, 2_000])
async def test_a_rebuild_writes_what_was_booked(
    booked: dict[str, list[tuple[object, ...]]], database: Database, at_once: int
) -> None:
    assert all(booked.values())
    for statement in DAMAGE:
        await database.uow().single(statement)
    assert await figures(database) != booked
    await rebuild_sales(database, at_once=at_once)
    await rebuild_sessions(database, at_once=at_once)
    assert await figures(database) == booked
    assert await run_invariants(database, SERVICE.invariants) == []


async def test_the_command_rebuilds(
    booked: dict[str, list[tuple[object, ...]]],
    database: Database,
    runtime: Runtime,
    capsys: pytest.CaptureFixture[str],
) -> None:
    await database.uow().single("DELETE FROM sales")
    assert await REBUILD.run(runtime.settings, Namespace()) == 0
    assert await figures(database) == booked
    assert f"and {len(booked['session'])} visits written anew" in capsys.readouterr().err


async def test_the_consumer_may_run_meanwhile(database: Database, runtime: Runtime, placed: MakeOrder) -> None:
    """A batch in hand is waited for; then its facts are all seen, and counted once."""
    order = placed(at=datetime(2025, 4, 1, 8, tzinfo=UTC), total=111, channel="meanwhile")
    event = Event(
        id=uuid7(),
        type=order.type,
        source="/services/orders",
        subject=order.subject,
        time=runtime.clock.now(),
        sequence=1,
        correlation_id=None,
        causation_id=None,
        traceparent=None,
        data=order,
        dataschema="",
        value=b"{}",
    )
    async with database.uow() as uow:
        await keep_facts([event], uow)
        rebuild = asyncio.create_task(rebuild_sales(database))
        await until(lambda: database.uow().single(WAITS), timeout=5)
    await rebuild
    (row,) = await database.uow().single("SELECT orders, gross FROM sales WHERE channel = 'meanwhile'")
    assert (row["orders"], row["gross"]) == (1, 111)
    assert await run_invariants(database, SERVICE.invariants) == []
