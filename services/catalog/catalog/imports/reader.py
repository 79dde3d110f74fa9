"""A CSV file as a stream of records, each with the row that a spreadsheet shows and the bytes that it takes.

Knows no columns. The positions let an import go on exactly where it was; a record that cannot be read costs itself
alone, wherever its quotes stand.
"""

import codecs
import csv
from collections.abc import Iterator
from dataclasses import dataclass

MAX_RECORD = 1 << 20  # bytes; a record beyond has a quote that nobody closed

csv.field_size_limit(MAX_RECORD)  # the module's own 128 kB would stop the reader in the middle of a long description

_BOMS = {
    codecs.BOM_UTF16_LE: "UTF-16", codecs.BOM_UTF16_BE: "UTF-16", b"PK\x03\x04": "a spreadsheet or zip archive",
    b"\x1f\x8b": "a gzip archive", b"\xd0\xcf\x11\xe0": "an old Excel workbook", b"%PDF": "a PDF",
}  # fmt: skip


class UnreadableFileError(ValueError):
    """The file as a whole is not CSV in UTF-8; the message says what it seems to be and what to do."""


@dataclass(frozen=True, slots=True)
class Record:
    """Cells of one row; ``start`` and ``end`` are byte offsets in the file. ``broken`` says why there are none."""

    row: int
    start: int
    end: int
    cells: list[str]
    broken: str | None = None


class RecordReader:
    """Cuts bytes, fed as they come, into records.

    Args:
        start: Byte offset of the first byte that will be fed, the beginning of a record.
        row: The row of that record.
        delimiter: What stands between cells.
    """

    def __init__(self, *, start: int, row: int, delimiter: str) -> None:
        self._pending = b""
        self._start = start
        self._row = row
        self._delimiter = delimiter

    def feed(self, data: bytes) -> Iterator[Record]:
        """Yield the records that ``data`` completes."""
        self._pending += data
        before = self._start
        lines = self._pending.splitlines(keepends=True)
        if lines and (not lines[-1].endswith(b"\n")):  # more of it may come; a lone \r may be half a line end
            lines.pop()
        yield from self._records(lines, final=False)
        self._pending = self._pending[self._start - before :]

    def finish(self) -> Iterator[Record]:
        """Yield what is left at the end of the file."""
        yield from self._records(self._pending.splitlines(keepends=True), final=True)

    def _records(self, lines: list[bytes], *, final: bool) -> Iterator[Record]:
        place = 0  # of the next record's first line
        while place < len(lines):
            source = _Lines(lines, place)
            reader = csv.reader(source, delimiter=self._delimiter)
            while (cells := _next_cells(reader)) and not source.ran_out:
                place, size = source.next, source.taken
                source.taken = 0
                yield self._record(size, cells[0])
            if place >= len(lines) or (source.ran_out and not final and source.taken <= MAX_RECORD):
                return  # all is read, or the last record goes on in what will be fed next
            size = len(lines[place])
            place += 1
            yield self._record(size, [], broken="a quote that opens in this row is never closed")

    def _record(self, size: int, cells: list[str], *, broken: str | None = None) -> Record:
        record = Record(self._row, self._start, self._start + size, cells, broken)
        self._start += size
        self._row += 1
        return record


def _next_cells(reader: Iterator[list[str]]) -> list[list[str]]:
    """Read one record; nothing at the end, or where a cell is larger than a record may be."""
    try:
        return [cells] if (cells := next(reader, None)) is not None else []
    except csv.Error:
        return []


class _Lines:
    """Hands lines to the csv module and knows how many bytes the record in hand has taken."""

    def __init__(self, lines: list[bytes], place: int) -> None:
        self._lines = lines
        self.next = place
        self.taken = 0
        self.ran_out = False

    def __iter__(self) -> "_Lines":
        return self

    def __next__(self) -> str:
        if self.next >= len(self._lines):
            self.ran_out = True
            raise StopIteration
        line = self._lines[self.next]
        self.next += 1
        self.taken += len(line)
        return line.decode()


def check_beginning(head: bytes) -> None:
    """Raise UnreadableFileError for a file whose first bytes are those of something else than CSV in UTF-8."""
    for mark, what in _BOMS.items():
        if head.startswith(mark):
            raise UnreadableFileError(f"The file is {what}. Save it as CSV (UTF-8) and send it again.")
    if not head.strip():
        raise UnreadableFileError("The file is empty.")


class Utf8Check:
    """Looks at a whole file, piece by piece, for bytes that are not UTF-8."""

    def __init__(self) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")()
        self._lines = 1

    def feed(self, data: bytes, *, final: bool = False) -> None:
        """Look at the next piece. Raises UnreadableFileError."""
        try:
            self._decoder.decode(data, final)
        except UnicodeDecodeError as error:
            line = self._lines + error.object[: error.start].count(b"\n")
            raise UnreadableFileError(
                f"Line {line} has a byte 0x{error.object[error.start]:02x} that is not UTF-8. "
                "Save the file as CSV (UTF-8) and send it again."
            ) from None
        self._lines += data.count(b"\n")


def delimiter_of(header_line: str) -> str:
    """Guess what stands between cells: the one of comma, semicolon and tab that the header has most of."""
    return max(",;\t", key=header_line.count)
