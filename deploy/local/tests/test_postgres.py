"""PostgreSQL as a program: starts anywhere, lets nobody in without password, comes back after anything."""

import os
import shutil
import socket
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import asyncpg
import pytest

from quartermaster_local import LocalProblem, Postgres, postgres
from quartermaster_local.testing import is_gone

PASSWORD = "it's a \\ secret"
Start = Callable[[], Postgres]
Script = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def start(private_folder: Path) -> Iterator[Start]:
    """Start a server on one data folder, and stop what is left of it."""
    servers: list[Postgres] = []

    def start_server() -> Postgres:
        server = Postgres.start(private_folder / "postgres", superuser_password=PASSWORD, fsync=False)
        servers.append(server)
        return server

    yield start_server
    for server in servers:
        server.stop()


async def ask(dsn: str, sql: str) -> object:
    connection = await asyncpg.connect(dsn)
    try:
        return await connection.fetchval(sql)
    finally:
        await connection.close()


async def test_committed_rows_survive_a_killed_server_on_another_port(start: Start) -> None:
    server = start()
    server.ensure_database("shop", "keeper", PASSWORD)
    before = server.dsn("shop", "keeper", PASSWORD)
    await ask(before, "CREATE TABLE kept AS SELECT 42 AS answer")
    server.kill()

    server = start()

    assert server.dsn("shop", "keeper", PASSWORD) != before
    assert await ask(server.dsn("shop", "keeper", PASSWORD), "SELECT answer FROM kept") == 42


async def test_nobody_comes_in_without_the_password_or_into_a_foreign_database(start: Start) -> None:
    server = start()
    server.ensure_database("shop", "keeper", PASSWORD)
    server.ensure_database("till", "cashier", PASSWORD)

    with pytest.raises(asyncpg.InvalidPasswordError):
        await ask(server.dsn("postgres", "postgres", "guess"), "SELECT 1")
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await ask(server.dsn("till", "keeper", PASSWORD), "SELECT 1")


async def test_a_database_made_twice_takes_the_newer_password(start: Start) -> None:
    server = start()
    server.ensure_database("shop", "keeper", "old")
    server.ensure_database("shop", "keeper", "new")

    assert await ask(server.dsn("shop", "keeper", "new"), "SELECT current_user") == "keeper"


def test_a_data_folder_serves_one_server(start: Start) -> None:
    start()

    with pytest.raises(LocalProblem, match=f"already runs on .*process {os.getpid()}"):
        start()


def test_a_taken_port_is_named(private_folder: Path) -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        port = listener.getsockname()[1]

        with pytest.raises(LocalProblem, match=f"Port {port} for PostgreSQL is taken"):
            Postgres.start(private_folder / "postgres", superuser_password=PASSWORD, port=port, fsync=False)


def test_a_server_that_cannot_start_shows_its_last_words(private_folder: Path) -> None:
    with pytest.raises(LocalProblem, match='invalid value for parameter "wal_level"'):
        Postgres.start(
            private_folder / "postgres", superuser_password=PASSWORD, fsync=False, settings={"wal_level": "none"}
        )


def test_an_orphan_is_ended_before_the_next_start(start: Start, private_folder: Path, other_process: Script) -> None:
    parent = other_process("-c", _START_UNTIED, str(private_folder / "postgres"))
    assert parent.stdout is not None
    orphan = int(parent.stdout.readline())
    parent.kill()
    parent.wait()
    assert not is_gone(orphan)

    server = start()

    assert is_gone(orphan)
    assert server.exit_status is None


def test_a_stale_lock_file_of_a_living_process_is_no_obstacle(start: Start) -> None:
    """After a crash the pid in the lock file may be any program's; PostgreSQL alone would refuse for ever."""
    server = start()
    server.kill()
    lock = server.cluster / "postmaster.pid"
    lines = lock.read_text().splitlines(keepends=True)
    lock.write_text("".join([f"{os.getpid()}\n", *lines[1:]]))

    assert start().exit_status is None


@pytest.mark.skipif(os.geteuid() != 0, reason="Only root needs another account.")
async def test_root_without_namespaces_runs_it_as_nobody(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(postgres, "_namespaces_work", lambda: False)
    first = start()
    first.ensure_database("shop", "keeper", PASSWORD)
    first.stop()

    server = start()  # finds its data again

    try:
        assert server.cluster == first.cluster
        assert server.cluster.stat().st_uid != 0
        assert server.cluster.parent.stat().st_mode & 0o007 == 0, "Others may look into the private folder."
        assert await ask(server.dsn("shop", "keeper", PASSWORD), "SELECT 1") == 1
    finally:
        server.stop()
        shutil.rmtree(server.cluster.parent)


_START_UNTIED = """
import signal, sys
from pathlib import Path
from quartermaster_local import Postgres, processes
tied = processes.wrapped
processes.wrapped = lambda command, *, user="self", death_signal=0: tied(command, user=user, death_signal=0)
server = Postgres.start(Path(sys.argv[1]), superuser_password="x", fsync=False)
print(server.pid, flush=True)
signal.pause()
"""
