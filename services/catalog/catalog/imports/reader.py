"""A CSV file as a stream of records, each with the row that a spreadsheet shows and the bytes that it takes.

Knows no columns. The positions let an import go on exactly where it was; a record that cannot be read costs itself
alone, wherever its quotes stand. Memory and time are bounded whatever the bytes are: see the limits.
"""

import csv
import io
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from catalog.imports.detecting import UnreadableFileError

MAX_ROW_BYTES = (
    1 << 20
)  # holds the longest product that the catalogue takes; beyond, a quote is open or a line end gone
MAX_CELL = 1 << 18  # characters; more than twice the longest text that any column keeps
MAX_COLUMNS = 1_000  # a shop's export has some 80, with every metafield 300
MAX_ROW_LINES = 10_000  # a quoted cell may hold lines; looking for its end must not take 50 ms
MAX_OPEN_QUOTES = 200  # rows whose quote was looked for in vain, some 10 ms each; then the file is given up
BEGINNING = 1 << 12  # bytes kept of a row that is too long, to tell whose it is

csv.field_size_limit(MAX_ROW_BYTES)  # the module's own 128 kB would stop the reader in the middle of a long description

_HALVES = re.compile("[\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class Record:
    """Cells of one row; ``start`` and ``end`` are byte offsets in the file.

    ``broken`` says why the row cannot be taken, ``place`` which of its cells is to blame; the cells are then what could
    be made out, for people to mend.
    """

    row: int
    start: int
    end: int
    cells: list[str]
    broken: str | None = None
    place: int | None = None


class RecordReader:
    """Cuts bytes, fed as they come, into records.

    Args:
        start: Byte offset of the first byte that will be fed, the beginning of a record.
        row: The row of that record.
        delimiter: What stands between cells.
        codec: Python's name of the encoding: utf-8, cp1252, latin-1, utf-16-le or utf-16-be.
    """

    def __init__(self, *, start: int, row: int, delimiter: str, codec: str = "utf-8") -> None:
        self._pending = b""
        self._start = start
        self._row = row
        self._delimiter = delimiter
        self._text = _Text(codec)
        self._beginning = b""  # of a row that is being passed over
        self._passed_over = 0
        self._open_quotes = 0

    def feed(self, data: bytes) -> Iterator[Record]:
        """Yield the records that ``data`` completes. Raises UnreadableFileError when quotes make no sense at all."""
        self._pending += data
        lines, rest = self._text.lines(self._pending), 0
        if lines and not self._text.ends(lines[-1]):  # more of it may come; a lone \r may be half a line end
            rest = len(lines.pop())
        yield from self._take(lines, rest=rest)
        if len(self._pending) > MAX_ROW_BYTES:
            self._pass_over()

    def finish(self) -> Iterator[Record]:
        """Yield what is left at the end of the file."""
        yield from self._take(self._text.lines(self._pending), rest=None)

    def _take(self, lines: list[bytes], *, rest: int | None) -> Iterator[Record]:
        """Read ``lines``. ``rest`` counts the bytes at hand of a line behind them; None: the file ends here."""
        begins = self._start + self._passed_over
        if lines and self._passed_over:
            yield self._too_long(len(lines[0]))
            lines = lines[1:]
        yield from self._records(lines, rest=rest)
        if not self._passed_over:
            self._pending = self._pending[self._start - begins :]

    # -- rows that are too long ---------------------------------------------------------------------------------------

    def _pass_over(self) -> None:
        """Forget what came of a line without end; the last bytes stay, since half a line end may be among them."""
        lines = self._text.lines(self._pending)
        if len(lines) != 1:
            return  # a record of several lines, whose end may still come
        kept = 4 + len(self._pending) % 2
        self._beginning = self._beginning or self._pending[:BEGINNING]
        self._passed_over += len(self._pending) - kept
        self._pending = self._pending[-kept:]

    def _too_long(self, rest: int) -> Record:
        size, beginning = self._passed_over + rest, self._beginning
        self._passed_over, self._beginning = 0, b""
        return self._record(size, self._loose_cells(beginning), broken=_too_long(size))

    # -- records ------------------------------------------------------------------------------------------------------

    def _records(self, lines: list[bytes], *, rest: int | None) -> Iterator[Record]:
        place = 0  # of the next record's first line
        while place < len(lines):
            if len(lines[place]) > MAX_ROW_BYTES:
                size, beginning = len(lines[place]), lines[place][:BEGINNING]
                place += 1
                yield self._record(size, self._loose_cells(beginning), broken=_too_long(size))
                continue
            source = _Lines(lines, place, self._text.decode)
            reader = csv.reader(source, delimiter=self._delimiter)
            while (cells := _next_cells(reader)) and not source.stopped:
                place, size, damaged = source.next, source.taken, source.damaged
                source.begin_record()
                yield self._checked(size, cells[0], damaged=damaged)
            if place >= len(lines) or (source.ran_out and rest is not None and source.taken + rest <= MAX_ROW_BYTES):
                return  # all is read, or the last record goes on in what will be fed next
            if source.taken:
                yield self._open_quote(lines[place], final=source.ran_out and rest is None)
                place += 1

    def _open_quote(self, line: bytes, *, final: bool) -> Record:
        self._open_quotes += 1
        if self._open_quotes > MAX_OPEN_QUOTES:
            raise UnreadableFileError(
                f"More than {MAX_OPEN_QUOTES} rows open a quote that is never closed, the last is row {self._row}. "
                "Is the delimiter right? Save the file as CSV once more; what was read before that row is kept."
            )
        most = f"{MAX_ROW_BYTES:,} bytes or {MAX_ROW_LINES:,} lines"
        where = "" if final else f" within {most}, the most that a row may have"
        reason = f"a quote that opens in this row is never closed{where}"
        return self._record(len(line), self._loose_cells(line), broken=reason)

    def _checked(self, size: int, cells: list[str], *, damaged: bool) -> Record:
        """Make a record of ``cells``, unless there are too many, one is too long, or bytes in them are no text."""
        if damaged:
            place = next((place for place, cell in enumerate(cells) if _HALVES.search(cell)), 0)
            reason = self._text.complaint(cells[place])
            return self._record(size, _shown(cells), broken=reason, place=place)
        if len(cells) > MAX_COLUMNS:
            reason = f"has {len(cells):,} cells; a row may have {MAX_COLUMNS:,}. Is the delimiter right?"
            return self._record(size, cells[:MAX_COLUMNS], broken=reason)
        if size > MAX_CELL and len(longest := max(cells, key=len)) > MAX_CELL:
            reason = f"has {len(longest):,} characters; a cell may have {MAX_CELL:,}. Shorten it"
            return self._record(size, cells, broken=reason, place=cells.index(longest))
        return self._record(size, cells)

    def _record(self, size: int, cells: list[str], *, broken: str | None = None, place: int | None = None) -> Record:
        record = Record(self._row, self._start, self._start + size, cells, broken, place)
        self._start += size
        self._row += 1
        return record

    def _loose_cells(self, line: bytes) -> list[str]:
        """Make out the cells of a line whose quotes cannot be trusted."""
        text, _ = self._text.decode(line)
        return _shown(text.rstrip("\r\n").split(self._delimiter)[:MAX_COLUMNS])


def _too_long(size: int) -> str:
    return f"has {size:,} bytes; a row may have {MAX_ROW_BYTES:,}. Shorten its cells, or give the file line ends"


def _shown(cells: Sequence[str]) -> list[str]:
    r"""Write bytes that are no text as ``\xfc``: visible, and nothing is made up."""
    return [_HALVES.sub(lambda half: _written(half[0]), cell) for cell in cells]


def _written(half: str) -> str:
    code = ord(half)
    return f"\\x{code - 0xDC00:02x}" if 0xDC80 <= code <= 0xDCFF else f"\\u{code:04x}"  # noqa: PLR2004 - surrogateescape


def _next_cells(reader: Iterator[list[str]]) -> list[list[str]]:
    """Read one record; nothing at the end, or where a cell is larger than a record may be."""
    try:
        return [cells] if (cells := next(reader, None)) is not None else []
    except csv.Error:
        return []


class _Text:
    """Lines of an encoding, as bytes and as text. What is no text in it becomes halves of surrogate pairs."""

    def __init__(self, codec: str) -> None:
        self._codec = codec
        self._wide = codec.startswith("utf-16")
        self._errors = "surrogatepass" if self._wide else "surrogateescape"
        self._end = "\n".encode(codec)

    def lines(self, data: bytes) -> list[bytes]:
        """Cut at line ends, which stay; only the last line may have none."""
        if not self._wide:
            return data.splitlines(keepends=True)
        whole = len(data) - len(data) % 2
        text = io.StringIO(data[:whole].decode(self._codec, self._errors), newline="")
        lines = [line.encode(self._codec, self._errors) for line in text]
        if whole < len(data):
            lines.append((lines.pop() if lines and not self.ends(lines[-1]) else b"") + data[whole:])
        return lines

    def ends(self, line: bytes) -> bool:
        """Tell whether a line is surely whole."""
        return line.endswith(self._end) and not (self._wide and len(line) % 2)

    def decode(self, line: bytes) -> tuple[str, bool]:
        """Return a line's text, and whether some of its bytes are none."""
        try:
            return line.decode(self._codec), False
        except UnicodeDecodeError:
            if self._wide and len(line) % 2:
                return line[:-1].decode(self._codec, self._errors) + "\ud800", True
            return line.decode(self._codec, self._errors), True

    def complaint(self, cell: str) -> str:
        """Say what is wrong with a cell."""
        half = _HALVES.search(cell)
        shown = _written(half[0]) if half else "?"
        if self._wide:
            return f"has half a character ({shown}), which is no text. Correct it"
        name = {"utf-8": "UTF-8", "cp1252": "Windows-1252"}.get(self._codec, self._codec)
        return (
            f"has the byte {shown.replace(chr(92), '0')}, which is no {name}. Correct it, or name the file's encoding"
        )


class _Lines:
    """Hands lines to the csv module and knows how many bytes the record in hand has taken."""

    def __init__(self, lines: list[bytes], place: int, decode: Callable[[bytes], tuple[str, bool]]) -> None:
        self._lines = lines
        self._decode = decode
        self._first = place  # line of the record in hand
        self.next = place
        self.taken = 0
        self.damaged = False
        self.ran_out = False
        self.stopped = False

    def __iter__(self) -> "_Lines":
        return self

    def begin_record(self) -> None:
        """Count anew."""
        self._first, self.taken, self.damaged = self.next, 0, False

    def __next__(self) -> str:
        if self.next >= len(self._lines):
            self.ran_out = self.stopped = True
            raise StopIteration
        line = self._lines[self.next]
        if self.taken + len(line) > MAX_ROW_BYTES or self.next - self._first >= MAX_ROW_LINES:
            self.stopped = True
            raise StopIteration
        self.next += 1
        self.taken += len(line)
        text, damaged = self._decode(line)
        self.damaged = self.damaged or damaged
        return text
