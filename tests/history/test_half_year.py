"""Half a year of a real shop goes in through the gateway and comes out as figures, equal to the cent.

``REAL_DATA`` names the folder with the ledger. Every 20th invoice is taken; ``HISTORY=all`` takes all of them, which
``make test-real`` does.
"""

import asyncio
import os
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import orjson
import pytest

from common.testing.suite import Suite, until
from tests.history import retail
from tests.history.recount import Recount, recount
from tests.support.shop import Shop

EVERY = 1 if os.environ.get("HISTORY") == "all" else 20
PERIOD: dict[str, Any] = {"from": "2010-12-01", "to": "2011-05-31", "channel": retail.CHANNEL}
PATIENCE_SECONDS = 900.0 if EVERY == 1 else 60.0
PIECE_BYTES = 64 * 1024
WATCHED = ("orders", "metrics")
GROWTH_MIB = 160  # of a process while it imports, or counts, the half year: batches and what is fetched ahead, no file


@pytest.fixture(scope="module")
def folder() -> Path:
    """Where the ledger is."""
    given = os.environ.get("REAL_DATA")
    if given is None:
        pytest.skip("REAL_DATA=<folder> names the real shop's ledger; without it there is nothing to compare with")
    return Path(given)


@pytest.fixture(scope="module")
def invoices(folder: Path) -> set[str]:
    """The invoices that are taken, by their place in the ledger."""
    numbers = dict.fromkeys(row["InvoiceNo"] for row in retail.ledger(folder))
    return {number for place, number in enumerate(numbers) if place % EVERY == 0}


@pytest.fixture(scope="module")
def expected(folder: Path, invoices: set[str]) -> Recount:
    """The plain recomputation."""
    return recount(folder / retail.FILE, invoices)


class Memory:
    """How much memory two processes hold while the block runs, MiB."""

    def __init__(self, suite: Suite) -> None:
        self._pids = suite.pids()
        self.first = self._now()
        self.most = dict(self.first)

    def _now(self) -> dict[str, float]:
        return {name: _resident_mib(self._pids[name]) for name in WATCHED}

    async def _watch(self) -> None:
        while True:
            self.most = {name: max(self.most[name], now) for name, now in self._now().items()}
            await asyncio.sleep(0.1)

    @classmethod
    @asynccontextmanager
    async def watched(cls, suite: Suite) -> AsyncIterator["Memory"]:
        """Look ten times a second."""
        memory = cls(suite)
        task = asyncio.create_task(memory._watch())
        try:
            yield memory
        finally:
            task.cancel()

    def __str__(self) -> str:
        return ", ".join(f"{name} {self.first[name]:.0f} MiB, at most {self.most[name]:.0f}" for name in WATCHED)


def _resident_mib(pid: int) -> float:
    status = Path(f"/proc/{pid}/status")
    if not status.exists():  # only Linux tells it this way
        return 0.0
    (line,) = (line for line in status.read_text().splitlines() if line.startswith("VmRSS:"))
    return int(line.split()[1]) / 1024


async def _stream(orders: Iterator[dict[str, Any]]) -> AsyncIterator[bytes]:
    piece = bytearray()
    for order in orders:
        piece += orjson.dumps(order) + b"\n"
        if len(piece) >= PIECE_BYTES:
            yield bytes(piece)
            piece.clear()
    yield bytes(piece)


async def _import(shop: Shop, orders: Iterator[dict[str, Any]]) -> dict[str, Any]:
    answer = await shop.client.request(
        "POST",
        "/v1/orders/import",
        content=_stream(orders),
        headers=shop.staff["admin"].headers | {"Content-Type": "application/x-ndjson"},
        timeout=PATIENCE_SECONDS,
    )
    assert answer.status_code == 200, answer.text
    report: dict[str, Any] = answer.json()
    return report


async def _months(shop: Shop) -> dict[str, dict[str, Any]]:
    found = await shop.staff["admin"].get("/v1/metrics/kpis", by="month", **PERIOD)
    return {row["month"]: row for row in found["items"]}


async def _best(shop: Shop, sort: str) -> list[dict[str, Any]]:
    found = await shop.staff["admin"].get("/v1/metrics/products", sort=sort, limit=20, **PERIOD)
    items: list[dict[str, Any]] = found["items"]
    return items


async def _counted(shop: Shop, orders: int) -> None:
    """Wait until the figures know of so many sales and returns."""

    async def all_in() -> bool:
        counted: int = sum(row["orders"] + row["returns"] for row in (await _months(shop)).values())
        return counted >= orders

    await until(all_in, timeout=PATIENCE_SECONDS)


