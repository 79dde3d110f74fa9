"""`make run` as its user sees it: what it prints, what it survives, what it leaves behind."""

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from quartermaster_local import LocalProblem
from quartermaster_local.checks import DATA_VERSION, require_fitting_data, require_space
from quartermaster_local.processes import Claim, free_port
from quartermaster_local.secret_store import SecretStore
from quartermaster_local.suite import SERVICES, Addresses, environment_of
from quartermaster_local.supervisor import answers, run
from quartermaster_local.testing import is_gone, wait_for

# Stands in for a service: `--migrate` leaves a trace, `serve` answers every GET.
SERVICE = """
import http.server, os, pathlib, sys
if "--migrate" in sys.argv:
    with pathlib.Path(os.environ["TRACE"]).open("a") as trace:
        trace.write(os.environ["GATEWAY_DATABASE_URL"] + "\\n")
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200); self.send_header("Content-Length", "0"); self.end_headers()
http.server.HTTPServer((os.environ["GATEWAY_HOST"], int(os.environ["GATEWAY_PORT"])), Handler).serve_forever()
"""


class MakeRun:
    """Runs of a suite whose only service is a stand-in for the gateway."""

    def __init__(self, folder: Path) -> None:
        self.data = folder / "data"
        self.port = free_port()
        self.trace = folder / "trace"
        self._output = folder / "output"
        package = folder / "packages" / "gateway"
        package.mkdir(parents=True)
        (package / "__init__.py").touch()
        (package / "__main__.py").write_text(SERVICE)
        self._environment = {**os.environ, "PYTHONPATH": str(package.parent), "TRACE": str(self.trace)}
        self._processes: list[subprocess.Popen[bytes]] = []

    def start(self) -> "subprocess.Popen[bytes]":
        """Start a run, and return when it says that it is ready, or has ended."""
        arguments = ["run", "--data-dir", str(self.data), "--port", str(self.port), "--only", "gateway"]
        with self._output.open("wb") as output:
            process = subprocess.Popen(
                [sys.executable, "-m", "quartermaster_local", *arguments],
                env=self._environment,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        self._processes.append(process)
        wait_for(lambda: "Ready after" in self.output or process.poll() is not None, seconds=40)
        return process

    @property
    def output(self) -> str:
        return self._output.read_text()

    @property
    def pids(self) -> dict[str, int]:
        """Of all that runs, by name."""
        described: dict[str, Any] = json.loads((self.data / "run.json").read_text())
        processes = {name: process["pid"] for name, process in described["processes"].items()}
        return processes | {"supervisor": described["supervisor"]}

    def end(self) -> None:
        for process in self._processes:
            if process.poll() is None:
                process.terminate()
                process.wait(30)


@pytest.fixture
def make_run(tmp_path: Path) -> Iterator[MakeRun]:
    tmp_path.chmod(0o700)
    runs = MakeRun(tmp_path)
    yield runs
    runs.end()


def test_a_run_survives_the_kill_of_one_and_of_all_and_stops_cleanly(make_run: MakeRun) -> None:
    make_run.start()
    first = make_run.pids
    assert f"http://127.0.0.1:{make_run.port}/docs" in make_run.output

    os.kill(first["gateway"], signal.SIGKILL)  # one service: it comes back by itself
    wait_for(lambda: "gateway was started again" in make_run.output)
    wait_for(lambda: answers(make_run.port, "/readyz"))

    killed = make_run.pids
    for pid in killed.values():
        os.kill(pid, signal.SIGKILL)
    wait_for(lambda: all(map(is_gone, killed.values())))

    second = make_run.start()
    assert len(make_run.trace.read_text().splitlines()) == 1, "Nothing had changed: there was nothing to migrate."

    alive = make_run.pids
    second.send_signal(signal.SIGINT)
    assert second.wait(30) == 0
    assert make_run.output.endswith("Stopping …\nStopped.\n")
    assert all(map(is_gone, alive.values()))


def test_a_second_run_on_the_same_data_is_refused(tmp_path: Path) -> None:
    """Before anything is touched: what the first one runs is not taken for orphans."""
    held = Claim.take(tmp_path, refused="")
    try:
        with pytest.raises(
            LocalProblem, match=rf"Another run uses {tmp_path}.*DATA_DIR=.*held by process {os.getpid()}"
        ):
            run(tmp_path, port=free_port(), only=[])
    finally:
        held.release()

    assert [file.name for file in tmp_path.iterdir()] == [".claim"]


def test_a_taken_gateway_port_stops_the_start_and_is_named(tmp_path: Path) -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        port = listener.getsockname()[1]

        with pytest.raises(LocalProblem, match=rf"Port {port} for the gateway is taken.*PORT="):
            run(tmp_path / "data", port=port, only=[])


def test_a_full_disk_stops_the_start_and_is_named(tmp_path: Path) -> None:
    with pytest.raises(LocalProblem, match=r"MB are free under .*DATA_DIR="):
        require_space(tmp_path, needed_bytes=10**18)


@pytest.mark.parametrize(
    ("version", "advice"), [(DATA_VERSION + 1, "rm -r"), (DATA_VERSION - 1, "Update this checkout")]
)
def test_data_of_another_version_says_what_to_do(tmp_path: Path, version: int, advice: str) -> None:
    require_fitting_data(tmp_path)
    require_fitting_data(tmp_path)  # its own version is fine

    with pytest.raises(LocalProblem, match=advice):
        require_fitting_data(tmp_path, version=version)


def test_secrets_are_made_once_and_for_their_owner_alone(tmp_path: Path) -> None:
    folder = tmp_path / "secrets"
    first = SecretStore(folder)
    made = [first.password("orders"), first.signing_key("orders")]

    again = SecretStore(folder)

    assert [again.password("orders"), again.signing_key("orders")] == made
    assert folder.stat().st_mode & 0o777 == 0o700
    assert {file.stat().st_mode & 0o777 for file in folder.iterdir()} == {0o600}


def test_a_key_asked_for_by_many_at_once_is_made_once(tmp_path: Path) -> None:
    secrets = SecretStore(tmp_path)
    with ThreadPoolExecutor(max_workers=8) as pool:
        keys = set(pool.map(lambda _: secrets.trusted_keys(SERVICES), range(32)))

    assert len(keys) == 1


def test_a_service_trusts_every_public_key_and_gets_no_private_one_but_its_own(tmp_path: Path) -> None:
    ports = {name: 1000 + number for number, name in enumerate(SERVICES)}
    secrets = SecretStore(tmp_path)

    orders = environment_of("orders", Addresses(1, 2, 3, 4, ports), secrets)

    trusted = json.loads(orders["TRUSTED_KEYS"])["keys"]
    assert [key["kid"] for key in trusted] == list(SERVICES)
    assert all("d" not in key for key in trusted)
    assert json.loads(orders["ORDERS_SIGNING_KEY"])["kid"] == "orders"
    assert [name for name in orders if name.endswith(("_SIGNING_KEY", "_DATABASE_URL"))] == [
        "ORDERS_DATABASE_URL",
        "ORDERS_SIGNING_KEY",
    ]
    assert orders["ORDERS_INVENTORY_URL"] == f"http://127.0.0.1:{ports['inventory']}"
