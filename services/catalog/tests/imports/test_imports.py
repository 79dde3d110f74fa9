"""Imports: what columns and cells mean, identity, errors to the cell, and what is never doubled."""

from collections.abc import Awaitable, Callable
from typing import Any
from uuid import uuid4

import pytest

from catalog.app import SERVICE
from catalog.imports.running import BATCH_PRODUCTS
from catalog.testing import FakeInventory, money, variant_body
from common.database import Database
from common.events.contracts.catalog import ImportCompleted
from common.invariants import run_invariants
from common.testing import Api, EventProbe

Json = dict[str, Any]
RunImport = Callable[..., Awaitable[Json]]
MakeProduct = Callable[..., Awaitable[Json]]

HEADER = "Handle,Title,Option1 Name,Option1 Value,Variant SKU,Variant Price"


def name(word: str) -> str:
    return f"{word}-{uuid4().hex[:8]}"


def lines(*rows: str, header: str = HEADER) -> str:
    return "\n".join([header, *rows]) + "\n"


def told(ended: Json) -> list[tuple[int, str | None]]:
    return [(error["row"], error["column"]) for error in ended["errors"]["items"]]


async def product_of(staff: Api, handle: str) -> Json:
    read = await staff.get(f"/v1/products/{handle}")
    assert read.status_code == 200, read.text
    product: Json = read.json()
    return product


async def test_one_bad_row_never_loses_the_others(run_import: RunImport, staff: Api, probe: EventProbe) -> None:
    good, bad, last = name("good"), name("bad"), name("last")
    ended = await run_import(
        lines(
            f"{good},Good,Size,S,{good}-S,10.00",
            f"{good},,,M,{good}-M,ten",
            f"{good},,,L,{good}-L,10.005",
            f"{good},,,XL,{good}-XL,11",
            f"{bad},,,,{bad},5",
            f",No handle,,,{bad}-2,5",
            f"{last},Last,,,{last},0.10",
            f"{last},too,short",
        )
    )
    assert ended["status"] == "completed"
    assert told(ended) == [
        (3, "Variant Price"), (4, "Variant Price"), (6, "Title"), (7, "Handle"), (9, None),
    ]  # fmt: skip
    assert (ended["counts"]["rows"], ended["counts"]["failed"], ended["counts"]["created"]) == (8, 5, 2)
    assert [each["sku"] for each in (await product_of(staff, good))["variants"]] == [f"{good}-S", f"{good}-XL"]
    assert (await product_of(staff, last))["variants"][0]["prices"] == [money(10)]
    assert (await staff.get(f"/v1/products/{bad}")).status_code == 404
    (event,) = await probe.events("import.completed", key=ended["id"])
    assert isinstance(event.data, ImportCompleted)
    assert (event.data.object.status, event.data.object.counts.failed) == ("completed", 5)


async def test_errors_come_in_pages(run_import: RunImport, staff: Api) -> None:
    handle = name("many")
    ended = await run_import(lines(*[f"{handle},Many,Size,{i},{handle}-{i},x" for i in range(7)]))
    seen: list[int] = []
    after = ""
    while True:
        page = (await staff.get(f"/v1/imports/{ended['id']}?limit=3{after}")).json()["errors"]
        seen += [error["row"] for error in page["items"]]
        if page["next"] is None:
            break
        after = f"&errors_after={page['next']}"
    assert seen == list(range(2, 9))


