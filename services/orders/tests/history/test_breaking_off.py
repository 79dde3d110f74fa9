"""A file that breaks off leaves whole batches behind, and goes on when it is sent again."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

import asyncpg
import orjson
import pytest

from common.database import Database
from common.invariants import run_invariants
from common.testing import Api, EventProbe, StatementCount
from orders.history import service as history
from orders.history.problems import ImportCutOff
from orders.history.reader import Line
from orders.invariants import INVARIANTS

Statements = Callable[[], AbstractAsyncContextManager[StatementCount]]
PATH = "/v1/orders/import"
NDJSON = {"content-type": "application/x-ndjson", "idempotency-key": None}
BASELINE = Path(__file__).parents[1] / "statements.json"
STORED = "SELECT count(*) FROM orders WHERE source = $1"


def lines_of(source: str, *, orders: int, lines: int = 2) -> list[bytes]:
    """Orders of ``source``, as lines of a file."""
    price = {"amount": 1999, "currency": "EUR"}
    goods = [{"sku": f"SKU-{number}", "title": "Mug", "quantity": 1, "unit_price": price} for number in range(lines)]
    order = {"source": source, "placed_at": "2011-01-04T10:00:00Z", "currency": "EUR", "lines": goods}
    return [orjson.dumps(order | {"external_id": str(number)}) + b"\n" for number in range(orders)]


@pytest.fixture
def importer(api: Api) -> Api:
    """Someone who may import."""
    return api.as_user(scopes="orders:import orders:read")


async def stored(database: Database, source: str) -> int:
    async with database.acquire() as connection:
        count: int = await connection.fetchval(STORED, source)
    return count


async def send(importer: Api, content: Sequence[bytes]) -> dict[str, Any]:
    answer = await importer.post(PATH, content=b"".join(content), headers=NDJSON)
    assert answer.status_code == 200, answer.text
    report: dict[str, Any] = answer.json()
    return report


async def test_a_connection_that_is_cut_leaves_whole_batches(database: Database, importer: Api) -> None:
    content = lines_of("cut", orders=history.BATCH_ORDERS * 2 + 50)

    async def cut_off() -> AsyncIterator[Line]:
        for number, line in enumerate(content[:-20], start=1):
            yield Line(number, line)
        raise ImportCutOff("The connection ended before the file did.")

    with pytest.raises(ImportCutOff):
        await history.import_orders(database, cut_off())
    assert await stored(database, "cut") == history.BATCH_ORDERS * 2

    again = await send(importer, content)
    assert (again["imported"], again["repeated"]) == (50, history.BATCH_ORDERS * 2)
    assert await run_invariants(database, INVARIANTS) == []


async def test_a_database_that_goes_away_is_told_with_the_line_that_is_in(
    database: Database, database_url: str, importer: Api, probe: EventProbe
) -> None:
    content = lines_of("gone", orders=history.BATCH_ORDERS * 3)

    async def with_a_crash() -> AsyncIterator[bytes]:
        yield b"".join(content[: history.BATCH_ORDERS + 10])
        connection = await asyncpg.connect(database_url)
        try:
            await connection.execute(
                "CREATE FUNCTION stop() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
                "PERFORM pg_terminate_backend(pg_backend_pid()); RETURN NULL; END $$"
            )
            await connection.execute("CREATE TRIGGER stop AFTER INSERT ON order_line EXECUTE FUNCTION stop()")
            yield b"".join(content[history.BATCH_ORDERS + 10 :])
        finally:
            await connection.execute("DROP FUNCTION stop CASCADE")
            await connection.close()

    refused = await importer.post(PATH, content=with_a_crash(), headers=NDJSON)

    problem = refused.json()
    assert (refused.status_code, problem["type"]) == (503, "/problems/import-interrupted")
    assert (problem["imported_through"], problem["imported"]) == (history.BATCH_ORDERS, history.BATCH_ORDERS)
    assert refused.headers["retry-after"]
    assert await stored(database, "gone") == history.BATCH_ORDERS
    again = await send(importer, content)
    assert (again["imported"], again["repeated"]) == (history.BATCH_ORDERS * 2, history.BATCH_ORDERS)
    assert len(await probe.events("order.placed")) >= len(content)
    assert await run_invariants(database, INVARIANTS) == []


async def test_two_imports_of_one_file_make_one_history(database: Database, importer: Api) -> None:
    content = lines_of("both", orders=history.BATCH_ORDERS * 2)
    reports = await asyncio.gather(send(importer, content), send(importer, list(reversed(content))))
    assert sum(report["imported"] for report in reports) == len(content)
    assert sum(report["repeated"] for report in reports) == len(content)
    assert await stored(database, "both") == len(content)


async def test_a_batch_takes_few_round_trips(importer: Api, statements: Statements) -> None:
    await send(importer, lines_of("warm", orders=1))
    content = lines_of("counted", orders=history.BATCH_ORDERS)
    seen = {}
    for name in ("POST /v1/orders/import, a batch", "POST /v1/orders/import, a batch again"):
        async with statements() as count:
            await send(importer, content)
        seen[name] = count.total
    baseline = json.loads(BASELINE.read_text())
    assert seen == {name: baseline[name] for name in seen}


async def test_a_batch_of_long_orders_is_cut_by_its_lines(importer: Api, statements: Statements) -> None:
    content = lines_of("long", orders=20, lines=history.BATCH_LINES // 10)
    async with statements() as count:
        assert (await send(importer, content))["imported"] == 20
    assert count.statements.count("COMMIT") == 2
