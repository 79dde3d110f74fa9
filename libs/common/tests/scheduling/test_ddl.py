"""The queue's tables are pgqueuer's, without what would slow every commit."""

import os
import subprocess
import sys

import asyncpg
from pgqueuer.adapters.persistence.schema_ddl import render_install
from pgqueuer.domain.settings import DBSettings

from common.scheduling import queue_ddl

NOTIFY = ("CREATE FUNCTION", "CREATE TRIGGER")


def test_the_checked_in_tables_are_those_of_the_installed_pgqueuer() -> None:
    whole = render_install(DBSettings())
    tables, notify = whole[: whole.index(NOTIFY[0])], whole[whole.index(NOTIFY[0]) :]

    assert [part for part in tables.split("\n\n") if part and not part.startswith("--")] == list(queue_ddl())
    assert notify.count("CREATE ") == len(NOTIFY)  # nothing else comes after the tables


async def test_nothing_notifies_on_commit(url: str) -> None:
    connection = await asyncpg.connect(url)
    try:
        assert await connection.fetchval("SELECT count(*) FROM pg_trigger") == 0
    finally:
        await connection.close()


def test_names_do_not_come_from_the_environment() -> None:
    strange = {"FUNCTION": "f", "CHANNEL": "c", "QUEUE_TABLE": "q", "PGQUEUER_SCHEMA": "s", "PGQUEUER_PREFIX": "p_"}
    program = "from common.scheduling._queue import NAMES; print(NAMES.qualified.queue_table, NAMES.function)"

    done = subprocess.run(
        [sys.executable, "-c", program], env=os.environ | strange, capture_output=True, text=True, check=True
    )

    assert done.stdout.split() == ["pgqueuer", "fn_pgqueuer_changed"]
