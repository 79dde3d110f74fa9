"""All SQL of imports: the upload's chunks, the job's progress, errors, and stock still to be set."""

from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any
from uuid import UUID

import asyncpg
import orjson

from catalog.imports.models import FieldChange, Import, ProductChange, RowError
from common.database import UnitOfWork

COLUMNS = """id, source, file_name, currency, location_id, status, bytes_total, next_byte, next_row, rows, products,
    variants, created, updated, unchanged, failed, stock_set, errors, warnings, failure, created_at, started_at,
    completed_at, dry_run, delimiter, encoding, changes"""

BEGIN = """
INSERT INTO product_import (id, source, file_name, currency, status, created_by, created_at, updated_at)
VALUES ($1, 'shopify', '', 'XXX', 'receiving', $2, $3, $3)
"""
KEEP_CHUNK = "INSERT INTO import_chunk (import_id, number, data) VALUES ($1, $2, $3)"
TOUCH = "UPDATE product_import SET updated_at = $2 WHERE id = $1"
QUEUE = """
UPDATE product_import SET status = 'queued', source = $2, file_name = $3, currency = $4, location_id = $5,
    bytes_total = $6, updated_at = $7, dry_run = $8, delimiter = $9, encoding = $10
WHERE id = $1
"""
FORGET = "DELETE FROM product_import WHERE id = $1 AND status = 'receiving'"
FORGET_ABANDONED = "DELETE FROM product_import WHERE status = 'receiving' AND updated_at < $1"
FORGET_ROWS = tuple(
    f"DELETE FROM import_{part} WHERE import_id IN (SELECT id FROM product_import WHERE completed_at < $1)"  # noqa: S608
    for part in ("rejected", "change")
)

FIND = f"SELECT {COLUMNS} FROM product_import WHERE id = $1 AND status <> 'receiving'"  # noqa: S608 - our own SQL, as below
PAGE = f"""
SELECT {COLUMNS} FROM product_import
WHERE status <> 'receiving' AND ($1::timestamptz IS NULL OR (created_at, id) < ($1, $2::uuid))
ORDER BY created_at DESC, id DESC LIMIT $3
"""  # noqa: S608
ERRORS = """
SELECT number, "row", "column", reason FROM import_error WHERE import_id = $1 AND number > $2 ORDER BY number LIMIT $3
"""
CHUNK_BY_NUMBER = "SELECT data FROM import_chunk WHERE import_id = $1 AND number = $2"

