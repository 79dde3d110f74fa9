"""A dry run says what the real one will do, to the count, and changes nothing."""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from catalog.app import SERVICE
from catalog.imports.running import BATCH_PRODUCTS, MOST_CHANGES
from catalog.testing import FakeInventory, variant_body
from common.database import Database
from common.invariants import run_invariants
from common.testing import Api

Json = dict[str, Any]
RunImport = Callable[..., Awaitable[Json]]
MakeProduct = Callable[..., Awaitable[Json]]

HEADER = "Handle,Title,Product Category,Tags,Option1 Name,Option1 Value,Variant SKU,Variant Price,Variant Inventory Qty"
TABLES = ("product", "variant", "variant_price", "category", "product_category", "product_page", "listing", "outbox")
CONTENT = "SELECT '{0}', count(*), md5(string_agg(t::text, '' ORDER BY t::text)) FROM {0} AS t"
CONTENTS = " UNION ALL ".join(CONTENT.format(table) for table in TABLES)


def name(word: str) -> str:
    return f"{word}-{uuid4().hex[:8]}"


def lines(*rows: str, header: str = HEADER) -> str:
    return "\n".join([header, *rows]) + "\n"


async def everything(database: Database) -> list[tuple[Any, ...]]:
    async with database.acquire() as connection:
        return [tuple(row) for row in await connection.fetch(CONTENTS)]


def told(ended: Json) -> Json:
    return {name: count for name, count in ended["counts"].items() if name != "stock_set"}


async def test_the_real_run_does_what_the_dry_run_told(
    run_import: RunImport, make_product: MakeProduct, database: Database, inventory: FakeInventory
) -> None:
    """Rows apart across batches, SKUs taken by the file's own earlier rows, renamed products, refusals of each kind."""
    (location,) = inventory.locations
    known = await make_product(title="Known", variants=[variant_body(sku=name("known"))])
    sku = known["variants"][0]["sku"]
    a, b = name("a"), name("b")
    between = [f"{a}-{i},Between,{a} > {i % 7} > Deep,,,,{a}-{i},1,5" for i in range(BATCH_PRODUCTS + 20)]
    content = lines(
        f"{a},Apart,{a} > New,x,Size,S,{a}-S,1,1",
        f"{known['handle']}-renamed,Known anew,,,,,{sku},3,",
        f"{b},Wrong price,,,,,{b},nine,",
        *between,
        f"{a},,,,,M,{a}-M,1,2",
        f"{b}-thief,Thief,,,,,{a}-S,1,",
        f"{known['handle']}-renamed,,,,,,{sku},4,",
        f"{a}-0,Between again,,,,,{a}-0,1,",
        f"{a}-1,,,,,,{a}-1,1,",
    )
    before = await everything(database)

    dry = await run_import(content, dry_run="true", location=str(location))

    assert await everything(database) == before
    assert (dry["status"], dry["dry_run"], inventory.stock) == ("completed", True, {})
    assert await run_invariants(database, SERVICE.invariants) == []
    real = await run_import(content, location=str(location))
    assert told(real) == told(dry)
    assert real["errors"] == dry["errors"]
    assert real["warnings"] == dry["warnings"]
    assert (real["counts"]["created"], real["counts"]["updated"], real["counts"]["failed"]) == (len(between) + 1, 1, 2)
    again = await run_import(content, dry_run="true", location=str(location))
    assert again["counts"]["created"] == 0


async def test_each_product_s_fields_are_told_before_and_after(
    run_import: RunImport, make_product: MakeProduct
) -> None:
    new, sku = name("new"), name("MUG")
    known = await make_product(
        title="Mug", tags=["blue"], description="short", variants=[variant_body(sku=sku, price=500)]
    )
    header = "Handle,Title,Body (HTML),Tags,Variant SKU,Variant Price"
    ended = await run_import(
        lines(
            f'{known["handle"]},Mug,{"long " * 100},"blue, gift",{sku},6.00',
            f"{new},New,,,{new},1",
            header=header,
        ),
        dry_run="true",
    )
    mug, made = ended["changes"]["items"]
    fields = {each["field"]: (each["before"], each["after"]) for each in mug["fields"]}
    assert (mug["handle"], mug["outcome"]) == (known["handle"], "updated")
    assert fields.pop("/description")[1] == ("long " * 100)[:200] + "…"
    assert fields == {"/tags": ("blue", "blue, gift"), f"/variants/{sku}/prices/EUR": (500, 600)}
    assert (made["handle"], made["outcome"]) == (new, "created")
    assert {"field": "/title", "before": None, "after": "New"} in made["fields"]
    assert ended["changes"]["next"] is None


async def test_changes_come_in_pages_and_a_large_file_keeps_the_first_thousand(
    run_import: RunImport, staff: Api
) -> None:
    word = name("many")
    content = lines(*[f"{word}-{i},Many,,,,,{word}-{i},1," for i in range(MOST_CHANGES + 5)])
    ended = await run_import(content, dry_run="true")
    assert ended["counts"]["created"] == MOST_CHANGES + 5
    seen: list[str] = []
    after = ""
    while True:
        page = (await staff.get(f"/v1/imports/{ended['id']}?limit=200{after}")).json()["changes"]
        seen += [change["handle"] for change in page["items"]]
        if page["next"] is None:
            break
        after = f"&changes_after={page['next']}"
    assert seen == [f"{word}-{i}" for i in range(MOST_CHANGES)]


async def test_what_cannot_be_announced_is_refused_in_both(run_import: RunImport) -> None:
    """2,048 variants with the longest values there can be make an event that no topic takes."""
    handle, long = name("huge"), "ü" * 240
    header = "Handle,Title,Option1 Name,Option1 Value,Option2 Name,Option2 Value,Option3 Name,Option3 Value,Variant SKU"
    rows = [f"{handle},Huge,One,{i}{long},Two,{long},Three,{long},{handle}-{i}" for i in range(2048)]
    dry = await run_import(lines(*rows, header=header), dry_run="true")
    assert (dry["counts"]["failed"], dry["counts"]["created"]) == (2048, 0)
    assert "was refused" in dry["errors"]["items"][0]["reason"]
    real = await run_import(lines(*rows, header=header))
    assert told(real) == told(dry)


@pytest.mark.parametrize("file", ["outdoor.csv", "kitchen_windows.csv"])
async def test_a_catalogue_is_told_as_it_is_then_imported(file: str, run_import: RunImport) -> None:
    content = (Path(__file__).parent.parent / "data" / file).read_bytes()
    dry = await run_import(content, dry_run="true")
    assert told(await run_import(content)) == told(dry)
    assert (await run_import(content, dry_run="true"))["changes"]["items"] == []
