"""Refused rows as a file: what was sent, with a reason behind each, to be mended and sent again.

The rows of a product stay together, refused or not: without its first row, the others would be taken for a product
whose own cells are empty. They are collected when the whole file has been read, since a product's rows may stand apart.
"""

from collections.abc import AsyncIterator, Collection, Sequence
from uuid import UUID

import orjson

from catalog.csv_lines import CsvLines, harmless
from catalog.imports.detecting import DELIMITERS
from catalog.imports.models import Import
from catalog.imports.shopify import OURS
from common.database import Database, UnitOfWork

HEADER_ROW = 1
PAGE_ROWS = 500
PAGE_BYTES = 4 << 20  # a row may have 1 MiB

NOTE_HANDLES = """
INSERT INTO import_refused_handle (import_id, handle) SELECT $1, * FROM unnest($2::text[]) ON CONFLICT DO NOTHING
"""
REFUSED_HANDLES = "SELECT handle FROM import_refused_handle WHERE import_id = $1 AND handle = ANY($2::text[])"
KEEP = """
INSERT INTO import_rejected (import_id, "row", cells) SELECT $1, * FROM unnest($2::bigint[], $3::bytea[])
ON CONFLICT DO NOTHING
"""
PAGE = """
SELECT r."row", r.cells, (
    SELECT string_agg(concat_ws(': ', e."column", e.reason), '; ' ORDER BY e.number)
    FROM import_error AS e WHERE e.import_id = $1 AND e."row" = r."row"
) AS reason
FROM (
    SELECT "row", cells, sum(octet_length(cells)) OVER (ORDER BY "row") - octet_length(cells) AS before
    FROM (SELECT * FROM import_rejected WHERE import_id = $1 AND "row" > $2 ORDER BY "row" LIMIT $3) AS page
) AS r WHERE r.before < $4 ORDER BY r."row"
"""
HEADER = 'SELECT cells FROM import_rejected WHERE import_id = $1 AND "row" = $2'


async def note_refused_handles(uow: UnitOfWork, import_id: UUID, handles: Sequence[str]) -> None:
    """Remember whose rows are to be collected; empty: rows that nobody's product claims."""
    if handles:
        await uow.execute(NOTE_HANDLES, import_id, list(handles))


async def refused_among(uow: UnitOfWork, import_id: UUID, handles: Collection[str]) -> set[str]:
    """Tell which of the handles had rows refused, in the transaction of ``uow``."""
    return {row["handle"] for row in await uow.fetch(REFUSED_HANDLES, import_id, list(handles))}


async def keep_rows(uow: UnitOfWork, import_id: UUID, rows: Sequence[tuple[int, str, list[str]]]) -> None:
    """Keep those rows, given as number, handle and cells, whose product was refused or lost a row."""
    known = await uow.single(REFUSED_HANDLES, import_id, list({handle for _, handle, _ in rows}))
    refused = {row["handle"] for row in known}
    kept = [(number, orjson.dumps(cells)) for number, handle, cells in rows if handle in refused]
    if kept:
        await uow.single(KEEP, import_id, *map(list, zip(*kept, strict=True)))


async def keep_header(uow: UnitOfWork, import_id: UUID, header: Sequence[str]) -> None:
    """Keep the file's first row."""
    await uow.single(KEEP, import_id, [HEADER_ROW], [orjson.dumps(header)])


async def header_of(uow: UnitOfWork, import_id: UUID) -> list[str] | None:
    """Read the first row that was kept; None once the rows were forgotten."""
    row = await uow.single_row(HEADER, import_id, HEADER_ROW)
    header: list[str] | None = orjson.loads(row["cells"]) if row is not None else None
    return header


async def rejected_file(database: Database, found: Import, header: Sequence[str]) -> AsyncIterator[bytes]:
    """Write the rows as CSV, a page at a time, with the file's own delimiter; in UTF-8 with a mark, for Excel."""
    ours = {place for place, name in enumerate(header) if name.strip().casefold() in OURS}
    lines = CsvLines(DELIMITERS[found.delimiter or "comma"])
    lines.add([*_without(header, ours), *OURS])
    yield b"\xef\xbb\xbf" + lines.take()
    after = HEADER_ROW
    while rows := await database.uow().single(PAGE, found.id, after, PAGE_ROWS, PAGE_BYTES):
        for row in rows:
            cells: list[str] = orjson.loads(row["cells"])
            own = cells[: len(header)] + [""] * (len(header) - len(cells))
            lines.add([*_without(own, ours), row["row"], harmless(row["reason"] or ""), *cells[len(header) :]])
        after = rows[-1]["row"]
        yield lines.take()


def _without(cells: Sequence[str], places: set[int]) -> list[str]:
    return [cell for place, cell in enumerate(cells) if place not in places]
