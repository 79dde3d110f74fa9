"""The job: reads an import's file and applies it, batch by batch.

A batch is one transaction: products, events, errors, stock still to be set, counts and the place in the file where the
next batch begins. Whatever dies in between, the job goes on exactly there. Memory holds a chunk of the file and a
batch, however large the file is.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from uuid import UUID

import asyncpg
from pydantic import BaseModel

from catalog.categories.problems import TreeTooDeep
from catalog.categories.service import ensure_paths
from catalog.clients.inventory import MAX_LINES, Inventory, LocationUnknownError, StockCount, StockRefusedError
from catalog.imports.merging import Batch, Merged
from catalog.imports.models import Import, ProductRows, RowError, Warnings
from catalog.imports.reader import Record, RecordReader, UnreadableFileError, Utf8Check, check_beginning, delimiter_of
from catalog.imports.repository import ImportRepository, StaleRunError, next_stock, read_chunk, read_import
from catalog.imports.service import end_import
from catalog.imports.shopify import Layout, Parsing, handle_of, layout_of, read_group
from catalog.imports.upload import CHUNK_BYTES
from catalog.products.repository import ProductRepository
from catalog.products.service import save_changes
from common.database import UnitOfWork, conflict_in, connection_lost
from common.problems import Problem, Unavailable
from common.scheduling import Backoff, HandBack, Job, JobRun
from common.telemetry import logger

LOG = logger(__name__)

BATCH_PRODUCTS = 100
BATCH_ROWS = 1_000  # some 200 ms in one transaction
GROUP_ROWS = 5_000  # a handle with more rows is cut; what follows is merged into the same product
YIELD_EVERY = 10  # groups; some 10 ms of work for the loop to wait for
PATIENCE = 40  # attempts; with rests of up to 5 minutes inventory may be away for three hours


class ImportFile(BaseModel):
    """An import whose file was received."""

    import_id: UUID


@dataclass(slots=True)
class Group:
    """Records with one handle, and where the next one begins."""

    handle: str
    records: list[Record] = field(default_factory=list)


async def import_file(payload: ImportFile, run: JobRun) -> None:
    """Apply an import from where it stands, then set stock, then end it."""
    found = await read_import(run.uow(), payload.import_id)
    if found is None or found.status not in {"queued", "running"}:
        return
    if run.attempt > PATIENCE:
        async with run.uow() as uow:
            reason = f"It failed {PATIENCE} times; the log tells why under this import's id. What was read is kept."
            await end_import(uow, found, failure=reason)
        return
    try:
        await _Importer(found, run).run()
    except StaleRunError:
        LOG.warning("import.taken_over", import_id=str(found.id))


class _Importer:
    def __init__(self, found: Import, run: JobRun) -> None:
        self._import = found
        self._run = run
        self._shop_currency: str = run.runtime.settings.shop_currency
        self._inventory: Inventory = run.runtime.resources
        self._warnings = Warnings(found.warnings)
        self._layout: Layout | None = None
        self._delimiter = ","

    async def run(self) -> None:
        async with self._run.uow() as uow:
            await ImportRepository(uow).start(self._import.id)
            self._import.started_at = self._import.started_at or uow.now
        try:
            await self._read_header()
            if self._import.next_byte == 0:
                await self._check_encoding()
        except UnreadableFileError as error:
            await self._end(failure=str(error))
            return
        await self._apply_file()
        await self._set_stock()
        await self._end()

    async def _end(self, *, failure: str | None = None) -> None:
        self._import.warnings = self._warnings.by_kind
        async with self._run.uow() as uow:
            await end_import(uow, self._import, failure=failure)

    # -- reading ------------------------------------------------------------------------------------------------------

    async def _read_header(self) -> None:
        """Learn the columns; the header is read again at each start, the rest is not."""
        head = await read_chunk(self._run.uow(), self._import.id, 0) or b""
        check_beginning(head)
        Utf8Check().feed(head)
        lines = head.removeprefix(b"\xef\xbb\xbf").splitlines()
        self._delimiter = delimiter_of(lines[0].decode() if lines else "")
        async for record in self._records(start=0, row=1):
            if record.broken:
                raise UnreadableFileError(f"The first row cannot be read: {record.broken}.")
            self._layout = layout_of(record.cells)
            if self._import.next_byte == 0:
                self._import.next_row = 2
                self._note_columns(self._layout)
                self._header_end = record.end
            return
        raise UnreadableFileError("The file has no rows.")

    def _note_columns(self, layout: Layout) -> None:
        if layout.ignored:
            self._warnings.note("columns", f"Columns that are not read: {', '.join(layout.ignored)[:1000]}.", row=1)

    async def _check_encoding(self) -> None:
        check = Utf8Check()
        number = 0
        while (chunk := await read_chunk(self._run.uow(), self._import.id, number)) is not None:
            check.feed(chunk)
            number += 1
        check.feed(b"", final=True)

    async def _records(self, *, start: int, row: int) -> AsyncIterator[Record]:
        """Read records from byte ``start`` on, a chunk of the file in memory."""
        begins = start or (3 if await self._has_bom() else 0)
        reader = RecordReader(start=begins, row=row, delimiter=self._delimiter)
        number, skip = divmod(begins, CHUNK_BYTES)
        while (chunk := await read_chunk(self._run.uow(), self._import.id, number)) is not None:
            for record in reader.feed(chunk[skip:]):
                yield record
            number, skip = number + 1, 0
        for record in reader.finish():
            yield record

    async def _has_bom(self) -> bool:
        head = await read_chunk(self._run.uow(), self._import.id, 0)
        return head is not None and head.startswith(b"\xef\xbb\xbf")

    # -- applying -----------------------------------------------------------------------------------------------------

    async def _apply_file(self) -> None:
        layout = self._known_layout()
        start = self._import.next_byte or self._header_end
        groups: list[Group] = []
        loose: list[RowError] = []
        rows = 0
        end, row = start, self._import.next_row
        async for record in self._records(start=start, row=self._import.next_row):
            empty = not record.broken and not any(cell.strip() for cell in record.cells)
            handle = "" if record.broken or empty else handle_of(record, layout)
            goes_on = bool(groups) and (empty or (handle == groups[-1].handle and handle != ""))
            if goes_on and len(groups[-1].records) >= GROUP_ROWS:
                goes_on = False
            if not goes_on and (len(groups) >= BATCH_PRODUCTS or rows >= BATCH_ROWS):
                await self._apply(groups, loose, rows, next_byte=record.start, next_row=record.row)
                groups, loose, rows = [], [], 0
            end, row = record.end, record.row + 1
            if empty:
                continue
            rows += 1
            if record.broken:
                loose.append(RowError(record.row, None, record.broken))
                continue
            if not goes_on:
                groups.append(Group(handle))
            groups[-1].records.append(record)
        await self._apply(groups, loose, rows, next_byte=end, next_row=row)

    def _known_layout(self) -> Layout:
        if self._layout is None:
            raise RuntimeError("the header is read first")
        return self._layout

    async def _apply(
        self, groups: Sequence[Group], loose: list[RowError], rows: int, *, next_byte: int, next_row: int
    ) -> None:
        """Apply a batch in one transaction."""
        if self._run.stopping:
            raise HandBack
        from_byte = self._import.next_byte
        parsing = Parsing(self._known_layout(), self._import.currency, self._warnings)
        read = []
        for place, group in enumerate(groups):
            read.append(read_group(group.records, parsing))
            if place % YIELD_EVERY == 0:
                await asyncio.sleep(0)
        async with self._run.uow() as uow:
            merged = await self._merge(uow, read)
            merged = await self._save(uow, merged)
            await self._keep_score(uow, read, merged, loose)
            self._import.rows += rows
            self._import.next_byte, self._import.next_row = next_byte, next_row
            self._import.warnings = self._warnings.by_kind
            await ImportRepository(uow).advance(self._import, from_byte=from_byte)

    async def _merge(self, uow: UnitOfWork, read: Sequence[ProductRows]) -> list[Merged]:
        """Read what the catalogue has of a batch and merge the rows into it."""
        repository = ProductRepository(uow, shop_currency=self._shop_currency)
        usable = [rows for rows in read if not rows.refused]
        by_handle = await repository.ids_of_handles({rows.handle for rows in usable})
        skus = {sku for rows in usable for row in rows.variants for sku in (row.sku, row.made_sku) if sku}
        owners = await repository.owners_of_skus(skus)
        ids = sorted({*by_handle.values(), *owners.values()})
        batch = Batch(
            currency=self._import.currency,
            layout=self._known_layout(),
            now=uow.now,
            by_handle=by_handle,
            owners=owners,
            stored=await repository.load(ids, lock=True),
            seen=set(await ImportRepository(uow).seen(self._import.id, ids)),
            category_ids=await self._categories(uow, usable),
        )
        for place, rows in enumerate(usable):
            if not rows.refused:
                batch.merge(rows)
            if place % YIELD_EVERY == 0:
                await asyncio.sleep(0)
        return list(batch.merged.values())

    async def _categories(self, uow: UnitOfWork, read: Sequence[ProductRows]) -> dict[tuple[str, ...], UUID]:
        """Find or make the categories of a batch; products whose category cannot be are refused."""
        paths = list(
            dict.fromkeys(rows.category for rows in read if isinstance(rows.category, tuple) and rows.category)
        )
        try:
            return await ensure_paths(uow, paths)
        except TreeTooDeep as error:  # the reader bounds the depth: only a tree that was moved meanwhile gets here
            raise Unavailable(str(error)) from error

    async def _save(self, uow: UnitOfWork, merged: list[Merged]) -> list[Merged]:
        """Save a batch's products; if the database refuses, one by one, so that only the bad ones are left out."""
        changed = [each for each in merged if each.outcome != "unchanged"]
        repository = ProductRepository(uow, shop_currency=self._shop_currency)
        try:
            if changed:
                async with uow.savepoint():
                    await save_changes(uow, repository, [each.change for each in changed])
        except (Problem, asyncpg.PostgresError) as error:
            if _says_nothing_of_the_product(error):
                raise
            return [
                each for each in merged if each.outcome == "unchanged" or await self._save_alone(uow, repository, each)
            ]
        return merged

    async def _save_alone(self, uow: UnitOfWork, repository: ProductRepository, one: Merged) -> bool:
        try:
            async with uow.savepoint():
                await save_changes(uow, repository, [one.change])
        except (Problem, asyncpg.PostgresError) as error:
            if _says_nothing_of_the_product(error):
                raise
            LOG.warning("import.product_refused", handle=one.change.after.handle, error=str(error))
            for rows in one.groups:
                rows.refuse(rows.numbers[0], None, f"the product was refused: {error}")
            return False
        return True

    async def _keep_score(
        self, uow: UnitOfWork, read: Sequence[ProductRows], merged: Sequence[Merged], loose: list[RowError]
    ) -> None:
        """Count what came of the batch; a product that several runs of rows touch counts once."""
        repository, found = ImportRepository(uow), self._import
        earlier = await repository.seen(found.id, [each.change.after.id for each in merged])
        outcomes: dict[UUID, str] = {}
        tally: Counter[str] = Counter()
        for each in merged:
            product_id = each.change.after.id
            before = earlier.get(product_id)
            outcomes[product_id] = before if before in {"created", "updated"} and before else each.outcome
            tally[outcomes[product_id]] += 1
            if before:
                tally[before] -= 1
        found.created += tally["created"]
        found.updated += tally["updated"]
        found.unchanged += tally["unchanged"]
        found.products += tally.total()
        found.variants += sum(len(each.applied) for each in merged)
        errors = sorted([*loose, *(error for rows in read for error in rows.errors)], key=lambda error: error.row)
        found.failed += len({error.row for error in errors})
        await repository.add_errors(found.id, errors, after=found.errors)
        found.errors += len(errors)
        await repository.mark_seen(found.id, outcomes)
        await self._keep_stock(repository, merged)

    async def _keep_stock(self, repository: ImportRepository, merged: Sequence[Merged]) -> None:
        lines = [
            (row.row, variant.sku, row.quantity)
            for each in merged
            for row, variant in each.applied
            if row.quantity is not None
        ]
        if not lines:
            return
        if self._import.location_id is None:
            reason = "Quantities were ignored: the import names no location. Send it again with one to set stock."
            column = self._known_layout().names.get("quantity")
            self._warnings.note("quantity", reason, row=min(lines)[0], column=column, count=len(lines))
            return
        await repository.add_stock(self._import.id, lines)

    # -- stock --------------------------------------------------------------------------------------------------------

    async def _set_stock(self) -> None:
        """Give inventory the quantities, outside any transaction; each row's key makes a repetition harmless."""
        location = self._import.location_id
        if location is None:
            return
        while lines := await next_stock(self._run.uow(), self._import.id, most=MAX_LINES):
            if self._run.stopping:
                raise HandBack
            counts = [StockCount(f"{self._import.id}:{row}", sku, count) for row, sku, count in lines]
            try:
                await self._inventory.set_stock(location, counts, reference=str(self._import.id))
            except (LocationUnknownError, StockRefusedError) as error:
                self._warnings.note("stock", f"Stock was not set: {error}.", row=lines[0][0])
                return
            except Unavailable as error:
                if self._run.attempt < PATIENCE:
                    raise
                self._warnings.note("stock", f"Stock was not set: {error}", row=lines[0][0])
                return
            async with self._run.uow() as uow:
                await ImportRepository(uow).stock_is_set(self._import.id, [row for row, _, _ in lines])


IMPORT_FILE = Job(
    "import-file", import_file, ImportFile, max_attempts=PATIENCE + 1, backoff=Backoff(), concurrency_limit=2
)


def _says_nothing_of_the_product(error: Exception) -> bool:
    """Whether the database was away or busy: the batch is tried again, no row is to blame."""
    away = isinstance(error, Unavailable | asyncpg.OperatorInterventionError)
    return away or conflict_in(error) or connection_lost(error)
