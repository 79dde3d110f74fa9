"""How a file is written is told by its first bytes, or by whoever sends it."""

import pytest

from catalog.imports.detecting import DelimiterName, EncodingName, UnreadableFileError, format_of
from catalog.imports.shopify import known_columns

HEADER = "Handle,Title,Variant Price"


def found(
    head: bytes, *, encoding: EncodingName | None = None, delimiter: DelimiterName | None = None
) -> tuple[str, str, int]:
    result = format_of(head, encoding=encoding, delimiter=delimiter, known_columns=known_columns)
    return result.encoding, result.delimiter, result.mark


@pytest.mark.parametrize(
    ("codec", "encoding", "mark"),
    [
        ("utf-8", "utf-8", 0), ("utf-8-sig", "utf-8", 3), ("utf-16", "utf-16", 2), ("cp1252", "windows-1252", 0),
    ],
)  # fmt: skip
@pytest.mark.parametrize(("delimiter", "name"), [(",", "comma"), (";", "semicolon"), ("\t", "tab"), ("|", "pipe")])
def test_encoding_and_delimiter_are_found(codec: str, encoding: str, mark: int, delimiter: str, name: str) -> None:
    head = f"{HEADER}\nmug,Käsebrett € rund,9\n".replace(",", delimiter).encode(codec)
    assert found(head) == (encoding, name, mark)


def test_one_wrong_byte_does_not_make_a_file_windows_1252() -> None:
    assert found(f"{HEADER}\nmug,Käse Brötchen,9\n".encode() + b"b,B\xe4r,1\n")[0] == "utf-8"


def test_a_character_cut_at_the_end_of_the_first_piece_is_no_wrong_byte() -> None:
    text = f"{HEADER}\n" + "x" * 70_000 + "ü"
    assert found(text.encode()[:-1])[0] == "utf-8"


def test_the_delimiter_is_the_one_by_which_columns_are_known_whatever_stands_more_often() -> None:
    assert found(b"Handle;Title;Variant Price (a, b, c, d, e)\n")[1] == "semicolon"
    assert found(b'Handle,"Title",Status\n"a;b;c;d",x,y\n')[1] == "comma"


def test_the_sender_s_word_counts() -> None:
    assert found(f"{HEADER}\nmüg,Mug,1".encode("latin-1"), encoding="iso-8859-1")[0] == "iso-8859-1"
    assert found(b"Handle;Title\n", delimiter="comma")[1] == "comma"
    assert found(f"{HEADER}\n".encode("utf-16-be"), encoding="utf-16") == ("utf-16", "comma", 0)


@pytest.mark.parametrize(
    ("head", "word"),
    [
        (f"{HEADER}\n".encode("utf-16-le"), "UTF-16 without a byte order mark"), (HEADER.encode("utf-32"), "UTF-32"),
        (b"PK\x03\x04...", "spreadsheet"), (b"\x1f\x8b\x08", "gzip"), (b" \r\n", "empty"), (b"", "empty"),
        (b"\xef\xbb\xbf\n", "empty"), (b"%PDF-1.7", "PDF"),
    ],
)  # fmt: skip
def test_what_is_no_csv_is_called_by_its_name(head: bytes, word: str) -> None:
    with pytest.raises(UnreadableFileError, match=word):
        found(head)


def test_a_mark_that_contradicts_the_sender_is_told() -> None:
    with pytest.raises(UnreadableFileError, match="was sent as utf-8"):
        found(HEADER.encode("utf-16"), encoding="utf-8")