async def test_absent_columns_stay_and_empty_cells_clear(run_import: RunImport, staff: Api) -> None:
    handle = name("mug")
    full = "Handle,Title,Vendor,Tags,Variant SKU,Variant Price,Variant Compare At Price,Variant Barcode,Variant Grams"
    await run_import(lines(f'{handle},Mug,Northfield,"a, b",{handle},12.50,15,4006381333931,180.0', header=full))
    first = await product_of(staff, handle)
    (variant,) = first["variants"]
    assert (variant["prices"], variant["compare_at_prices"], variant["weight_grams"]) == (
        [money(1250)],
        [money(1500)],
        180,
    )
    assert first["tags"] == ["a", "b"]

    await run_import(lines(f"{handle},{handle},13", header="Handle,Variant SKU,Variant Price"))
    second = await product_of(staff, handle)
    assert (second["vendor"], second["tags"], second["version"]) == ("Northfield", ["a", "b"], 2)
    assert second["variants"] == [{**variant, "prices": [money(1300)]}]

    await run_import(lines(f"{handle},,,,{handle},,,,", header=full))
    third = await product_of(staff, handle)
    (variant,) = third["variants"]
    assert (third["title"], third["vendor"], third["tags"]) == ("Mug", None, [])
    assert (variant["prices"], variant["compare_at_prices"], variant["barcode"], variant["weight_grams"]) == (
        [],
        [],
        None,
        None,
    )


async def test_prices_of_other_currencies_stay(run_import: RunImport, staff: Api) -> None:
    handle = name("mug")
    await run_import(lines(f"{handle},Mug,,,{handle},12.50"), currency="EUR")
    await run_import(lines(f"{handle},Mug,,,{handle},1900"), currency="JPY")
    (variant,) = (await product_of(staff, handle))["variants"]
    assert variant["prices"] == [money(1250), money(1900, "JPY")]


async def test_a_variant_without_sku_gets_one_for_ever(run_import: RunImport, staff: Api, probe: EventProbe) -> None:
    handle = name("scarf")
    rows = [f"{handle},Scarf,Size,One size/L,,9", f"{handle},,,M,,9"]
    await run_import(lines(*rows))
    first = await product_of(staff, handle)
    assert [each["sku"] for each in first["variants"]] == [f"{handle}-One-size-L", f"{handle}-M"]
    again = await run_import(lines(*[row.replace(",Size,", ",Grösse,") for row in rows]))
    second = await product_of(staff, handle)
    assert [each["id"] for each in second["variants"]] == [each["id"] for each in first["variants"]]
    assert (again["counts"]["updated"], second["options"][0]["name"]) == (1, "Grösse")
    await staff.patch(f"/v1/products/{handle}", json={"handle": f"{handle}-x"}, headers={"If-Match": '"2"'})
    await run_import(lines(*[row.replace(handle, f"{handle}-x") for row in rows]))
    third = await product_of(staff, f"{handle}-x")
    assert [each["sku"] for each in third["variants"]] == [each["sku"] for each in first["variants"]]
    assert len(await probe.events("product.created", key=first["id"])) == 1


async def test_a_renamed_handle_is_the_same_product_by_its_skus(run_import: RunImport, staff: Api) -> None:
    old, new = name("old"), name("new")
    await run_import(lines(f"{old},Thing,Size,S,{old}-S,1", f"{old},,,M,{old}-M,1"))
    before = await product_of(staff, old)
    ended = await run_import(lines(f"{new},Thing,Size,S,{old}-S,1", f"{new},,,M,{old}-M,1"))
    assert (ended["counts"]["created"], ended["counts"]["updated"]) == (0, 1)
    assert (await product_of(staff, new))["id"] == before["id"]
    assert (await staff.get(f"/v1/products/{old}")).status_code == 404


async def test_a_sku_of_another_product_is_refused_in_its_row(
    run_import: RunImport, staff: Api, make_product: MakeProduct
) -> None:
    owner = await make_product(variants=[variant_body(sku=name("TAKEN"))])
    taken, handle = owner["variants"][0]["sku"], name("thief")
    mine = await run_import(lines(f"{handle},Mine,Size,S,{handle}-S,1"))
    assert mine["counts"]["created"] == 1
    ended = await run_import(lines(f"{handle},Mine,Size,S,{handle}-S,2", f"{handle},,,M,{taken},2"))
    assert told(ended) == [(3, "Variant SKU")]
    assert [each["sku"] for each in (await product_of(staff, handle))["variants"]] == [f"{handle}-S"]
    assert (await product_of(staff, owner["id"]))["variants"] == owner["variants"]


