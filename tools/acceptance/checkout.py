"""The fresh clone, and what is run in it."""

import json
import os
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tools.acceptance.steps import StepFailedError

SERVICES = ("catalog", "inventory", "orders", "metrics", "notifications", "gateway")
POLL_SECONDS = 0.05
START_LIMIT = 120.0  # how long a start is waited for before it counts as failed, whatever the step allows
STOP_SECONDS = 60.0
LAST_LINES = 25


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


@dataclass
class Clone:
    """A clone in a folder of its own, with a gateway's port of its own."""

    folder: Path
    python: str
    port: int = field(default_factory=_free_port)
    running: "subprocess.Popen[bytes] | None" = None

    @classmethod
    def make(cls, root: Path, parent: Path, *, python: str) -> "Clone":
        """Clone what is committed. Raises StepFailedError."""
        folder = parent / "quartermaster"
        done = subprocess.run(
            ["git", "clone", "--quiet", "--no-hardlinks", str(root), str(folder)],  # noqa: S607 - whichever git
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            raise StepFailedError(done.stderr.strip())
        return cls(folder, python)

    @property
    def gateway(self) -> str:
        """The one API's URL."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def logs(self) -> Path:
        """Beside the clone, which stays as git made it."""
        return self.folder.parent

    def environment(self, **more: str) -> dict[str, str]:
        """Ours without what would point the clone at another run."""
        ours = {
            name: value
            for name, value in os.environ.items()
            if name not in {"DATA_DIR", "TEST_PLATFORM", "VIRTUAL_ENV"}
        }
        return {**ours, "PORT": str(self.port), "PYTHON": self.python, **more}

    def call(self, name: str, *command: str, seconds: float, **environment: str) -> str:
        """Run a command in the clone and return what it printed. Raises StepFailedError with the end of it."""
        log = self.logs / f"{name.replace(' ', '-')}.log"
        with log.open("wb") as output:
            process = subprocess.Popen(
                command,
                cwd=self.folder,
                env=self.environment(**environment),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
            try:
                status = process.wait(seconds)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
                raise StepFailedError(f"it did not end within {seconds:.0f} s; {_end_of(log)}") from None
        if status != 0:
            raise StepFailedError(f"it ended with status {status}; {_end_of(log)}")
        return log.read_text(errors="replace")

    # -- the suite that runs -------------------------------------------------------------------------------------------

    def start(self, name: str) -> float:
        """``make run``, until the gateway is ready; the seconds that it took."""
        log = self.logs / f"{name.replace(' ', '-')}.log"
        began = time.monotonic()
        with log.open("wb") as output:
            self.running = subprocess.Popen(
                ["make", "run"],  # noqa: S607 - whichever make
                cwd=self.folder,
                env=self.environment(),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        while b"Ready after" not in log.read_bytes():
            if self.running.poll() is not None or time.monotonic() - began > START_LIMIT:
                raise StepFailedError(f"it was not ready after {time.monotonic() - began:.0f} s; {_end_of(log)}")
            time.sleep(POLL_SECONDS)
        seconds = time.monotonic() - began
        self.get("/readyz")
        return seconds

    def kill_everything(self) -> int:
        """``kill -9`` of every process of the run at once; how many there were."""
        pids = self.pids()
        for pid in pids:
            _kill(pid)
        deadline = time.monotonic() + STOP_SECONDS
        while any(_is_alive(pid) for pid in pids):
            if time.monotonic() > deadline:
                raise StepFailedError("processes are still there after kill -9")
            if self.running is not None:
                self.running.poll()  # ours to bury
            time.sleep(POLL_SECONDS)
        return len(pids)

    def pids(self) -> set[int]:
        """Every process of the run: what make started, whatever that started, and what run.json names."""
        run = self.run_file()
        roots = {run["supervisor"], *(each["pid"] for each in run["processes"].values())}
        if self.running is not None:
            roots.add(self.running.pid)
        return roots | descendants(roots)

    def run_file(self) -> dict[str, Any]:
        """What the run says of itself."""
        file = self.folder / ".data" / "run.json"
        if not file.exists():
            raise StepFailedError("there is no .data/run.json: nothing runs")
        content: dict[str, Any] = json.loads(file.read_text())
        return content

    def stop(self) -> str:
        """Stop the run as Ctrl-C does. Raises StepFailedError if it does not end."""
        if self.running is None:
            return "nothing ran"
        os.killpg(self.running.pid, signal.SIGINT)
        try:
            self.running.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill_everything()
            raise StepFailedError(f"it did not stop within {STOP_SECONDS:.0f} s of Ctrl-C") from None
        finally:
            self.running = None
        if (self.folder / ".data" / "run.json").exists():
            raise StepFailedError("run.json is still there after a clean stop")
        return "all of it ended"

    def get(self, path: str) -> bytes:
        """GET from the gateway. Raises StepFailedError for anything but 200."""
        try:
            with urllib.request.urlopen(self.gateway + path, timeout=10) as answer:  # noqa: S310 - our own gateway
                body: bytes = answer.read()
                return body
        except (OSError, urllib.error.HTTPError) as error:
            raise StepFailedError(f"GET {path}: {error}") from None


@contextmanager
def ended_at_last(clone: Clone) -> Iterator[None]:
    """Leave no process behind, whatever happens."""
    try:
        yield
    finally:
        if clone.running is not None and clone.running.poll() is None:
            for pid in {clone.running.pid} | descendants({clone.running.pid}):
                _kill(pid)
            clone.running.wait()


def descendants(roots: set[int]) -> set[int]:
    """Every process that one of these has started, directly or not."""
    listed = subprocess.run(["ps", "-A", "-o", "pid=,ppid="], capture_output=True, text=True, check=True)  # noqa: S607 - whichever ps
    parents = [(int(pid), int(parent)) for pid, parent in (line.split() for line in listed.stdout.splitlines())]
    found: set[int] = set()
    fresh = set(roots)
    while fresh:
        fresh = {pid for pid, parent in parents if parent in fresh and pid not in found}
        found |= fresh
    return found


def _kill(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return


def _is_alive(pid: int) -> bool:
    """Whether it is there and no zombie that waits for its parent."""
    listed = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True, check=False)  # noqa: S607 - whichever ps
    return bool(listed.stdout.strip()) and not listed.stdout.strip().startswith("Z")


def _end_of(log: Path) -> str:
    lines = log.read_text(errors="replace").strip().splitlines()[-LAST_LINES:]
    return f"the end of {log}:\n" + "\n".join(f"        | {line}" for line in lines)
