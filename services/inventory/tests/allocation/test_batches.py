"""Batches of order events: a few statements for many, and no deadlock with the checkouts beside them."""

import asyncio
import random
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from uuid import UUID, uuid4

from common.database import Database, retry_conflicts
from common.events import EventContract
from common.invariants import run_invariants
from common.testing import Api, StatementCount
from inventory.allocation.handlers import follow_orders
from inventory.invariants import INVARIANTS
from inventory.testing import as_event, order_cancelled, order_placed, order_shipped

MakeLocation = Callable[..., Awaitable[UUID]]
SetStock = Callable[..., Awaitable[None]]
Figures = Callable[[str], Awaitable[dict[str, int]]]
Statements = Callable[[], AbstractAsyncContextManager[StatementCount]]


async def hold(orders: Api, lines: dict[str, int]) -> UUID | None:
    order_id = uuid4()
    wanted = [{"sku": sku, "quantity": quantity} for sku, quantity in lines.items()]
    held = await orders.post("/internal/reservations", json={"id": str(order_id), "lines": wanted})
    assert held.status_code in {200, 409}, held.text
    return order_id if held.status_code == 200 else None


async def take(database: Database, data: Sequence[EventContract]) -> None:
    async def once() -> None:
        async with database.uow() as uow:
            await follow_orders([as_event(each) for each in data], uow)

    await retry_conflicts(once)


async def test_fifty_orders_cost_as_many_statements_as_one(
    orders: Api,
    make_location: MakeLocation,
    set_stock: SetStock,
    figures: Figures,
    database: Database,
    statements: Statements,
    sku: str,
) -> None:
    await set_stock(sku, 100, await make_location())
    ids = [await hold(orders, {sku: 2}) for _ in range(50)]

    async with statements() as count:
        await take(database, [order_placed(order_id, {sku: 2}) for order_id in ids if order_id])

    assert count.total == 4
    after = await figures(sku)
    assert (after["reserved"], after["allocated"]) == (0, 100)


async def test_a_batch_may_hold_a_whole_life(
    orders: Api, make_location: MakeLocation, set_stock: SetStock, figures: Figures, database: Database, sku: str
) -> None:
    await set_stock(sku, 9, await make_location())
    order_id = await hold(orders, {sku: 5})
    assert order_id is not None

    await take(
        database,
        [
            order_placed(order_id, {sku: 5}),
            order_shipped(order_id, {sku: 5}, {sku: 2}),
            order_cancelled(order_id, {sku: 5}),
        ],
    )

    after = await figures(sku)
    assert (after["on_hand"], after["reserved"], after["allocated"]) == (7, 0, 0)


async def test_checkouts_and_batches_meet_no_deadlock(
    orders: Api, make_location: MakeLocation, set_stock: SetStock, database: Database, sku: str
) -> None:
    place = await make_location()
    skus = [f"{sku}-{number}" for number in range(6)]
    for each in skus:
        await set_stock(each, 1_000, place)
    dice = random.Random(11)  # noqa: S311 - baskets, no secret

    async def shop() -> None:
        for _ in range(8):
            baskets = [{each: dice.randint(1, 3) for each in dice.sample(skus, k=3)} for _ in range(3)]
            made = [(await hold(orders, basket), basket) for basket in baskets]
            placed = [order_placed(order_id, basket) for order_id, basket in made if order_id]
            await take(database, placed)
            kept, *given_back = [(order_id, basket) for order_id, basket in made if order_id]
            leaving = [order_shipped(kept[0], kept[1], kept[1])]
            await take(database, [*leaving, *(order_cancelled(order_id, basket) for order_id, basket in given_back)])

    await asyncio.gather(*(shop() for _ in range(6)))

    assert [str(violation) for violation in await run_invariants(database, INVARIANTS)] == []
