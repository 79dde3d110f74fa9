"""What a file of rows is written in: told by its first bytes, or forced by whoever sends it.

Rules, no statistics: product files are ASCII for long stretches, and a guess among ninety code pages would be wrong
more often than the three that spreadsheets write. Whatever is found is told in the import's answer.
"""

import codecs
import csv
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal, get_args

DelimiterName = Literal["comma", "semicolon", "tab", "pipe"]
EncodingName = Literal["utf-8", "utf-16", "windows-1252", "iso-8859-1"]

DELIMITERS: Final[Mapping[DelimiterName, str]] = {"comma": ",", "semicolon": ";", "tab": "\t", "pipe": "|"}
ENCODINGS: Final[tuple[EncodingName, ...]] = get_args(EncodingName)
SINGLE_BYTE: Final[Mapping[str, str]] = {"windows-1252": "cp1252", "iso-8859-1": "latin-1"}

_UTF16_MARKS = {codecs.BOM_UTF16_LE: "utf-16-le", codecs.BOM_UTF16_BE: "utf-16-be"}
_FOREIGN = {
    codecs.BOM_UTF32_LE: "UTF-32", codecs.BOM_UTF32_BE: "UTF-32", b"PK\x03\x04": "a spreadsheet or zip archive",
    b"\x1f\x8b": "a gzip archive", b"\xd0\xcf\x11\xe0": "an old Excel workbook", b"%PDF": "a PDF",
}  # fmt: skip
_UTF8_SEQUENCE = re.compile(rb"[\xc2-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}|[\xf0-\xf4][\x80-\xbf]{3}")
_CUT_SEQUENCE = re.compile(rb"[\xc2-\xf4][\x80-\xbf]{0,2}\Z")
_NOT_ASCII = re.compile(rb"[\x80-\xff]")
_HEADER_BYTES = 1 << 16  # the header's line is looked for in these


class UnreadableFileError(ValueError):
    """The file as a whole cannot be read; the message says what it seems to be and what to do."""


@dataclass(frozen=True, slots=True)
class Format:
    """How to read a file. ``codec`` is Python's name; ``mark`` counts the bytes of a byte order mark to leave out."""

    encoding: EncodingName
    codec: str
    mark: int
    delimiter: DelimiterName

    @property
    def separator(self) -> str:
        """The character between cells."""
        return DELIMITERS[self.delimiter]


def format_of(
    head: bytes,
    *,
    encoding: EncodingName | None,
    delimiter: DelimiterName | None,
    known_columns: Callable[[Sequence[str]], int],
) -> Format:
    """Find out how a file is written.

    Args:
        head: Its first bytes, or all of it.
        encoding: What the sender says; None: find it.
        delimiter: The same.
        known_columns: Counts the cells of a header that name a column one can read.

    Raises:
        UnreadableFileError: it is empty, or no text in an encoding that can be read.
    """
    for mark, what in _FOREIGN.items():
        if head.startswith(mark):
            raise UnreadableFileError(f"The file is {what}. Save it as CSV (UTF-8) and send it again.")
    name, codec, mark_bytes = _encoding_of(head, encoding)
    text = head[mark_bytes:].decode(codec, "replace")
    if not text.strip():
        raise UnreadableFileError("The file is empty.")
    return Format(name, codec, mark_bytes, delimiter or delimiter_of(text[:_HEADER_BYTES], known_columns))


def _encoding_of(head: bytes, forced: EncodingName | None) -> tuple[EncodingName, str, int]:
    utf16 = next((codec for mark, codec in _UTF16_MARKS.items() if head.startswith(mark)), None)
    if utf16 and forced in {None, "utf-16"}:
        return "utf-16", utf16, 2
    if utf16:
        raise UnreadableFileError(
            f"The file begins with the mark of UTF-16, but was sent as {forced}. Leave the field encoding out."
        )
    if forced == "utf-16":
        return "utf-16", "utf-16-be" if head[::2].count(0) > head[1::2].count(0) else "utf-16-le", 0
    if forced is None and head.count(0) * 4 > len(head):
        raise UnreadableFileError(
            "The file seems to be UTF-16 without a byte order mark. Save it as CSV (UTF-8), or send it with "
            "encoding=utf-16."
        )
    name = forced or _name_of_bytes(head)
    mark = len(codecs.BOM_UTF8) if name == "utf-8" and head.startswith(codecs.BOM_UTF8) else 0
    return name, SINGLE_BYTE.get(name, name), mark


def _name_of_bytes(head: bytes) -> EncodingName:
    """UTF-8 unless most of what is not ASCII is none: a file with one wrong byte stays UTF-8, and its row is told."""
    if head.startswith(codecs.BOM_UTF8) or head.isascii():
        return "utf-8"
    rest, sequences = _UTF8_SEQUENCE.subn(b"", head)
    if len(head) >= _HEADER_BYTES:  # a piece of a longer file, whose last character may be cut
        rest = _CUT_SEQUENCE.sub(b"", rest)
    wrong = len(_NOT_ASCII.findall(rest))
    return "utf-8" if sequences > wrong or not wrong else "windows-1252"


def delimiter_of(text: str, known_columns: Callable[[Sequence[str]], int]) -> DelimiterName:
    """Choose what stands between cells: the one by which the header has most known columns, then most columns."""
    line = text.lstrip("\r\n").splitlines()[0] if text.strip("\r\n") else ""

    def score(name: DelimiterName) -> tuple[int, int]:
        try:
            cells = next(csv.reader([line], delimiter=DELIMITERS[name]), [])
        except csv.Error:
            return 0, 0
        return known_columns(cells), len(cells)

    return max(DELIMITERS, key=score)
