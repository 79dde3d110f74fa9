"""Records as the csv module reads them, however the bytes arrive, and from any record on."""

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from catalog.imports.reader import (
    MAX_RECORD,
    Record,
    RecordReader,
    UnreadableFileError,
    Utf8Check,
    check_beginning,
    delimiter_of,
)

cells = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=12)
tables = st.lists(st.lists(cells, min_size=1, max_size=4), max_size=12)


def written(table: list[list[str]], line_end: str = "\r\n") -> bytes:
    out = io.StringIO(newline="")
    csv.writer(out, lineterminator=line_end).writerows(table)
    return out.getvalue().encode()


def read(content: bytes, sizes: list[int], *, start: int = 0, row: int = 1, delimiter: str = ",") -> list[Record]:
    reader = RecordReader(start=start, row=row, delimiter=delimiter)
    found: list[Record] = []
    place = start
    for size in sizes:
        found += reader.feed(content[place : place + size])
        place += size
    found += reader.feed(content[place:])
    return [*found, *reader.finish()]


@given(tables, st.lists(st.integers(1, 9), max_size=30), st.sampled_from(["\n", "\r\n"]))
def test_records_are_what_the_csv_module_reads_whole(table: list[list[str]], sizes: list[int], line_end: str) -> None:
    content = written(table, line_end)
    whole = list(csv.reader(io.StringIO(content.decode(), newline="")))
    found = read(content, sizes)
    assert [record.cells for record in found] == whole
    assert [record.row for record in found] == list(range(1, len(whole) + 1))
    assert [record.start for record in found] == [0, *[record.end for record in found]][: len(found)]


@given(tables, st.data())
def test_reading_goes_on_from_any_record(table: list[list[str]], data: st.DataObject) -> None:
    content = written(table)
    whole = read(content, [])
    if not whole:
        return
    place = data.draw(st.integers(0, len(whole) - 1))
    assert read(content, [], start=whole[place].start, row=whole[place].row) == whole[place:]


def test_a_quote_that_nobody_closes_costs_its_own_row_alone() -> None:
    content = b'a,b\n1,"open\n2,x\n3,y\n'
    found = read(content, [3, 5, 2])
    assert [(record.row, record.cells) for record in found] == [
        (1, ["a", "b"]),
        (2, []),
        (3, ["2", "x"]),
        (4, ["3", "y"]),
    ]
    assert found[1].broken is not None
    assert found[-1].end == len(content)


def test_an_open_quote_does_not_take_the_file_into_memory() -> None:
    reader = RecordReader(start=0, row=1, delimiter=",")
    line = b"x" * 1000 + b"\n"
    found = list(reader.feed(b'"' + line))
    for _ in range(2 * MAX_RECORD // len(line)):
        found += reader.feed(line)
    assert found[0].broken is not None
    assert len(found) > 1000


def test_a_quote_inside_a_cell_is_a_quote() -> None:
    assert read(b'a,5" pipe,c\nd,e,f\n', [])[0].cells == ["a", '5" pipe', "c"]


@pytest.mark.parametrize(
    ("head", "word"),
    [
        (b"\xff\xfeH\x00", "UTF-16"), (b"PK\x03\x04...", "spreadsheet"), (b"\x1f\x8b\x08", "gzip"), (b" \r\n", "empty"),
        (b"", "empty"), (b"%PDF-1.7", "PDF"),
    ],
)  # fmt: skip
def test_what_is_no_csv_is_called_by_its_name(head: bytes, word: str) -> None:
    with pytest.raises(UnreadableFileError, match=word):
        check_beginning(head)


def test_a_byte_that_is_no_utf8_is_named_with_its_line() -> None:
    check = Utf8Check()
    check.feed("Handle\nmüg".encode())
    with pytest.raises(UnreadableFileError, match=r"Line 3 has a byte 0xfc"):
        check.feed(b"\nm\xfcg\n")


def test_a_character_cut_by_a_chunk_is_whole_and_a_cut_file_is_told() -> None:
    check = Utf8Check()
    first, second = "ü".encode()[:1], "ü".encode()[1:]
    check.feed(first)
    check.feed(second)
    check.feed(first)
    with pytest.raises(UnreadableFileError):
        check.feed(b"", final=True)


@pytest.mark.parametrize(("line", "delimiter"), [("a,b;c,d", ","), ("a;b;c", ";"), ("a\tb", "\t"), ("a", ",")])
def test_the_delimiter_is_the_one_that_the_header_has_most_of(line: str, delimiter: str) -> None:
    assert delimiter_of(line) == delimiter
