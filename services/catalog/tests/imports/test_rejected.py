"""Refused rows come back as a file that can be mended and sent again."""

import csv
import io
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any
from uuid import uuid4

import httpx2
import pytest

from common.testing import Api, TestClock

Json = dict[str, Any]
RunImport = Callable[..., Awaitable[Json]]

HEADER = "Handle,Title,Vendor,Option1 Name,Option1 Value,Variant SKU,Variant Price"


def name(word: str) -> str:
    return f"{word}-{uuid4().hex[:8]}"


def lines(*rows: str, header: str = HEADER) -> str:
    return "\n".join([header, *rows]) + "\n"


async def rejected(staff: Api, ended: Json) -> httpx2.Response:
    return await staff.get(f"/v1/imports/{ended['id']}/rejected")


def rows_of(answer: httpx2.Response, delimiter: str = ",") -> list[dict[str, str]]:
    assert answer.status_code == 200, answer.text
    text = answer.content.decode("utf-8-sig")
    return list(csv.DictReader(io.StringIO(text, newline=""), delimiter=delimiter, restkey="more"))


async def test_mended_rows_sent_again_complete_the_import(run_import: RunImport, staff: Api) -> None:
    """The rows of a product stay together, though they stand apart in the file, and what was taken stays as it was."""
    mug, cup, fine = name("mug"), name("cup"), name("fine")
    ended = await run_import(
        lines(
            f"{mug},Mug,Northfield,Size,S,{mug}-S,1",
            f"{fine},Fine,,,,{fine},1",
            f"{cup},,Hillside,Size,S,{cup}-S,2",
            f"{cup},,,,M,{cup}-M,2",
            f"{mug},,,,M,{mug}-M,one",
        )
    )
    assert (ended["counts"]["created"], ended["counts"]["failed"]) == (2, 3)
    answer = await rejected(staff, ended)
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert "attachment" in answer.headers["content-disposition"]
    rows = rows_of(answer)
    assert [(row["import_row"], bool(row["import_error"])) for row in rows] == [
        ("2", False), ("4", True), ("5", True), ("6", True),
    ]  # fmt: skip
    assert rows[3]["import_error"].startswith("Variant Price: ")

    mended = answer.text.replace(",one,", ",1.50,").replace(f"{cup},,Hillside", f"{cup},Cup,Hillside")
    again = await run_import(mended)

    assert (again["counts"]["failed"], again["warnings"]) == (0, [])
    assert (again["counts"]["created"], again["counts"]["updated"]) == (1, 1)
    product = (await staff.get(f"/v1/products/{mug}")).json()
    assert (product["vendor"], [each["sku"] for each in product["variants"]]) == (
        "Northfield",
        [f"{mug}-S", f"{mug}-M"],
    )
    assert len((await staff.get(f"/v1/products/{cup}")).json()["variants"]) == 2
    assert rows_of(await rejected(staff, again)) == []


async def test_a_rejected_file_sent_as_it_is_comes_back_alike(run_import: RunImport, staff: Api) -> None:
    handle = name("bad")
    first = await rejected(staff, await run_import(lines(f"{handle},Bad,,,,{handle},x", f"{handle}-2,Bad,,,,,y")))
    second = await rejected(staff, await run_import(first.content))
    assert second.content == first.content


async def test_cells_come_back_as_they_were_in_the_file_s_own_delimiter(run_import: RunImport, staff: Api) -> None:
    handle = name("käse")
    content = lines(f'{handle};=SUM(A1);" x; ""y"" ";;;;-1', f"{handle};too;short", header=HEADER.replace(",", ";"))
    ended = await run_import(content.encode("cp1252"))
    assert ended["detected"] == {"delimiter": "semicolon", "encoding": "windows-1252"}
    whole, short = rows_of(await rejected(staff, ended), ";")
    assert (whole["Handle"], whole["Title"], whole["Vendor"]) == (handle, "=SUM(A1)", ' x; "y" ')
    assert whole["Variant Price"] == "-1"
    assert (short["Vendor"], short["Variant SKU"]) == ("short", "")
    assert "has 3 cells" in short["import_error"]


async def test_a_reason_is_no_formula(run_import: RunImport, staff: Api) -> None:
    """A column may be called anything, and the reason begins with its name."""
    ended = await run_import(b"Handle,Title,=cmd()\nx,X,\xff\n", encoding="utf-8")
    (row,) = rows_of(await rejected(staff, ended))
    assert row["import_error"].startswith("'=cmd(): has the byte 0xff")


