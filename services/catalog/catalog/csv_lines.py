"""Rows written as CSV, a piece at a time, so that a download needs no more memory than a page."""

import csv
import io
from collections.abc import AsyncIterator, Sequence
from typing import Any

from fastapi.responses import StreamingResponse

FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")
CSV_TYPE = "text/csv; charset=utf-8"
CSV_ANSWER: dict[int | str, dict[str, Any]] = {
    200: {"description": "The file.", "content": {"text/csv": {"schema": {"type": "string"}}}}
}


class CsvLines:
    """Collects rows as UTF-8 bytes until somebody takes them."""

    def __init__(self, delimiter: str = ",") -> None:
        self._out = io.StringIO(newline="")
        self._writer = csv.writer(self._out, delimiter=delimiter, lineterminator="\r\n")

    def add(self, cells: Sequence[object]) -> None:
        """Write a row."""
        self._writer.writerow(cells)

    @property
    def size(self) -> int:
        """How much is there to be taken, in characters."""
        return self._out.tell()

    def take(self) -> bytes:
        """Return what was written since the last time."""
        written = self._out.getvalue()
        self._out.seek(0)
        self._out.truncate()
        return written.encode()


def harmless(text: str) -> str:
    """Keep a spreadsheet from taking a text of ours for a formula: it gets an apostrophe in front."""
    return f"'{text}" if text.startswith(FORMULA_STARTS) else text


def csv_answer(pieces: AsyncIterator[bytes], *, file_name: str) -> StreamingResponse:
    """Answer with a file that is written while it is sent. ``file_name`` is plain ASCII of ours."""
    headers = {"Content-Disposition": f'attachment; filename="{file_name}"', "Cache-Control": "no-store"}
    return StreamingResponse(pieces, media_type=CSV_TYPE, headers=headers)
