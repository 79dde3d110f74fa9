"""Round trips of the hot path: the one measure of speed that has no noise."""

import json
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from uuid import UUID, uuid4

from common.testing import Api, StatementCount
from inventory.testing import order_placed

MakeLocation = Callable[..., Awaitable[UUID]]
SetStock = Callable[..., Awaitable[None]]
Statements = Callable[[], AbstractAsyncContextManager[StatementCount]]

BASELINE = json.loads((Path(__file__).parents[1] / "statements.json").read_text())
BUDGET = 12  # reserve, confirm and allocation of an order that comes alone


async def test_an_order_costs_as_many_round_trips_as_agreed(
    orders: Api,
    make_location: MakeLocation,
    set_stock: SetStock,
    statements: Statements,
    deliver: Callable[..., Awaitable[UUID]],
    sku: str,
) -> None:
    await set_stock(sku, 50, await make_location())
    order_id = uuid4()
    body = {"id": str(order_id), "lines": [{"sku": sku, "quantity": 1}]}

    async with statements() as reserve:
        assert (await orders.post("/internal/reservations", json=body)).status_code == 200
    async with statements() as confirm:
        assert (await orders.post(f"/internal/reservations/{order_id}/confirm")).status_code == 200
    async with statements() as allocate:
        await deliver(order_placed(order_id, {sku: 1}))

    counted = {"reserve": reserve.total, "confirm": confirm.total, "allocate": allocate.total}
    assert counted == BASELINE, [*reserve.statements, *confirm.statements, *allocate.statements]
    assert sum(counted.values()) <= BUDGET
