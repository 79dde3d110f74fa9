"""Use cases of history: a stream of past orders, taken in batch by batch.

A batch is one transaction: its orders, their lines and their events. A file that is cut off, or a database that goes
away, leaves whole batches behind, and the same file sent again goes on from there, since an order is known by its
source and id over there. Memory holds a batch, however long the file is.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field

import asyncpg

from common.database import Database, UnitOfWork
from common.events.contracts.orders import OrderPlaced
from common.problems import Unavailable
from common.telemetry import logger
from orders.history.problems import ImportInterrupted
from orders.history.reader import Line
from orders.history.repository import HistoryRepository
from orders.history.rules import PastOrderRow, RefusedRow, RowError, read_row
from orders.history.schemas import ImportReport, RowErrorView
from orders.ordering.models import Order

LOG = logger(__name__)

BATCH_ORDERS = 200
BATCH_LINES = 4_000  # some 200 ms in one transaction
ERROR_LINES = 100  # a report stays readable; what is wrong everywhere shows in the first hundred
YIELD_EVERY = 10  # orders; some 5 ms of work for the loop to wait for
LOCK_TIMEOUT_MS = 5_000  # two imports of the same orders wait for each other's batch
LOST = (Unavailable, OSError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError)


@dataclass(slots=True)
class _Progress:
    """What has become of the lines so far; ``through`` is the last one that needs not be sent again."""

    received: int = 0
    imported: int = 0
    repeated: int = 0
    rejected: int = 0
    through: int = 0
    errors: list[RowError] = field(default_factory=list)

    def refuse(self, errors: Sequence[RowError]) -> None:
        """Count a refused line, and tell of it while there are few."""
        self.rejected += 1
        if self.rejected <= ERROR_LINES:
            self.errors += errors

    def report(self) -> ImportReport:
        """Say it to whoever sent the file."""
        return ImportReport(
            received=self.received,
            imported=self.imported,
            repeated=self.repeated,
            rejected=self.rejected,
            errors=[RowErrorView(line=each.line, pointer=each.pointer, reason=each.reason) for each in self.errors],
        )


async def import_orders(database: Database, lines: AsyncIterator[Line]) -> ImportReport:
    """Take in what the lines tell of; one that is wrong is reported, and all others are in.

    Raises ImportInterrupted where the database goes away, and what reading the lines raises.
    """
    progress = _Progress()
    clock = database.uow()
    await clock.read_clock()
    batch: list[PastOrderRow] = []
    try:
        async for line in lines:
            progress.received += 1
            try:
                batch.append(read_row(line, now=clock.now))
            except RefusedRow as refused:
                progress.refuse(refused.errors)
            if _is_full(batch):
                await _keep(database, batch, progress, through=line.number)
                batch = []
            elif progress.received % YIELD_EVERY == 0:
                await asyncio.sleep(0)
        await _keep(database, batch, progress, through=progress.through)
    finally:
        LOG.info(
            "orders.imported",
            received=progress.received,
            imported=progress.imported,
            repeated=progress.repeated,
            rejected=progress.rejected,
        )
    return progress.report()


def _is_full(batch: Sequence[PastOrderRow]) -> bool:
    return len(batch) >= BATCH_ORDERS or sum(len(row.order.lines) for row in batch) >= BATCH_LINES


async def _keep(database: Database, batch: Sequence[PastOrderRow], progress: _Progress, *, through: int) -> None:
    """Store a batch in a transaction of its own, and count what became of it once that is committed."""
    if not batch:
        return
    try:
        async with database.uow(lock_timeout_ms=LOCK_TIMEOUT_MS) as uow:
            new, differing = await _store(uow, batch)
    except LOST as error:
        LOG.warning("orders.import_interrupted", through=progress.through, error=repr(error))
        raise ImportInterrupted(progress.through, progress.report().model_dump()) from error
    progress.imported += new
    progress.repeated += len(batch) - new - len(differing)
    for row in differing:
        progress.refuse([_differs(row)])
    progress.through = through


async def _store(uow: UnitOfWork, batch: Sequence[PastOrderRow]) -> tuple[int, list[PastOrderRow]]:
    """Store a batch; returns how many orders are new, and those that were imported before with other content."""
    history = HistoryRepository(uow)
    new_ids = await history.insert_new(batch)
    known = [row for row in batch if row.order.id not in new_ids]
    before = await history.fingerprints(known) if known else {}
    new = [row.order for row in batch if row.order.id in new_ids]
    if new:
        await _link_products(history, [row.order for row in batch if row.order.id in new_ids and row.linkable])
        await history.insert_lines(new)
    for place, order in enumerate(new):
        uow.publish(OrderPlaced(object=order.snapshot(), changed=[]))
        if place % YIELD_EVERY == 0:
            await asyncio.sleep(0)
    return len(new), [row for row in known if before.get(row.identity) != row.fingerprint]


async def _link_products(history: HistoryRepository, orders: Sequence[Order]) -> None:
    lines = [line for order in orders for line in order.lines]
    variants = await history.variants({line.sku for line in lines})
    for line in lines:
        line.product_id, line.variant_id = variants.get(line.sku, (None, None))


def _differs(row: PastOrderRow) -> RowError:
    source, external_id = row.identity
    return RowError(
        row.line,
        "/external_id",
        f"{external_id} of {source} was imported before with other content; what is imported is not changed",
    )
