"""An export imported again changes nothing, and its memory does not grow with the catalogue."""

import gzip
import os
import tracemalloc
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
import pytest_asyncio

from catalog.exports.repository import PAGE_PRODUCTS, Wanted
from catalog.exports.routes import write_export
from catalog.testing import money, product_body, variant_body
from common.database import Database
from common.testing import Api
from quartermaster_demo import shop as demo

Json = dict[str, Any]
RunImport = Callable[..., Awaitable[Json]]
OWN = Path(__file__).parent.parent / "data" / "outdoor.csv"
REAL = "catalogues/magento_luma_men_in_shopify_columns.csv.gz"
EMPTY = "TRUNCATE product, category, product_import CASCADE; TRUNCATE product_page, listing, outbox"


def catalogues() -> list[tuple[str, bytes]]:
    real = os.environ.get("REAL_DATA")
    whole = gzip.decompress((Path(real) / REAL).read_bytes()) if real else OWN.read_bytes()
    return [("demo", demo.products_csv()), ("real" if real else "own", whole)]


@pytest_asyncio.fixture(loop_scope="session")
async def empty(database: Database) -> Callable[[], Awaitable[None]]:
    """Empty the catalogue, now and whenever it is called."""

    async def forget() -> None:
        async with database.acquire() as connection:
            await connection.execute(EMPTY)

    await forget()
    return forget


async def exported(staff: Api, query: str = "") -> bytes:
    answer = await staff.get(f"/v1/products/export?format=shopify{query}")
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    return answer.content


@pytest.mark.parametrize(("name", "content"), catalogues(), ids=lambda value: value if isinstance(value, str) else "")
async def test_an_export_changes_nothing_and_fills_an_empty_catalogue_alike(
    name: str, content: bytes, run_import: RunImport, staff: Api, empty: Callable[[], Awaitable[None]]
) -> None:
    imported = await run_import(content)
    assert imported["counts"]["failed"] == 0
    file = await exported(staff)

    again = await run_import(file)

    assert (again["counts"]["unchanged"], again["counts"]["products"]) == (imported["counts"]["products"],) * 2
    assert (again["errors"]["items"], again["counts"]["variants"]) == ([], imported["counts"]["variants"])
    await empty()
    assert (await run_import(file))["counts"]["created"] == imported["counts"]["products"]
    assert await exported(staff) == file


@pytest_asyncio.fixture(loop_scope="session")
async def mixed(staff: Api, empty: Callable[[], Awaitable[None]]) -> list[Json]:
    """Products that a file can hardly hold: two currencies, blanks, commas in tags, two categories, no variant."""
    for title, parent in (("Kitchen", None), ("Pots", "kitchen"), ("Garden", None)):
        await staff.post("/v1/categories", json={"title": title, "parent_id": parent})
    bodies = [
        product_body(
            title=" Blank ", description="<p>x</p>\n", tags=["a, b", "c"], categories=["pots", "garden"],
            variants=[
                variant_body(
                    sku="POT-1", prices=[money(100), money(120, "USD")], tax_class="reduced", barcode="1 "
                )
            ],
        ),
        product_body(title="Idea", status="draft", variants=[], vendor="=HYPERLINK()"),
        product_body(
            title="Rake", categories=["garden"], variants=[variant_body(sku="RAKE", prices=[money(99, "USD")])]
        ),
    ]  # fmt: skip
    made = []
    for body in bodies:
        answer = await staff.post("/v1/products", json=body)
        assert answer.status_code == 201, answer.text
        made.append(answer.json())
    return made


@pytest.mark.parametrize("currency", ["EUR", "USD"])
async def test_what_a_file_cannot_hold_stays_as_it_is(
    currency: str, mixed: list[Json], run_import: RunImport, staff: Api
) -> None:
    ended = await run_import(await exported(staff, f"&currency={currency}"), currency=currency)
    assert (ended["counts"]["unchanged"], ended["errors"]["items"]) == (3, [])
    assert [(await staff.get(f"/v1/products/{each['id']}")).json() for each in mixed] == mixed


@pytest.mark.parametrize(
    ("query", "titles"),
    [
        ("", [" Blank ", "Idea", "Rake"]), ("&status=draft", ["Idea"]), ("&status=published", [" Blank ", "Rake"]),
        ("&category=kitchen", [" Blank "]), ("&category=garden", [" Blank ", "Rake"]), ("&category=nowhere", []),
    ],
)  # fmt: skip
async def test_an_export_can_be_narrowed(query: str, titles: list[str], mixed: list[Json], staff: Api) -> None:
    rows = (await exported(staff, query)).decode().split("\r\n")
    assert [row.split(",")[1] for row in rows[1:-1]] == titles


async def test_only_staff_exports_and_only_what_there_is(api: Api) -> None:
    path = "/v1/products/export?format=shopify"
    assert (await api.get(path)).status_code == 401
    assert (await api.as_customer().get(path)).status_code == 403
    analyst = api.as_user(scopes="catalog:read")
    assert (await analyst.get(path)).status_code == 200
    assert (await analyst.get("/v1/products/export?format=magento")).status_code == 422
    assert (await analyst.get(path + "&currency=EURO")).status_code == 422
    assert (await analyst.get(path + "&category=" + quote("\x00"))).status_code == 422


async def test_no_product_hides_the_export(
    staff: Api, run_import: RunImport, empty: Callable[[], Awaitable[None]]
) -> None:
    made = await staff.post("/v1/products", json=product_body(title="Export"))
    assert made.json()["handle"] == "export-2"
    given = await staff.post("/v1/products", json=product_body(handle="export"))
    assert (given.status_code, given.json()["errors"][0]["pointer"]) == (422, "/handle")
    assert "address of a route" in given.json()["errors"][0]["detail"]
    renamed = await staff.patch("/v1/products/export-2", json={"handle": "export"}, headers={"If-Match": '"1"'})
    assert renamed.status_code == 422
    ended = await run_import(b"Handle,Title,Variant SKU,Variant Price\nExport,Thing,THING,1\n")
    assert [(error["row"], error["column"]) for error in ended["errors"]["items"]] == [(2, "Handle")]
    assert (await exported(staff)).startswith(b"Handle,")


async def test_memory_does_not_grow_with_the_catalogue(
    database: Database, run_import: RunImport, empty: Callable[[], Awaitable[None]]
) -> None:
    header = "Handle,Title,Body (HTML),Variant SKU,Variant Price\n"
    peaks, sizes = [], []
    for count in (PAGE_PRODUCTS, 9 * PAGE_PRODUCTS):
        rows = [f"m{count}-{i},M{i},{'long ' * 500},m{count}-{i},1\n" for i in range(count)]
        assert (await run_import((header + "".join(rows)).encode()))["counts"]["failed"] == 0
        tracemalloc.start()
        try:
            sizes.append(await _passed_through(database))
            peaks.append(tracemalloc.get_traced_memory()[1])
        finally:
            tracemalloc.stop()
    small, large = peaks
    assert sizes[1] > sizes[0] * 8
    assert large < small * 1.5 + (1 << 20), f"{small} bytes for the small catalogue, {large} for the large one"


async def _passed_through(database: Database) -> int:
    """Read an export as its writer makes it; the test's own client would keep it whole."""
    return sum([len(piece) async for piece in write_export(database, Wanted(), "EUR")])
