"""Uploads: what is refused before anything is kept, and that nothing of it stays."""

from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta
from uuid import uuid4

import httpx2
import pytest

from catalog.imports.upload import CHUNK_BYTES
from catalog.testing import FakeInventory
from common.database import Database
from common.testing import Api, TestClock

Upload = Callable[..., Awaitable[httpx2.Response]]

FILE = "Handle,Title,Variant Price\nmug,Mug,1\n"


async def kept(database: Database) -> tuple[int, int]:
    async with database.acquire() as connection:
        row = await connection.fetchrow(
            "SELECT (SELECT count(*) FROM product_import), (SELECT count(*) FROM import_chunk)"
        )
    assert row is not None
    return row[0], row[1]


async def test_a_file_is_kept_in_chunks_and_queued(upload: Upload, staff: Api, database: Database) -> None:
    content = FILE + "# " * CHUNK_BYTES
    accepted = await upload(content)
    assert (accepted.status_code, accepted.json()["status"]) == (202, "queued")
    assert accepted.headers["location"] == f"/v1/imports/{accepted.json()['id']}"
    async with database.acquire() as connection:
        chunks = await connection.fetch(
            "SELECT data FROM import_chunk WHERE import_id = $1 ORDER BY number", accepted.json()["id"]
        )
    assert b"".join(row["data"] for row in chunks) == content.encode()
    assert {len(row["data"]) for row in chunks[:-1]} == {CHUNK_BYTES}
    listed = (await staff.get("/v1/imports?limit=1")).json()["items"][0]
    assert (listed["id"], listed["file_name"], listed["status"]) == (accepted.json()["id"], "products.csv", "queued")


async def test_uploading_needs_the_scope_and_reading_staff(api: Api, upload: Upload) -> None:
    accepted = await upload(FILE)
    files = {"file": ("a.csv", FILE.encode(), "text/csv")}
    assert (await api.post("/v1/imports", files=files, data={"source": "shopify"})).status_code == 401
    assert (await api.as_customer().post("/v1/imports", files=files, data={"source": "shopify"})).status_code == 403
    assert (await api.get(accepted.headers["location"])).status_code == 401
    reader = api.as_user(scopes="catalog:read")
    assert (await reader.get(accepted.headers["location"])).status_code == 200
    assert (await reader.get(f"/v1/imports/{uuid4()}")).status_code == 404


@pytest.mark.parametrize(
    ("fields", "pointer"),
    [
        ({"source": "magento"}, "/source"),
        ({"currency": "euro"}, "/currency"),
        ({"location": "warehouse"}, "/location"),
        ({"location": str(uuid4())}, "/location"),
        ({"dry_run": "perhaps"}, "/dry_run"),
        ({"delimiter": ","}, "/delimiter"),
        ({"encoding": "ebcdic"}, "/encoding"),
        ({"colour": "blue"}, "/colour"),
        ({"source": "x" * 2000}, "/source"),
    ],
)
async def test_wrong_fields_are_refused_and_nothing_is_kept(
    fields: dict[str, str], pointer: str, upload: Upload, database: Database, inventory: FakeInventory
) -> None:
    before = await kept(database)
    refused = await upload(FILE, **fields)
    assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, pointer)
    assert await kept(database) == before


async def test_an_empty_or_missing_file_is_refused(staff: Api, upload: Upload, database: Database) -> None:
    before = await kept(database)
    empty = await upload("")
    assert (empty.status_code, empty.json()["errors"][0]["pointer"]) == (422, "/file")
    missing = await staff.post("/v1/imports", data={"source": "shopify"}, files={"currency": (None, "EUR")})
    assert (missing.status_code, missing.json()["errors"][0]["pointer"]) == (422, "/file")
    assert await kept(database) == before


async def test_what_is_no_form_is_415_and_a_cut_one_400(staff: Api, database: Database) -> None:
    before = await kept(database)
    assert (await staff.post("/v1/imports", json={"source": "shopify"})).status_code == 415
    cut = (
        b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.csv"\r\n\r\n'
        + FILE.encode()
        + b"x" * CHUNK_BYTES
    )
    headers = {"Content-Type": "multipart/form-data; boundary=b"}
    refused = await staff.post("/v1/imports", content=cut, headers=headers)
    assert (refused.status_code, refused.json()["type"]) == (400, "/problems/upload-broken")
    assert (await staff.post("/v1/imports", content=b"nonsense", headers=headers)).status_code == 400
    assert await kept(database) == before


async def test_an_unreachable_inventory_does_not_refuse_an_import(upload: Upload, inventory: FakeInventory) -> None:
    (location,) = inventory.locations
    inventory.away = 1
    assert (await upload(FILE, location=str(location))).status_code == 202


async def test_an_upload_whose_process_died_is_forgotten(
    database: Database, clock: TestClock, run_sweep: Callable[[str], Awaitable[int]]
) -> None:
    before = await kept(database)
    abandoned = uuid4()
    async with database.acquire() as connection:
        await connection.execute(
            "INSERT INTO product_import (id, source, file_name, currency, status, created_by, created_at, updated_at)"
            " VALUES ($1, 'shopify', '', 'XXX', 'receiving', 'x', $2, $2)",
            abandoned,
            clock.now(),
        )
        await connection.execute("INSERT INTO import_chunk VALUES ($1, 0, 'x')", abandoned)
    assert await run_sweep("forget-abandoned-uploads") == 0
    clock.advance(timedelta(hours=7))
    assert await run_sweep("forget-abandoned-uploads") == 1
    assert await kept(database) == before


async def test_a_large_upload_that_comes_in_pieces_keeps_its_order(staff: Api, database: Database) -> None:
    head = b'--b\r\nContent-Disposition: form-data; name="source"\r\n\r\nshopify\r\n--b\r\n'
    head += b'Content-Disposition: form-data; name="file"; filename="a.csv"\r\n\r\n'
    numbers = b"".join(b"%08d\n" % number for number in range(300_000))

    async def pieces() -> AsyncIterator[bytes]:
        whole = head + numbers + b"\r\n--b--\r\n"
        for place in range(0, len(whole), 65_537):
            yield whole[place : place + 65_537]

    headers = {"Content-Type": "multipart/form-data; boundary=b"}
    accepted = await staff.post("/v1/imports", content=pieces(), headers=headers)
    assert accepted.status_code == 202, accepted.text
    async with database.acquire() as connection:
        data = await connection.fetchval(
            "SELECT string_agg(data, '' ORDER BY number) FROM import_chunk WHERE import_id = $1", accepted.json()["id"]
        )
    assert data == numbers