async def test_one_sku_in_two_products_of_a_file_stays_with_the_first(run_import: RunImport, staff: Api) -> None:
    one, two = name("one"), name("two")
    ended = await run_import(lines(f"{one},One,,,{one},1", f"{two},Two,,,{one},2"))
    assert told(ended) == [(3, "Variant SKU")]
    assert (await product_of(staff, one))["variants"][0]["prices"] == [money(100)]
    assert (await staff.get(f"/v1/products/{two}")).status_code == 404


async def test_rows_of_a_handle_that_are_apart_are_one_product(
    run_import: RunImport, staff: Api, probe: EventProbe, database: Database
) -> None:
    """Also over the border of a batch, where the first rows are committed already."""
    handle = name("apart")
    between = [f"{handle}-{i},Between,,,{handle}-{i},1" for i in range(BATCH_PRODUCTS + 30)]
    ended = await run_import(
        lines(
            f"{handle},Apart,Size,S,{handle}-S,1", f"{between[0]}", f"{handle},,,M,{handle}-M,1", *between[1:],
            f"{handle},,,L,{handle}-L,1",
        )
    )  # fmt: skip
    product = await product_of(staff, handle)
    assert [each["options"] for each in product["variants"]] == [{"Size": "S"}, {"Size": "M"}, {"Size": "L"}]
    assert product["title"] == "Apart"
    assert (ended["counts"]["products"], ended["counts"]["created"], ended["counts"]["updated"]) == (
        len(between) + 1,
        len(between) + 1,
        0,
    )
    assert [event.sequence for event in await probe.events(key=product["id"])] == [1, 2]
    assert await run_invariants(database, SERVICE.invariants) == []


async def test_pictures_and_rows_with_nothing_else(run_import: RunImport, staff: Api) -> None:
    handle = name("mug")
    header = "Handle,Title,Option1 Name,Option1 Value,Variant SKU,Variant Price,Image Src,Image Position,Image Alt Text"
    rows = [
        f"{handle},Mug,Title,Default Title,{handle},5,https://shop.example/2.webp,2,Second",
        f"{handle},,,,,,https://shop.example/1.webp,1,First",
        f"{handle},,,,,,images/relative.jpg,3,",
        f"{handle},,,,,,https://shop.example/3.webp,3,",
    ]
    ended = await run_import(lines(*rows, header=header))
    product = await product_of(staff, handle)
    assert [(each["url"][-6:], each["alt"], each["position"]) for each in product["media"]] == [
        ("1.webp", "First", 1), ("2.webp", "Second", 2), ("3.webp", "", 3),
    ]  # fmt: skip
    assert (len(product["variants"]), product["options"]) == (1, [])
    assert told(ended) == []
    assert [(each["row"], each["column"]) for each in ended["warnings"]] == [(4, "Image Src")]
    again = await run_import(lines(*rows, header=header))
    assert again["counts"]["unchanged"] == 1


async def test_categories_are_made_of_paths_and_found_again(run_import: RunImport, staff: Api) -> None:
    top, one, two = name("Top"), name("one"), name("two")
    header = "Handle,Title,Product Category,Variant SKU,Variant Price"
    await run_import(lines(f"{one},One,{top} > Mugs,{one},1", f"{two},Two,{top.upper()}>Mugs ,{two},1", header=header))
    (category,) = (await product_of(staff, one))["categories"]
    assert category["path"] == [top, "Mugs"]
    assert (await product_of(staff, two))["categories"] == [category]
    await run_import(lines(f"{one},One,,{one},1", header=header))
    assert (await product_of(staff, one))["categories"] == []


