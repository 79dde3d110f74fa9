"""A crash in the middle, and a file twenty times as large: complete, never doubled, in the same memory."""

import asyncio
import tracemalloc
from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID

import pytest

from catalog.app import SERVICE
from catalog.imports.repository import read_import
from catalog.imports.running import ImportFile, import_file
from common.context import RequestContext, use_context
from common.database import Database
from common.events.contracts.catalog import ProductCreated
from common.invariants import run_invariants
from common.scheduling import HandBack, JobRun
from common.service import Runtime
from common.testing import Api, EventProbe

Json = dict[str, Any]
Upload = Callable[..., Awaitable[Any]]
HEADER = "Handle,Title,Body (HTML),Option1 Name,Option1 Value,Variant SKU,Variant Price\n"


def generated(products: int, *, word: str, variants: int = 5) -> str:
    body = f"{word} is made of steel. " * 20
    return HEADER + "".join(
        f"{word}-{p},{word} {p},{body if v == 0 else ''},Size,{v},{word}-{p}-{v},{p}.{v}0\n"
        for p in range(products)
        for v in range(variants)
    )


class DyingDatabase:
    """The service's database, which dies with the process at the ``after``-th transaction."""

    def __init__(self, database: Database, *, after: int) -> None:
        self._database = database
        self._left = after

    def uow(self) -> Any:  # noqa: ANN401 - the real unit of work
        uow = self._database.uow()
        commit = uow._commit  # noqa: SLF001 - where a power cut hurts most

        async def dies() -> None:
            self._left -= 1
            if self._left < 0:
                cut = ConnectionResetError("power cut")
                await uow._roll_back(cut)  # noqa: SLF001 - what PostgreSQL does when the connection is gone
                raise cut
            await commit()

        uow._commit = dies  # type: ignore[method-assign] # noqa: SLF001 - as above
        return uow


def run_of(runtime: Runtime, database: Any, *, stop: bool = False) -> JobRun:  # noqa: ANN401 - real or dying
    event = asyncio.Event()
    if stop:
        event.set()
    return JobRun(runtime=runtime, database=database, job_id=1, attempt=1, _stop=event)


async def received(upload: Upload, content: str) -> UUID:
    return UUID((await upload(content)).json()["id"])


async def test_a_crash_between_any_two_batches_loses_and_doubles_nothing(
    upload: Upload, runtime: Runtime, database: Database, staff: Api, probe: EventProbe
) -> None:
    content = generated(450, word="crash")  # five batches
    import_id = await received(upload, content)
    crashes = 0
    for after in (0, 1, 2, 2, 3, 1):
        with use_context(RequestContext()), pytest.raises(ConnectionResetError):
            await import_file(ImportFile(import_id=import_id), run_of(runtime, DyingDatabase(database, after=after)))
        crashes += 1
        found = await read_import(database.uow(), import_id)
        assert found is not None
        if found.next_byte == len(content):
            break
    await import_file(ImportFile(import_id=import_id), run_of(runtime, database))

    ended = (await staff.get(f"/v1/imports/{import_id}")).json()
    assert ended["status"] == "completed"
    assert (ended["counts"]["rows"], ended["counts"]["created"], ended["counts"]["variants"]) == (2250, 450, 2250)
    assert (ended["counts"]["updated"], ended["counts"]["unchanged"], ended["counts"]["failed"]) == (0, 0, 0)
    created = [
        event
        for event in await probe.events("product.created")
        if isinstance(event.data, ProductCreated) and event.data.object.handle.startswith("crash-")
    ]
    assert len(created) == len({event.subject for event in created}) == 450
    assert len(await probe.events("import.completed", key=import_id)) == 1
    assert crashes >= 3
    assert await run_invariants(database, SERVICE.invariants) == []


async def test_an_ended_import_does_not_run_again(
    upload: Upload, runtime: Runtime, database: Database, probe: EventProbe
) -> None:
    import_id = await received(upload, generated(3, word="again"))
    for _ in range(2):
        await import_file(ImportFile(import_id=import_id), run_of(runtime, database))
    assert len(await probe.events("import.completed", key=import_id)) == 1


async def test_two_processes_with_one_import_do_its_work_once(
    upload: Upload, runtime: Runtime, database: Database, staff: Api, probe: EventProbe
) -> None:
    """The queue gave a silent process's job to another one, and the first was only slow."""
    import_id = await received(upload, generated(300, word="twice"))
    payload = ImportFile(import_id=import_id)
    ends = await asyncio.gather(
        import_file(payload, run_of(runtime, database)),
        import_file(payload, run_of(runtime, database)),
        return_exceptions=True,
    )
    if any(isinstance(end, Exception) for end in ends):  # a lock was waited for too long: the queue tries again
        await import_file(payload, run_of(runtime, database))
    ended = (await staff.get(f"/v1/imports/{import_id}")).json()
    assert (ended["status"], ended["counts"]["created"], ended["counts"]["rows"]) == ("completed", 300, 1500)
    assert len(await probe.events("import.completed", key=import_id)) == 1


async def test_a_process_that_is_to_stop_hands_the_import_back(
    upload: Upload, runtime: Runtime, database: Database
) -> None:
    import_id = await received(upload, generated(3, word="stop"))
    with pytest.raises(HandBack):
        await import_file(ImportFile(import_id=import_id), run_of(runtime, database, stop=True))
    found = await read_import(database.uow(), import_id)
    assert found is not None
    assert (found.status, found.rows) == ("running", 0)


async def test_memory_does_not_grow_with_the_file(upload: Upload, runtime: Runtime, database: Database) -> None:
    peaks = []
    for times in (1, 20):
        content = generated(150 * times, word=f"flat{times}", variants=2)
        assert times == 1 or len(content) > 1 << 20  # more than one chunk of the file
        import_id = await received(upload, content)
        tracemalloc.start()
        try:
            await import_file(ImportFile(import_id=import_id), run_of(runtime, database))
            peaks.append(tracemalloc.get_traced_memory()[1])
        finally:
            tracemalloc.stop()
        found = await read_import(database.uow(), import_id)
        assert found is not None
        assert (found.rows, found.created, found.failed) == (300 * times, 150 * times, 0)
    small, large = peaks
    assert large < small * 1.5 + 4 * (1 << 20), f"{small} bytes for the small file, {large} for twenty times as much"
