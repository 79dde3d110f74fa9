"""Imported history moves no stock, also where it comes in one batch with orders of today."""

from collections.abc import Awaitable, Callable
from uuid import UUID, uuid4

from common.database import Database
from common.events.contracts.orders import ImportSource, OrderPlaced
from common.invariants import run_invariants
from common.testing import EventProbe
from inventory.allocation.handlers import follow_orders
from inventory.invariants import INVARIANTS
from inventory.testing import as_event, order_placed

Deliver = Callable[..., Awaitable[UUID]]


def imported(lines: dict[str, int], *, kind: str = "sale") -> OrderPlaced:
    placed = order_placed(uuid4(), lines)
    source = ImportSource(source="old-shop", external_id="536365")
    return placed.model_copy(
        update={"object": placed.object.model_copy(update={"imported_from": source, "kind": kind})}
    )


async def test_an_imported_order_is_not_put_aside(
    make_location: Callable[..., Awaitable[UUID]],
    set_stock: Callable[..., Awaitable[None]],
    figures: Callable[[str], Awaitable[dict[str, int]]],
    deliver: Deliver,
    database: Database,
    probe: EventProbe,
    sku: str,
) -> None:
    await set_stock(sku, 10, await make_location())
    before = len(await probe.events())
    for kind in ("sale", "return"):
        await deliver(imported({sku: 4, "UNKNOWN": 70_000}, kind=kind))
    assert (await figures(sku))["available"] == 10
    assert len(await probe.events()) == before
    async with database.acquire() as connection:
        assert await connection.fetchval("SELECT count(*) FROM allocation") == 0


async def test_an_order_of_today_in_the_same_batch_is(
    make_location: Callable[..., Awaitable[UUID]],
    set_stock: Callable[..., Awaitable[None]],
    figures: Callable[[str], Awaitable[dict[str, int]]],
    database: Database,
    sku: str,
) -> None:
    await set_stock(sku, 10, await make_location())
    async with database.uow() as uow:
        batch = [imported({sku: 4}), order_placed(uuid4(), {sku: 3}), imported({sku: 1})]
        await follow_orders([as_event(each) for each in batch], uow)
    stock = await figures(sku)
    assert (stock["available"], stock["allocated"]) == (7, 3)
    assert await run_invariants(database, INVARIANTS) == []