@pytest.mark.parametrize(
    ("columns", "cells", "expected"),
    [
        ("Status,Published", "active,true", "published"),
        ("Status,Published", "active,FALSE", "draft"),
        ("Status,Published", "draft,true", "draft"),
        ("Status,Published", "archived,true", "draft"),
        ("Published", "false", "draft"),
        ("Published", "", "published"),
        ("Vendor", "Northfield", "published"),
    ],
)
async def test_status_is_what_the_columns_say_together(
    columns: str, cells: str, expected: str, run_import: RunImport, staff: Api
) -> None:
    handle = name("state")
    await run_import(
        lines(f"{handle},State,{handle},1,{cells}", header=f"Handle,Title,Variant SKU,Variant Price,{columns}")
    )
    assert (await product_of(staff, handle))["status"] == expected


@pytest.mark.parametrize(
    ("column", "cell"),
    [
        ("Variant Price", "12,50"), ("Variant Price", "-1"), ("Variant Price", "1e3"), ("Variant Price", "$12"),
        ("Variant Compare At Price", "abc"), ("Variant Grams", "heavy"), ("Variant Grams", "-1"),
        ("Variant Grams", "NaN"), ("Variant Taxable", "maybe"), ("Variant Requires Shipping", "2"),
        ("Variant Inventory Qty", "1.5"), ("Variant SKU", "a/b"), ("Variant SKU", "x" * 65), ("Status", "live"),
        ("Title", "x" * 256), ("Variant Barcode", "nul\x00"), ("Option1 Value", "x" * 256), ("Vendor", "v" * 256),
    ],
)  # fmt: skip
async def test_a_wrong_cell_is_named_by_row_and_column(
    column: str, cell: str, run_import: RunImport, staff: Api
) -> None:
    handle, other = name("wrong"), name("right")
    row = {
        "Handle": handle, "Title": "Wrong", "Vendor": "", "Status": "active", "Option1 Name": "Size",
        "Option1 Value": "S", "Variant SKU": handle, "Variant Grams": "1", "Variant Inventory Qty": "1",
        "Variant Price": "1", "Variant Compare At Price": "", "Variant Requires Shipping": "true",
        "Variant Taxable": "true", "Variant Barcode": "",
    }  # fmt: skip
    good = row | {"Handle": other, "Title": "Right", "Variant SKU": other}
    text = "\n".join(",".join(f'"{each}"' for each in values) for values in (
        row.keys(), good.values(), (row | {column: cell}).values(),
    ))  # fmt: skip
    ended = await run_import(text)
    assert told(ended) == [(3, column)]
    assert (await staff.get(f"/v1/products/{handle}")).status_code == 404
    assert (await product_of(staff, other))["title"] == "Right"


async def test_columns_that_are_not_read_are_named_once(run_import: RunImport) -> None:
    one, two = name("one"), name("two")
    ended = await run_import(
        lines(
            f"{one},One,{one},1,x,y",
            f"{two},Two,{two},1,x,y",
            header="handle,TITLE,Variant sku,variant price,Colour of box,Cost per item",
        )
    )
    assert (ended["counts"]["created"], told(ended)) == (2, [])
    (remark,) = ended["warnings"]
    assert "Colour of box, Cost per item" in remark["reason"]


async def test_semicolons_and_a_byte_order_mark_are_understood(run_import: RunImport, staff: Api) -> None:
    handle = name("excel")
    ended = await run_import(
        b"\xef\xbb\xbf" + f"Handle;Title;Variant SKU;Variant Price\r\n{handle};Käse;{handle};1.5\r\n".encode()
    )
    assert ended["counts"]["created"] == 1
    assert (await product_of(staff, handle))["title"] == "Käse"


