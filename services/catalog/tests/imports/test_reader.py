"""Records as the csv module reads them, however the bytes arrive, and from any record on."""

import csv
import io
import tracemalloc
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from catalog.imports.detecting import UnreadableFileError
from catalog.imports.reader import (
    MAX_CELL,
    MAX_COLUMNS,
    MAX_OPEN_QUOTES,
    MAX_ROW_BYTES,
    MAX_ROW_LINES,
    Record,
    RecordReader,
)
from catalog.imports.upload import CHUNK_BYTES

cells = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=12)
tables = st.lists(st.lists(cells, min_size=1, max_size=4), max_size=12)


def written(table: list[list[str]], line_end: str = "\r\n", *, codec: str = "utf-8") -> bytes:
    out = io.StringIO(newline="")
    csv.writer(out, lineterminator=line_end).writerows(table)
    return out.getvalue().encode(codec)


def read(content: bytes, sizes: list[int], *, start: int = 0, row: int = 1, codec: str = "utf-8") -> list[Record]:
    reader = RecordReader(start=start, row=row, delimiter=",", codec=codec)
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
        (2, ["1", '"open']),
        (3, ["2", "x"]),
        (4, ["3", "y"]),
    ]
    assert found[1].broken is not None
    assert found[-1].end == len(content)


def test_a_quote_inside_a_cell_is_a_quote() -> None:
    assert read(b'a,5" pipe,c\nd,e,f\n', [])[0].cells == ["a", '5" pipe', "c"]


@given(tables, st.lists(st.integers(1, 9), max_size=30), st.sampled_from(["utf-16-le", "utf-16-be"]))
def test_two_bytes_a_character_are_read_alike(table: list[list[str]], sizes: list[int], codec: str) -> None:
    narrow, wide = written(table), written(table, codec=codec)
    found = read(wide, sizes, codec=codec)
    assert [record.cells for record in found] == [record.cells for record in read(narrow, sizes)]
    assert [record.start for record in found] == [0, *[record.end for record in found]][: len(found)]


@given(
    st.lists(st.sampled_from([b'"', b",", b"\n", b"\r", b"a", b"\x00", b"\xff", b"\xc3", b"\xd8", b'""', b"=1"]))
    | st.lists(st.binary(max_size=40)),
    st.lists(st.integers(1, 7), max_size=20),
    st.sampled_from(["utf-8", "cp1252", "latin-1", "utf-16-le", "utf-16-be"]),
)
def test_whatever_the_bytes_are_each_belongs_to_one_record(pieces: list[bytes], sizes: list[int], codec: str) -> None:
    content = b"".join(pieces)
    found = read(content, sizes, codec=codec)
    assert [record.start for record in found] == [0, *[record.end for record in found]][: len(found)]
    assert (found[-1].end if found else 0) == len(content)
    assert [record.row for record in found] == list(range(1, len(found) + 1))
    for record in found:
        "".join(record.cells).encode()  # nothing that a database or an answer could not hold


def test_a_byte_that_is_no_text_costs_its_row_and_is_shown_where_it_is() -> None:
    found = read(b"a,b\n1,m\xfcg\n2,y\n", [])
    assert [(record.broken is None, record.place, record.cells) for record in found] == [
        (True, None, ["a", "b"]), (False, 1, ["1", "m\\xfcg"]), (True, None, ["2", "y"]),
    ]  # fmt: skip
    assert "0xfc" in str(found[1].broken)


def test_half_a_character_of_utf16_costs_its_row() -> None:
    content = "a,b\n1,\ud83dx\n2,y\n".encode("utf-16-le", "surrogatepass")
    found = read(content, [], codec="utf-16-le")
    assert [record.broken is None for record in found] == [True, False, True]
    assert found[1].cells == ["1", "\\ud83dx"]


def test_lone_carriage_returns_end_lines() -> None:
    assert [record.cells for record in read(b"a,b\r1,2\r3,4", [4, 1])] == [["a", "b"], ["1", "2"], ["3", "4"]]


@pytest.mark.parametrize(
    ("content", "reason", "rest"),
    [
        (b"1," + b"x" * (10 << 20) + b"\n2,y\n", f"a row may have {MAX_ROW_BYTES:,}", [["2", "y"]]),
        (b'1,"' + b"x" * (10 << 20) + b'"\n2,y\n', f"a row may have {MAX_ROW_BYTES:,}", [["2", "y"]]),
        (b"1," + b"x" * (MAX_CELL + 1) + b"\n2,y\n", f"a cell may have {MAX_CELL:,}", [["2", "y"]]),
        (b"," * 1_000_000 + b"\n2,y\n", f"a row may have {MAX_COLUMNS:,}", [["2", "y"]]),
        (b'1,"x\n' + b"2,y\n" * (MAX_ROW_LINES + 1), f"or {MAX_ROW_LINES:,} lines", [["2", "y"]] * 10_001),
    ],
    ids=["endless line", "endless cell", "long cell", "a million columns", "open quote"],
)
def test_what_is_too_large_costs_its_row_and_the_limit_is_named(
    content: bytes, reason: str, rest: list[list[str]]
) -> None:
    broken, *others = read(content, [CHUNK_BYTES] * 20)
    assert reason in str(broken.broken)
    assert broken.row == 1
    assert [record.cells for record in others] == rest


def test_a_file_in_which_no_quote_is_ever_closed_is_given_up() -> None:
    found: list[Record] = []
    reader = RecordReader(start=0, row=1, delimiter=",")
    with pytest.raises(UnreadableFileError, match="never closed, the last is row 201"):
        for _ in range(10):
            for record in reader.feed(b'a"b,"\n' * (CHUNK_BYTES // 60)):
                found.append(record)
                assert len(found) < 2 * MAX_OPEN_QUOTES
    assert len(found) == MAX_OPEN_QUOTES


def chunks(kind: str, count: int) -> Iterator[bytes]:
    """Give a hostile file of ``count`` chunks, piece by piece, so that the test itself holds none of it."""
    yield {"quote": b'a,"b\n', "cell": b'a,"'}.get(kind, b"a,b\n")
    line = {
        "line": b"x" * 100, "cell": b"y" * 100, "columns": b"," * 100, "quote": b"1," + b"z" * 2_000 + b"\n",
        "returns": b"1," + b"2" * 2_000 + b"\r", "zeros": b"\x00" * 100, "wrong": b"1,\xff" + b"w" * 4_000 + b"\n",
    }[kind]  # fmt: skip
    for _ in range(count):
        yield line * (CHUNK_BYTES // len(line))


@pytest.mark.parametrize("kind", ["line", "cell", "columns", "quote", "returns", "zeros", "wrong"])
def test_memory_does_not_grow_with_a_hostile_file(kind: str) -> None:
    peaks = []
    for count in (3, 12):
        reader = RecordReader(start=0, row=1, delimiter=",")
        tracemalloc.start()
        try:
            for chunk in chunks(kind, count):
                for _ in reader.feed(chunk):
                    pass
            for _ in reader.finish():
                pass
            peaks.append(tracemalloc.get_traced_memory()[1])
        finally:
            tracemalloc.stop()
    small, large = peaks
    assert large < small * 1.5 + CHUNK_BYTES, f"{small} bytes for 3 MiB, {large} for 12"
