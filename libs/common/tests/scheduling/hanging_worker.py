"""A process that takes a job and never ends it, for a test to kill: ``hanging_worker.py DATABASE_URL``."""

import asyncio
import sys
from types import SimpleNamespace
from typing import cast

from pydantic import BaseModel

from common.database import Database
from common.scheduling import Job, JobRun, JobRunner
from common.service import Runtime
from common.telemetry import Metrics


class Note(BaseModel):
    what: str


async def hang(payload: Note, run: JobRun) -> None:
    async with run.uow() as uow:
        await uow.execute("INSERT INTO done VALUES ($1)", f"{payload.what} taken")
    await asyncio.Event().wait()


async def main(url: str) -> None:
    database = Database.open(url, service="hanging-worker")
    runtime = cast("Runtime", SimpleNamespace(database=database, metrics=Metrics("hanging-worker")))
    await JobRunner(database, [Job("note", hang, Note)], runtime).run()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