@pytest.mark.parametrize(
    ("content", "word"),
    [
        (b"PK\x03\x04 a workbook", "spreadsheet"),
        ("Handle,Title\nmug,Mug\n".encode("utf-16-le"), "UTF-16 without"),
        (("Handle," + "Extra," * 1_000 + "Title\n").encode(), "1,002 cells; a row may have 1,000"),
        (b"Title,Price\nMug,1\n", "no column Handle"),
        (b"Handle,Title,handle\nmug,Mug,mug\n", "same column"),
        (b'Handle,"Title\nmug,Mug\n', "never closed"),
        (b"\n\n", "empty"),
    ],
)
async def test_a_file_that_cannot_be_read_fails_clearly_and_changes_nothing(
    content: bytes, word: str, run_import: RunImport, probe: EventProbe, database: Database
) -> None:
    before = len(await probe.events("product.created"))
    ended = await run_import(content)
    assert ended["status"] == "failed"
    assert word in ended["failure"]
    assert len(await probe.events("product.created")) == before
    (event,) = await probe.events("import.completed", key=ended["id"])
    assert isinstance(event.data, ImportCompleted)
    assert event.data.object.status == "failed"
    assert await run_invariants(database, SERVICE.invariants) == []


async def test_quantities_become_stock_once_though_an_answer_is_lost(
    run_import: RunImport,
    inventory: FakeInventory,
    database: Database,
    staff: Api,
    run_jobs: Callable[[], Awaitable[None]],
) -> None:
    (location,) = inventory.locations
    handle = name("mug")
    header = "Handle,Title,Option1 Name,Option1 Value,Variant SKU,Variant Price,Variant Inventory Qty"
    rows = [f"{handle},Mug,Size,{i},{handle}-{i},1,{i}" for i in range(700)]
    rows += [f"{handle},,,none,{handle}-none,1,", f"{handle},,,minus,{handle}-minus,1,-3"]
    inventory.loses_answers = 1
    started = await run_import(lines(*rows, header=header), location=str(location))
    assert started["status"] == "running"  # the queue tries again after a rest
    assert inventory.stock == {(location, f"{handle}-{i}"): i for i in range(500)}

    async with database.acquire() as connection:
        await connection.execute("UPDATE pgqueuer SET execute_after = clock_timestamp() WHERE status = 'queued'")
    await run_jobs()

    ended = (await staff.get(f"/v1/imports/{started['id']}")).json()
    assert (ended["status"], ended["counts"]["stock_set"], inventory.repeated) == ("completed", 701, 500)
    assert inventory.stock == {(location, f"{handle}-{i}"): i for i in range(700)} | {(location, f"{handle}-minus"): 0}
    (remark,) = ended["warnings"]
    assert (remark["column"], remark["row"], remark["count"]) == ("Variant Inventory Qty", 703, 1)


async def test_without_a_location_quantities_are_ignored_and_it_says_so(
    run_import: RunImport, inventory: FakeInventory
) -> None:
    handle = name("mug")
    ended = await run_import(
        lines(f"{handle},Mug,{handle},1,5", header="Handle,Title,Variant SKU,Variant Price,Variant Inventory Qty")
    )
    (remark,) = ended["warnings"]
    assert ("ignored" in remark["reason"], remark["column"], remark["count"]) == (True, "Variant Inventory Qty", 1)
    assert inventory.stock == {}


async def test_a_product_refused_by_the_database_alone_leaves_the_others(
    run_import: RunImport, staff: Api, database: Database
) -> None:
    """Somebody takes a handle between the look and the write: a trigger plays that part."""
    one, raced, two = name("one"), name("raced"), name("two")
    async with database.acquire() as connection:
        await connection.execute(f"""
            CREATE FUNCTION race() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
                RAISE unique_violation
                    USING CONSTRAINT = 'uq_product_handle', DETAIL = 'Key (handle)=({raced}) already exists.';
            END $$;
            CREATE TRIGGER race BEFORE INSERT ON product FOR EACH ROW WHEN (NEW.handle = '{raced}')
                EXECUTE FUNCTION race();
        """)
    try:
        ended = await run_import(lines(*[f"{each},Thing,,,{each},1" for each in (one, raced, two)]))
    finally:
        async with database.acquire() as connection:
            await connection.execute("DROP TRIGGER race ON product; DROP FUNCTION race()")
    assert (told(ended), ended["counts"]["created"]) == ([(3, None)], 2)
    assert (await product_of(staff, two))["title"] == "Thing"
    assert (await staff.get(f"/v1/products/{raced}")).status_code == 404