async def test_what_cannot_be_read_is_there_to_be_mended(run_import: RunImport, staff: Api) -> None:
    one, two = name("one"), name("two")
    ended = await run_import(
        lines(f"{one},One,,,,{one},1").encode()
        + f"{two},M\xfcg,,,,{two},1\n".encode("latin-1")
        + "straße,Größe,,,,ä,ö\n".encode()
        + f'{name("q")},"open,,,,x,1\n'.encode()
        + f"{name('w')},wide,,,,x,1,more,and more\n".encode()
    )
    rows = rows_of(await rejected(staff, ended))
    assert [(error["row"], error["column"]) for error in ended["errors"]["items"]] == [
        (3, "Title"), (4, "Variant Price"), (5, None), (6, None),
    ]  # fmt: skip
    assert [row["Title"] for row in rows] == ["M\\xfcg", "Größe", '"open', "wide"]
    assert list(rows[3]["more"]) == ["more", "and more"]


async def test_an_unreadable_first_row_clears_nothing_of_its_product(run_import: RunImport, staff: Api) -> None:
    handle = name("mug")
    rows = [f"{handle},Mug,Northfield,Size,S,{handle}-S,1", f"{handle},,,,M,{handle}-M,1"]
    await run_import(lines(*rows))
    for first in (f"{handle},M\xfcg,N\xe4he,Size,S,{handle}-S,2".encode("latin-1"), f"{handle},short".encode()):
        ended = await run_import(
            f"{HEADER}\n".encode() + first + f"\n{handle},,,,M,{handle}-M,3\n".encode(), encoding="utf-8"
        )
        assert ended["counts"]["failed"] == 1
    product = (await staff.get(f"/v1/products/{handle}")).json()
    assert (product["title"], product["vendor"]) == ("Mug", "Northfield")
    assert [each["prices"][0]["amount"] for each in product["variants"]] == [100, 300]


async def test_utf16_and_forced_encodings_are_read(run_import: RunImport, staff: Api) -> None:
    wide, narrow = name("wide"), name("narrow")
    ended = await run_import(lines(f"{wide},Käse 😀,,,,{wide},1").encode("utf-16"))
    assert ended["detected"] == {"delimiter": "comma", "encoding": "utf-16"}
    assert (await staff.get(f"/v1/products/{wide}")).json()["title"] == "Käse 😀"
    ended = await run_import(
        lines(f"{narrow},caf\xe9,,,,{narrow},1").encode("latin-1"), encoding="iso-8859-1", delimiter="comma"
    )
    assert (ended["detected"]["encoding"], ended["counts"]["created"]) == ("iso-8859-1", 1)


async def test_a_dry_run_has_its_rejected_rows_too(run_import: RunImport, staff: Api) -> None:
    ended = await run_import(lines(f"{name('x')},X,,,,x,nine"), dry_run="true")
    assert len(rows_of(await rejected(staff, ended))) == 1


async def test_rows_are_forgotten_after_thirty_days_and_it_says_so(
    run_import: RunImport, staff: Api, clock: TestClock, run_sweep: Callable[[str], Awaitable[int]]
) -> None:
    ended = await run_import(lines(f"{name('x')},X,,,,x,nine"))
    clock.advance(timedelta(days=29))
    await run_sweep("forget-old-import-rows")
    assert (await rejected(staff, ended)).status_code == 200
    clock.advance(timedelta(days=2))
    await run_sweep("forget-old-import-rows")
    gone = await rejected(staff, ended)
    assert (gone.status_code, gone.json()["type"]) == (410, "/problems/rejected-rows-forgotten")


async def test_only_a_read_import_has_rejected_rows(
    run_import: RunImport, upload: Callable[..., Awaitable[httpx2.Response]], staff: Api, api: Api
) -> None:
    failed = await run_import(b"Title\nMug\n")
    answer = await rejected(staff, failed)
    assert (answer.status_code, answer.json()["type"]) == (409, "/problems/import-not-read")
    assert "no column Handle" in answer.json()["detail"]
    queued = (await upload(lines(f"{name('x')},X,,,,x,1"))).json()
    assert (await rejected(staff, queued)).status_code == 409
    assert (await staff.get(f"/v1/imports/{uuid4()}/rejected")).status_code == 404
    assert (await rejected(api, queued)).status_code == 401


@pytest.mark.parametrize("cell", ["a\x00b", "x" * 300_000])
async def test_hostile_cells_come_back(cell: str, run_import: RunImport, staff: Api) -> None:
    ended = await run_import(lines(f'{name("x")},"{cell}",,,,x,1'))
    (row,) = rows_of(await rejected(staff, ended))
    assert (row["Title"], ended["errors"]["items"][0]["column"]) == (cell, "Title")
