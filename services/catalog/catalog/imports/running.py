"""The job: reads an import's file and applies it, batch by batch.

A batch is one transaction: products, events, errors, stock still to be set, counts and the place in the file where the
next batch begins. Whatever dies in between, the job goes on exactly there. Memory holds a chunk of the file and a
batch, however large the file is. A dry run is the same job with the same reading, merging and counting.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from uuid import UUID

import asyncpg
from pydantic import BaseModel

from catalog.categories.problems import TreeTooDeep
from catalog.categories.service import ensure_paths
from catalog.clients.inventory import MAX_LINES, Inventory, LocationUnknownError, StockCount, StockRefusedError
from catalog.imports.detecting import UnreadableFileError
from catalog.imports.drafts import Drafts, announcement_error, categories_as_if, change_of, shown_as
from catalog.imports.merging import Batch, Merged
from catalog.imports.models import Import, ProductRows, Warnings
from catalog.imports.reader import Record
from catalog.imports.rejected import keep_header, keep_rows, note_refused_handles, refused_among
from catalog.imports.repository import ImportRepository, StaleRunError, next_stock, read_import
from catalog.imports.service import end_import
from catalog.imports.shopify import Layout, Parsing, handle_of, known_columns, layout_of, read_group, same_handle
from catalog.imports.source import SourceFile, Turns
from catalog.products.models import CategoryRef, Product
from catalog.products.repository import ProductRepository
from catalog.products.service import save_changes
from common.database import UnitOfWork, conflict_in, connection_lost
from common.problems import Problem, Unavailable
from common.scheduling import Backoff, HandBack, Job, JobRun
from common.telemetry import logger

LOG = logger(__name__)

BATCH_PRODUCTS = 150
BATCH_ROWS = 1_000  # some 200 ms in one transaction
BATCH_BYTES = 4 << 20  # of the file: a row may have 1 MiB, and a thousand such rows must not be in memory
MOST_CHANGES = 1_000  # products whose changes a dry run keeps
GROUP_ROWS = 5_000  # a handle with more rows is cut; what follows is merged into the same product
PATIENCE = 40  # attempts; with rests of up to 5 minutes inventory may be away for three hours


class ImportFile(BaseModel):
    """An import whose file was received."""

    import_id: UUID


@dataclass(slots=True)
class Group:
    """Records with one handle. ``orphaned``: a row that could not be read stands before them, nobody knows whose."""

    handle: str
    orphaned: bool = False
    records: list[Record] = field(default_factory=list)
    size: int = 0

    def add(self, record: Record) -> None:
        """Add the next row."""
        self.records.append(record)
        self.size += record.end - record.start


@dataclass(slots=True)
class Pending:
    """What was read and is not applied yet."""

    groups: list[Group] = field(default_factory=list)
    rows: int = 0
    size: int = 0

    @property
    def full(self) -> bool:
        """Whether it makes a batch."""
        return len(self.groups) >= BATCH_PRODUCTS or self.rows >= BATCH_ROWS or self.size >= BATCH_BYTES

    def takes_in(self, handle: str) -> bool:
        """Whether a row with ``handle`` goes on with the last product."""
        if not self.groups or not handle:
            return False
        last = self.groups[-1]
        return handle == last.handle and len(last.records) < GROUP_ROWS and last.size < BATCH_BYTES

    def add(self, record: Record, handle: str) -> None:
        """Add a row to its product, or begin one with it."""
        if not self.takes_in(handle):
            before = self.groups[-1] if self.groups else None
            lost = before is not None and not before.handle and before.records[-1].broken is not None
            self.groups.append(Group(handle, orphaned=lost))
        self.groups[-1].add(record)
        self.rows += 1
        self.size += record.end - record.start


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


@dataclass(slots=True)
class Work:
    """A batch on its way: what was read, what is ``there`` already, and what it is merged into."""

    read: Sequence[ProductRows]
    there: Mapping[UUID, Product]
    drafts: Drafts
    categories: dict[UUID, CategoryRef]
    merged: list[Merged] = field(default_factory=list)

    @property
    def changed(self) -> list[Merged]:
        """The products that would not stay as they are."""
        return [each for each in self.merged if each.outcome != "unchanged"]

    def leave_out(self, refused: Mapping[UUID, str]) -> None:
        """Refuse products that were merged, each with its reason."""
        for each in self.merged:
            if reason := refused.get(each.change.after.id):
                for rows in each.groups:
                    rows.refuse(rows.numbers[0], None, f"the product was refused: {reason}")
        self.merged = [each for each in self.merged if each.change.after.id not in refused]


class _Importer:
    def __init__(self, found: Import, run: JobRun) -> None:
        self._import = found
        self._run = run
        self._shop_currency: str = run.runtime.settings.shop_currency
        self._inventory: Inventory = run.runtime.resources.inventory
        self._warnings = Warnings(found.warnings)

    async def run(self) -> None:
        async with self._run.uow() as uow:
            await ImportRepository(uow).start(self._import.id)
            self._import.started_at = self._import.started_at or uow.now
        try:
            await self._read_header()
            await self._apply_file()
        except UnreadableFileError as error:
            await self._end(failure=str(error))
            return
        await self._keep_rejected()
        await self._set_stock()
        await self._end()

    async def _end(self, *, failure: str | None = None) -> None:
        self._import.warnings = self._warnings.by_kind
        async with self._run.uow() as uow:
            await end_import(uow, self._import, failure=failure)

    # -- reading ------------------------------------------------------------------------------------------------------

    async def _read_header(self) -> None:
        """Learn format and columns; the header is read again at each start, the rest is not."""
        self._file = await SourceFile.open(self._run.database, self._import, known_columns)
        self._import.delimiter, self._import.encoding = self._file.format.delimiter, self._file.format.encoding
        async with self._run.uow() as uow:
            await ImportRepository(uow).note_format(self._import)
        async for record in self._file.records():
            if record.broken:
                raise UnreadableFileError(f"The first row cannot be read: {record.broken}.")
            self._header = record
            self._layout: Layout = layout_of(record.cells)
            if self._import.next_byte == 0:
                self._import.next_row = 2
                self._note_columns(self._layout)
            return
        raise UnreadableFileError("The file has no rows.")

    def _note_columns(self, layout: Layout) -> None:
        if layout.ignored:
            self._warnings.note("columns", f"Columns that are not read: {', '.join(layout.ignored)[:1000]}.", row=1)

    async def _apply_file(self) -> None:
        pending = Pending()
        end, row = self._import.next_byte or self._header.end, self._import.next_row
        async for record in self._file.records(start=end, row=row):
            empty = not record.broken and not any(cell.strip() for cell in record.cells)
            if not empty:
                handle = handle_of(record, self._layout)
                if pending.full and not pending.takes_in(handle):
                    await self._apply(pending, next_byte=record.start, next_row=record.row)
                    pending = Pending()
                pending.add(record, handle)
            end, row = record.end, record.row + 1
        await self._apply(pending, next_byte=end, next_row=row)

    async def _keep_rejected(self) -> None:
        """Collect the rows to be mended: read the file once more, with all refusals known."""
        await keep_header(self._run.uow(), self._import.id, self._header.cells)
        if not self._import.failed:
            return
        rows: list[tuple[int, str, list[str]]] = []
        size = 0
        async for record in self._file.records(start=self._header.end, row=2):
            if not record.broken and not any(cell.strip() for cell in record.cells):
                continue
            rows.append((record.row, same_handle(handle_of(record, self._layout)), record.cells))
            size += record.end - record.start
            if len(rows) >= BATCH_ROWS or size >= BATCH_BYTES:
                if self._run.stopping:
                    raise HandBack
                await keep_rows(self._run.uow(), self._import.id, rows)
                rows, size = [], 0
        if rows:
            await keep_rows(self._run.uow(), self._import.id, rows)

    # -- applying -----------------------------------------------------------------------------------------------------

    async def _apply(self, pending: Pending, *, next_byte: int, next_row: int) -> None:
        """Apply a batch in one transaction; a dry run's changes nothing but the import itself."""
        if self._run.stopping:
            raise HandBack
        from_byte = self._import.next_byte
        parsing, turns = Parsing(self._layout, self._import.currency, self._warnings), Turns()
        read = []
        for group in pending.groups:
            read.append(read_group(group.records, parsing, orphaned=group.orphaned))
            await turns.give_way()
        async with self._run.uow() as uow:
            async with ImportRepository(uow).plans_of_now():
                work = await self._merge(uow, read)
            if self._import.dry_run:
                await self._pretend(uow, work)
            else:
                await self._save(uow, work)
            await self._keep_score(uow, work)
            refused = {same_handle(each.handle) for each, rows in zip(pending.groups, read, strict=True) if rows.errors}
            await note_refused_handles(uow, self._import.id, sorted(refused))
            self._import.rows += pending.rows
            self._import.next_byte, self._import.next_row = next_byte, next_row
            self._import.warnings = self._warnings.by_kind
            await ImportRepository(uow).advance(self._import, from_byte=from_byte)

    async def _merge(self, uow: UnitOfWork, read: Sequence[ProductRows]) -> Work:
        """Read what the catalogue has of a batch and merge the rows into it."""
        repository, dry = ProductRepository(uow, shop_currency=self._shop_currency), self._import.dry_run
        usable = [rows for rows in read if not rows.refused]
        handles = {rows.handle for rows in usable}
        skus = {sku for rows in usable for row in rows.variants for sku in (row.sku, row.made_sku) if sku}
        by_handle, owners = await repository.ids_of_handles(handles), await repository.owners_of_skus(skus)
        drafts = Drafts()
        if dry:
            known = {*by_handle.values(), *owners.values()}
            drafts = await Drafts.find(uow, self._import.id, ids=known, handles=handles, skus=skus)
            by_handle, owners = drafts.over_handles(by_handle), drafts.over_skus(owners)
        ids = sorted({*by_handle.values(), *owners.values()})
        there = await repository.load(ids, lock=not dry)
        stored = {**there, **drafts.products}
        category_ids = await self._categories(uow, usable, drafts)
        categories = await self._shown(repository, drafts, [*there.values(), *stored.values()], category_ids)
        batch = Batch(
            currency=self._import.currency,
            layout=self._layout,
            now=uow.now,
            by_handle=by_handle,
            owners=owners,
            stored=stored,
            seen=set(await ImportRepository(uow).seen(self._import.id, ids)),
            refused=await refused_among(uow, self._import.id, handles) if self._import.failed else set(),
            category_ids=category_ids,
            category_paths={each.id: each.path for each in categories.values()},
        )
        turns = Turns()
        for rows in read:
            batch.merge(rows)
            await turns.give_way()
        return Work(read, there, drafts, categories, list(batch.merged.values()))

    async def _categories(
        self, uow: UnitOfWork, read: Sequence[ProductRows], drafts: Drafts
    ) -> dict[tuple[str, ...], UUID]:
        """Find or make the categories of a batch; a dry run only makes them up."""
        paths = list(
            dict.fromkeys(rows.category for rows in read if isinstance(rows.category, tuple) and rows.category)
        )
        if self._import.dry_run:
            found = await categories_as_if(uow, self._import.id, paths)
            drafts.paths |= {category_id: path for path, category_id in found.items()}
            return found
        try:
            return await ensure_paths(uow, paths)
        except TreeTooDeep as error:  # the reader bounds the depth: only a tree that was moved meanwhile gets here
            raise Unavailable(str(error)) from error

    @staticmethod
    async def _shown(
        repository: ProductRepository,
        drafts: Drafts,
        products: Sequence[Product],
        category_ids: Mapping[tuple[str, ...], UUID],
    ) -> dict[UUID, CategoryRef]:
        """Load what products show of the categories that a batch is about."""
        wanted = {each for product in products for each in product.category_ids} | set(category_ids.values())
        made_up = {each: shown_as(each, path) for each, path in drafts.paths.items() if each in wanted}
        return made_up | await repository.categories(wanted)

    async def _pretend(self, uow: UnitOfWork, work: Work) -> None:
        """Do as if a batch were saved: refuse what could not be, remember the rest for the file's later rows."""
        refused, turns = {}, Turns()
        for each in work.changed:
            if error := announcement_error(each, work.categories):
                refused[each.change.after.id] = error
            await turns.give_way()
        work.leave_out(refused)
        changes = []
        for each in work.changed:
            changes.append(change_of(each, work.there.get(each.change.after.id), work.categories))
            await turns.give_way()
        self._import.changes = await ImportRepository(uow).keep_changes(
            self._import.id, changes, kept=self._import.changes, most=MOST_CHANGES
        )
        await work.drafts.keep(uow, self._import.id, [each.change.after for each in work.changed])

    async def _save(self, uow: UnitOfWork, work: Work) -> None:
        """Save a batch's products; if the database refuses, one by one, so that only the bad ones are left out."""
        changes = [each.change for each in work.changed]
        repository = ProductRepository(uow, shop_currency=self._shop_currency)
        try:
            if changes:
                async with uow.savepoint():
                    await save_changes(uow, repository, changes, dict(work.categories))
        except (Problem, asyncpg.PostgresError) as error:
            if _says_nothing_of_the_product(error):
                raise
            refused = {}
            for each in work.changed:
                if reason := await self._save_alone(uow, repository, each, work.categories):
                    refused[each.change.after.id] = reason
            work.leave_out(refused)

    async def _save_alone(
        self, uow: UnitOfWork, repository: ProductRepository, one: Merged, categories: Mapping[UUID, CategoryRef]
    ) -> str | None:
        try:
            async with uow.savepoint():
                await save_changes(uow, repository, [one.change], dict(categories))
        except (Problem, asyncpg.PostgresError) as error:
            if _says_nothing_of_the_product(error):
                raise
            LOG.warning("import.product_refused", handle=one.change.after.handle, error=str(error))
            return str(error)
        return None

    async def _keep_score(self, uow: UnitOfWork, work: Work) -> None:
        """Count what came of the batch; a product that several runs of rows touch counts once."""
        repository, found = ImportRepository(uow), self._import
        earlier = await repository.seen(found.id, [each.change.after.id for each in work.merged])
        outcomes: dict[UUID, str] = {}
        tally: Counter[str] = Counter()
        for each in work.merged:
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
        found.variants += sum(len(each.applied) for each in work.merged)
        errors = sorted((error for rows in work.read for error in rows.errors), key=lambda error: error.row)
        found.failed += len({error.row for error in errors})
        await repository.add_errors(found.id, errors, after=found.errors)
        found.errors += len(errors)
        await repository.mark_seen(found.id, outcomes)
        await self._keep_stock(repository, work.merged)

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
            column = self._layout.names.get("quantity")
            self._warnings.note("quantity", reason, row=min(lines)[0], column=column, count=len(lines))
        elif not self._import.dry_run:
            await repository.add_stock(self._import.id, lines)

    # -- stock --------------------------------------------------------------------------------------------------------

    async def _set_stock(self) -> None:
        """Give inventory the quantities, outside any transaction; each row's key makes a repetition harmless."""
        location = self._import.location_id
        if location is None or self._import.dry_run:
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
