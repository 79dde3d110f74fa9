"""Imports of generated files on a real PostgreSQL: products and variants a second, and where the time goes.

``TEST_PLATFORM=FILE python bench/imports.py [--profile]`` (see ``common.testing.shared_platform``; without the variable
a PostgreSQL of its own is started): 10,000 products of one variant, each in a category of its own three levels down,
then 1,000 products of 13 variants. Each file is read by the job as it would be after an upload, first into a catalogue
without them, then once more without any change. ``--profile`` prints the functions that took most of the CPU. The
longest turn of the loop is what other requests of the process would have waited.
"""

import argparse
import asyncio
import cProfile
import gc
import os
import pstats
import time
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID

from catalog.app import SERVICE
from catalog.imports import service
from catalog.imports.repository import KEEP_CHUNK, ImportRepository, read_import
from catalog.imports.running import ImportFile, import_file
from catalog.imports.upload import CHUNK_BYTES, Form
from common.cli import GC_THRESHOLDS
from common.context import RequestContext, use_context
from common.database import Database
from common.scheduling import JobRun
from common.service import Runtime
from common.testing import Keyring, Platform

HEADER = "Handle,Title,Body (HTML),Vendor,Product Category,Type,Tags,Published,Option1 Name,Option1 Value,Variant SKU"
HEADER += ",Variant Grams,Variant Price,Variant Compare At Price,Variant Barcode,Image Src"
BODY = "<p>Made of steel and oak for a kitchen that is used every day.</p>" * 4
PROBE_SECONDS = 0.002


def generated(products: int, variants: int) -> bytes:
    """A file as a shop would export it; a category of three levels for each product."""
    rows = [HEADER]
    for number in range(products):
        handle = f"{variants}-thing-{number}"
        category = f"Top {number % 10} > Middle {number // 10 % 20} > Low {number}"
        for place in range(variants):
            option = "Title,Default Title" if variants == 1 else f"Size,{place}"
            own = (
                f'Thing {number},{BODY},Northfield,{category},Things,"oak, gift, steel",TRUE'
                if place == 0
                else ",,,,,,"
            )
            rows.append(
                f"{handle},{own},{option},{handle}-{place},250,{number % 90 + 9}.90,,40063{number:06}{place:02},"
                f"https://shop.example/{handle}/{place}.webp"
            )
    return ("\n".join(rows) + "\n").encode()


async def received(database: Database, content: bytes) -> UUID:
    """Keep a file as an upload does."""
    import_id = await service.begin_upload(database.uow(), by="bench")
    for number, start in enumerate(range(0, len(content), CHUNK_BYTES)):
        await database.uow().single(KEEP_CHUNK, import_id, number, content[start : start + CHUNK_BYTES])
    form = Form(fields={"source": "shopify", "currency": "EUR"}, file_name="bench.csv", size=len(content))
    async with database.uow() as uow:
        wishes = service.check_form(form, shop_currency="EUR")
        await ImportRepository(uow).queue(service.received(import_id, form, wishes, uow))
    return import_id


async def longest_turn(until: asyncio.Event) -> float:
    """Seconds of the longest time that the loop did not come round."""
    longest = 0.0
    while not until.is_set():
        before = time.perf_counter()
        await asyncio.sleep(PROBE_SECONDS)
        longest = max(longest, time.perf_counter() - before - PROBE_SECONDS)
    return longest


@contextmanager
def profiled(wanted: bool) -> Iterator[None]:  # noqa: FBT001 - a switch of the command line
    """Print where the CPU went."""
    if not wanted:
        yield
        return
    with cProfile.Profile() as profile:
        yield
    pstats.Stats(profile).sort_stats("tottime").print_stats(28)


async def measure(runtime: Runtime, products: int, variants: int, *, profile: bool) -> None:
    """Import a file twice."""
    content = generated(products, variants)
    for what in ("new", "unchanged"):
        import_id = await received(runtime.database, content)
        run = JobRun(runtime=runtime, database=runtime.database, job_id=1, attempt=1, _stop=asyncio.Event())
        ended = asyncio.Event()
        probe = asyncio.create_task(longest_turn(ended))
        wall, cpu = time.perf_counter(), time.process_time()
        with profiled(profile), use_context(RequestContext()):
            await import_file(ImportFile(import_id=import_id), run)
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
        ended.set()
        found = await read_import(runtime.database.uow(), import_id)
        if found is None or (found.status, found.products) != ("completed", products):
            raise RuntimeError(f"the import ended as {found}")
        print(
            f"{products} of {variants} {what}: {products / wall:,.0f} products/s, {products * variants / wall:,.0f} "
            f"variants/s, {wall:.1f} s ({cpu:.1f} s of our own CPU), longest turn {await probe * 1000:.0f} ms"
        )


async def main(*, profile: bool) -> None:
    platform, keys = Platform(), Keyring()
    try:
        os.environ |= {
            "CATALOG_DATABASE_URL": await platform.new_database(SERVICE.migrations),
            "CATALOG_SIGNING_KEY": keys.private["catalog"],
            "CATALOG_INVENTORY_URL": "http://127.0.0.1:9",
            "TRUSTED_KEYS": keys.trusted,
            "KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:9",
        }
        async with Runtime.open(SERVICE, SERVICE.settings()) as runtime:
            gc.collect()
            gc.freeze()
            gc.set_threshold(*GC_THRESHOLDS)
            await measure(runtime, 10_000, 1, profile=profile)
            await measure(runtime, 1_000, 13, profile=profile)
    finally:
        await platform.drop_databases()
        platform.close()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--profile", action="store_true")
    asyncio.run(main(profile=parser.parse_args().profile))