START = """
UPDATE product_import SET status = 'running', started_at = coalesce(started_at, $2), updated_at = $2,
    version = version + 1
WHERE id = $1 AND status IN ('queued', 'running')
"""
NOTE_FORMAT = "UPDATE product_import SET delimiter = $2, encoding = $3 WHERE id = $1"
# A plan that was made when the catalogue was empty reads whole tables, and the driver keeps it: an import that fills
# the catalogue would get slower with each batch. Only for look-ups: checks of foreign keys would be planned row by row.
PLAN_ANEW = "SET LOCAL plan_cache_mode = force_custom_plan"
PLAN_AS_EVER = "SET LOCAL plan_cache_mode = auto"
ADVANCE = """
UPDATE product_import SET next_byte = $3, next_row = $4, rows = $5, products = $6, variants = $7, created = $8,
    updated = $9, unchanged = $10, failed = $11, errors = $12, warnings = $13, updated_at = $14, changes = $15,
    version = version + 1
WHERE id = $1 AND next_byte = $2 AND status = 'running'
"""
ADD_ERRORS = """
INSERT INTO import_error (import_id, number, "row", "column", reason)
SELECT $1, $2 + n.place, n."row", n."column", n.reason
FROM unnest($3::bigint[], $4::text[], $5::text[]) WITH ORDINALITY AS n("row", "column", reason, place)
"""
SEEN = "SELECT product_id, outcome FROM import_seen WHERE import_id = $1 AND product_id = ANY($2::uuid[])"
MARK_SEEN = """
INSERT INTO import_seen (import_id, product_id, outcome) SELECT $1, * FROM unnest($2::uuid[], $3::text[])
ON CONFLICT (import_id, product_id) DO UPDATE SET outcome = excluded.outcome
"""
ADD_STOCK = """
INSERT INTO import_stock (import_id, "row", sku, count) SELECT $1, * FROM unnest($2::bigint[], $3::text[], $4::bigint[])
"""
NEXT_STOCK = 'SELECT "row", sku, count FROM import_stock WHERE import_id = $1 ORDER BY "row" LIMIT $2'
STOCK_IS_SET = 'DELETE FROM import_stock WHERE import_id = $1 AND "row" = ANY($2::bigint[])'
COUNT_STOCK = """
UPDATE product_import SET stock_set = stock_set + $2, updated_at = $3, version = version + 1 WHERE id = $1
"""
END = """
UPDATE product_import SET status = $2, failure = $3, warnings = $4, completed_at = $5, updated_at = $5,
    version = version + 1
WHERE id = $1 AND status IN ('queued', 'running')
"""
CLEAN_UP = tuple(
    f"DELETE FROM import_{part} WHERE import_id = $1"  # noqa: S608 - our own names
    for part in ("chunk", "seen", "stock", "refused_handle", "draft")
)
ADD_CHANGES = """
INSERT INTO import_change (import_id, number, product_id, handle, outcome, fields, fields_left_out)
SELECT $1, $2 + n.place, n.product_id, n.handle, n.outcome, n.fields::json, n.left_out
FROM unnest($3::uuid[], $4::text[], $5::text[], $6::text[], $7::bigint[])
    WITH ORDINALITY AS n(product_id, handle, outcome, fields, left_out, place)
"""
REWRITE_CHANGES = """
UPDATE import_change AS c SET handle = n.handle, outcome = n.outcome, fields = n.fields::json,
    fields_left_out = n.left_out
FROM unnest($2::uuid[], $3::text[], $4::text[], $5::text[], $6::bigint[])
    AS n(product_id, handle, outcome, fields, left_out)
WHERE c.import_id = $1 AND c.product_id = n.product_id RETURNING c.product_id
"""
CHANGES = """
SELECT number, product_id, handle, outcome, fields, fields_left_out FROM import_change
WHERE import_id = $1 AND number > $2 ORDER BY number LIMIT $3
"""


class StaleRunError(RuntimeError):
    """Another process has taken the import over and is further."""


class ImportRepository:
    """An import's rows, in the transaction of ``uow``."""

    def __init__(self, uow: UnitOfWork) -> None:
        self._uow = uow

    async def get(self, import_id: UUID) -> Import | None:
        """Load an import that was received whole."""
        row = await self._uow.fetchrow(FIND, import_id)
        return _import(row) if row is not None else None

    async def queue(self, found: Import) -> None:
        """Turn a received upload into an import."""
        await self._uow.execute(
            QUEUE, found.id, found.source, found.file_name, found.currency, found.location_id, found.bytes_total,
            self._uow.now, found.dry_run, found.delimiter, found.encoding,
        )  # fmt: skip

    async def start(self, import_id: UUID) -> None:
        """Note that the job is at work."""
        await self._uow.execute(START, import_id, self._uow.now)

    @asynccontextmanager
    async def plans_of_now(self) -> AsyncIterator[None]:
        """Let the block's statements be planned for the tables as they are now."""
        await self._uow.execute(PLAN_ANEW)
        yield
        await self._uow.execute(PLAN_AS_EVER)

    async def note_format(self, found: Import) -> None:
        """Save how the file is read."""
        await self._uow.execute(NOTE_FORMAT, found.id, found.delimiter, found.encoding)

    async def advance(self, found: Import, *, from_byte: int) -> None:
        """Save how far the job is. Raises StaleRunError unless it stood at ``from_byte``."""
        tag = await self._uow.execute(
            ADVANCE, found.id, from_byte, found.next_byte, found.next_row, found.rows, found.products, found.variants,
            found.created, found.updated, found.unchanged, found.failed, found.errors,
            orjson.dumps(found.warnings).decode(), self._uow.now, found.changes,
        )  # fmt: skip
        if tag != "UPDATE 1":
            raise StaleRunError(str(found.id))

    async def add_errors(self, import_id: UUID, errors: Sequence[RowError], *, after: int) -> None:
        """Append refused rows; ``after`` of them are there already."""
        if errors:
            await self._uow.execute(
                ADD_ERRORS, import_id, after, [error.row for error in errors], [error.column for error in errors],
                [error.reason for error in errors],
            )  # fmt: skip

    async def keep_changes(self, import_id: UUID, changes: Sequence[ProductChange], *, kept: int, most: int) -> int:
        """Keep what would change, up to ``most`` products, of which ``kept`` are there; returns how many then are.

        A product that comes again has its entry rewritten.
        """
        if not changes:
            return kept
        known = {row[0] for row in await self._uow.fetch(REWRITE_CHANGES, import_id, *_columns(changes))}
        new = [change for change in changes if change.product_id not in known][: most - kept]
        if new:
            await self._uow.execute(ADD_CHANGES, import_id, kept, *_columns(new))
        return kept + len(new)

    async def seen(self, import_id: UUID, products: Iterable[UUID]) -> dict[UUID, str]:
        """Map the products that earlier rows touched to what came of them."""
        return {row["product_id"]: row["outcome"] for row in await self._uow.fetch(SEEN, import_id, list(products))}

    async def mark_seen(self, import_id: UUID, outcomes: dict[UUID, str]) -> None:
        """Remember what came of products."""
        if outcomes:
            await self._uow.execute(MARK_SEEN, import_id, list(outcomes), list(outcomes.values()))

    async def add_stock(self, import_id: UUID, lines: Sequence[tuple[int, str, int]]) -> None:
        """Keep rows' quantities until inventory has them."""
        if lines:
            await self._uow.execute(ADD_STOCK, import_id, *map(list, zip(*lines, strict=True)))

    async def stock_is_set(self, import_id: UUID, rows: Sequence[int]) -> None:
        """Note that inventory has taken the quantities of ``rows``; said twice, it counts once."""
        tag = await self._uow.execute(STOCK_IS_SET, import_id, list(rows))
        await self._uow.execute(COUNT_STOCK, import_id, int(tag.split()[-1]), self._uow.now)

    async def end(self, found: Import) -> bool:
        """End the import and drop what only its job needed; False if it had ended already."""
        tag = await self._uow.execute(
            END, found.id, found.status, found.failure, orjson.dumps(found.warnings).decode(), found.completed_at
        )
        for statement in CLEAN_UP:
            await self._uow.execute(statement, found.id)
        return tag == "UPDATE 1"