def _pounds(money: dict[str, Any]) -> Decimal:
    assert money["currency"] == "GBP"
    return Decimal(money["amount"]) / 100


def _figures(row: dict[str, Any]) -> tuple[int, Decimal, Decimal, int, Decimal]:
    average = _pounds(row["average_order_value"])
    return row["orders"], _pounds(row["gross"]), average, row["returns"], _pounds(row["refunded"])


def _recounted(expected: Recount) -> dict[str, tuple[int, Decimal, Decimal, int, Decimal]]:
    return {
        name: (len(month.orders), month.gross, month.average, len(month.returns), month.refunded)
        for name, month in sorted(expected.months.items())
    }


def _table(found: dict[str, Any], expected: dict[str, Any]) -> str:
    def cells(figures: Sequence[Any]) -> str:
        orders, gross, average, returns, refunded = figures
        return f"{orders:>6,} {gross:>13,.2f} {average:>9,.2f} {returns:>6,} {refunded:>12,.2f}"

    head = f"{'orders':>6} {'gross':>13} {'average':>9} {'back':>6} {'refunded':>12}"
    rows = [f"{name}  {cells(_figures(found[name]))}  | {cells(expected[name])}" for name in expected]
    return "\n".join([f"{'':7}  {head}  | {head}", *rows])


@pytest.mark.usefixtures("seen_events")
async def test_the_figures_of_a_real_half_year_equal_a_plain_recomputation(
    shop: Shop, folder: Path, invoices: set[str], expected: Recount
) -> None:
    left_out = retail.LeftOut()
    orders = list(retail.past_orders(folder, invoices, left_out))
    lines = sum(len(order["lines"]) for order in orders)

    async with Memory.watched(shop.suite) as memory:
        began = time.perf_counter()
        report = await _import(shop, iter(orders))
        imported = time.perf_counter() - began
        assert report == {
            "received": len(orders), "imported": len(orders), "repeated": 0, "rejected": 0, "errors": [],
        }  # fmt: skip
        await _counted(shop, len(orders))
        counted = time.perf_counter() - began

    months, recounted = await _months(shop), _recounted(expected)
    print(f"\n{_table(months, recounted)}\n\nleft out\n{left_out}\n")  # noqa: T201 - what this test is run for
    print(  # noqa: T201 - as above
        f"{len(orders):,} orders, {lines:,} lines in {imported:.1f} s ({len(orders) / imported:,.0f} orders/s, "
        f"{lines / imported:,.0f} lines/s); figures whole after {counted:.1f} s; {memory}"
    )
    assert {name: _figures(row) for name, row in months.items()} == recounted
    await _assert_best(shop, expected)
    booked = sum((month.gross - month.refunded for month in expected.months.values()), Decimal(0))
    assert booked + sum(left_out.amounts.values()) == expected.whole  # nothing of the ledger is lost without a reason
    for name in WATCHED:
        assert memory.most[name] - memory.first[name] < GROWTH_MIB


async def _assert_best(shop: Shop, expected: Recount) -> None:
    by_revenue, by_units = await _best(shop, "revenue"), await _best(shop, "units")
    assert [each["sku"] for each in by_revenue] == expected.best(20, by="net")
    assert [each["sku"] for each in by_units] == expected.best(20, by="units")
    for each in [*by_revenue, *by_units]:
        product = expected.products[each["sku"]]
        assert (each["net_units"], _pounds(each["net"])) == (product.units, product.net)


@pytest.mark.usefixtures("seen_events")
async def test_the_half_year_sent_again_changes_nothing(
    shop: Shop, folder: Path, invoices: set[str], expected: Recount
) -> None:
    orders = list(retail.past_orders(folder, invoices, retail.LeftOut()))
    report = await _import(shop, iter(orders))
    assert (report["repeated"], report["imported"], report["rejected"]) == (len(orders), 0, 0)
    assert {name: _figures(row) for name, row in (await _months(shop)).items()} == _recounted(expected)


@pytest.mark.usefixtures("seen_events")
async def test_the_figures_rebuilt_from_the_facts_are_the_same(shop: Shop, expected: Recount) -> None:
    status, said = await shop.suite.run("metrics", "rebuild")
    assert status == 0, said
    assert {name: _figures(row) for name, row in (await _months(shop)).items()} == _recounted(expected)
    await _assert_best(shop, expected)


@pytest.mark.usefixtures("seen_events", "folder")
async def test_imported_history_leaves_everything_else_in_order(shop: Shop) -> None:
    assert await shop.complaints() == []