async def read_import(uow: UnitOfWork, import_id: UUID) -> Import | None:
    """Read an import in one statement of its own."""
    row = await uow.single_row(FIND, import_id)
    return _import(row) if row is not None else None


async def read_imports(uow: UnitOfWork, *, before: tuple[datetime, UUID] | None, most: int) -> list[Import]:
    """Read imports, the newest first."""
    return [_import(row) for row in await uow.single(PAGE, *(before or (None, None)), most)]


async def read_errors(uow: UnitOfWork, import_id: UUID, *, after: int, most: int) -> list[tuple[int, RowError]]:
    """Read refused rows with their places in the list."""
    rows = await uow.single(ERRORS, import_id, after, most)
    return [(row["number"], RowError(row["row"], row["column"], row["reason"])) for row in rows]


async def read_changes(uow: UnitOfWork, import_id: UUID, *, after: int, most: int) -> list[tuple[int, ProductChange]]:
    """Read what a dry run would change, with the places in the list."""
    return [
        (
            row["number"],
            ProductChange(
                row["product_id"],
                row["handle"],
                row["outcome"],
                [FieldChange(**each) for each in orjson.loads(row["fields"])],
                row["fields_left_out"],
            ),
        )
        for row in await uow.single(CHANGES, import_id, after, most)
    ]


async def read_chunk(uow: UnitOfWork, import_id: UUID, number: int) -> bytes | None:
    """Read a piece of the upload; None past its end."""
    row = await uow.single_row(CHUNK_BY_NUMBER, import_id, number)
    return bytes(row["data"]) if row is not None else None


async def next_stock(uow: UnitOfWork, import_id: UUID, *, most: int) -> list[tuple[int, str, int]]:
    """Read quantities that inventory does not have yet: row, SKU, count."""
    return [(row["row"], row["sku"], row["count"]) for row in await uow.single(NEXT_STOCK, import_id, most)]


def _columns(changes: Sequence[ProductChange]) -> tuple[list[Any], ...]:
    return (
        [change.product_id for change in changes],
        [change.handle for change in changes],
        [change.outcome for change in changes],
        [orjson.dumps(change.fields).decode() for change in changes],
        [change.fields_left_out for change in changes],
    )


def _import(row: asyncpg.Record) -> Import:
    values: dict[str, Any] = dict(row)
    values["warnings"] = orjson.loads(values["warnings"])
    return Import(**values)
