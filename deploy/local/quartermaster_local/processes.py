"""Programs that we start, and how none of them outlives us or blocks the next start.

On Linux a child is killed by the kernel when we end, however we end. Elsewhere, and when the child's own children
stay behind, the next start finds them by their working directory and ends them. A claimed folder is one process's
alone, so whatever still runs in it is an orphan.
"""

import fcntl
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from time import monotonic
from typing import IO

import psutil

from quartermaster_local.problems import LocalProblem

LOOPBACK = "127.0.0.1"
_EXEC = Path(__file__).with_name("_exec.py")

# The kernel ends a child with the *thread* that forked it. One thread, alive as long as the process, forks them all,
# so that a caller may start a platform from any thread of its own.
_spawner = ThreadPoolExecutor(max_workers=1, thread_name_prefix="spawner")


def wrapped(
    command: Sequence[str | Path], *, user: str = "self", death_signal: signal.Signals = signal.SIGKILL
) -> list[str]:
    """``command`` run through `_exec`: as ``user``, and dying with this process."""
    return [
        sys.executable,
        "-I",
        "-S",
        str(_EXEC),
        str(os.getpid()),
        str(int(death_signal)),
        user,
        *(str(part) for part in command),
    ]


class Child:
    """A program in a process group of its own, its output appended to a file."""

    def __init__(self, name: str, process: "subprocess.Popen[bytes]", log: Path) -> None:
        self.name = name
        self.log = log
        self._process = process

    @classmethod
    def start(
        cls,
        name: str,
        command: Sequence[str | Path],
        *,
        folder: Path,
        log: Path,
        environment: Mapping[str, str] | None = None,
        user: str = "self",
        death_signal: signal.Signals = signal.SIGKILL,
    ) -> "Child":
        """Start ``command`` in ``folder``; ``death_signal`` is what it gets when this process ends."""
        log.parent.mkdir(parents=True, exist_ok=True)
        arguments = wrapped(command, user=user, death_signal=death_signal)

        def spawn() -> "subprocess.Popen[bytes]":
            with log.open("ab") as output:
                return subprocess.Popen(
                    arguments,
                    cwd=folder,
                    env=None if environment is None else dict(environment),
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                )

        return cls(name, _spawner.submit(spawn).result(), log)

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def exit_status(self) -> int | None:
        """None while it runs; negative for the signal that ended it."""
        return self._process.poll()

    def wait(self, timeout_seconds: float) -> bool:
        """Whether it ended within the time."""
        try:
            self._process.wait(timeout_seconds)
        except subprocess.TimeoutExpired:
            return False
        return True

    def wait_until(self, ready: Callable[[], bool], *, timeout_seconds: float) -> None:
        """Return as soon as ``ready``. Raises LocalProblem with the end of the log if it ends or time runs out."""
        deadline = monotonic() + timeout_seconds
        while not ready():
            if self.wait(0.03):
                raise LocalProblem(f"{self.name} ended with status {self.exit_status}. {self.last_words()}")
            if monotonic() > deadline:
                raise LocalProblem(f"{self.name} was not ready after {timeout_seconds:.0f} s. {self.last_words()}")

    def last_words(self, lines: int = 15) -> str:
        """The end of its log, with where to find the rest."""
        if not self.log.exists():
            return f"Its log is {self.log}."
        text = self.log.read_text(errors="replace").splitlines()[-lines:]
        return "\n".join([f"The end of its log {self.log}:", *(f"    {line}" for line in text)])

    def send(self, number: signal.Signals) -> None:
        """Send a signal to the program itself, not to its group."""
        if self.exit_status is None:
            self._process.send_signal(number)

    def stop(self, number: signal.Signals = signal.SIGTERM, *, timeout_seconds: float = 10.0) -> None:
        """Ask it to end; kill its whole group when the time is over."""
        self.send(number)
        if not self.wait(timeout_seconds):
            self.kill()

    def kill(self) -> None:
        """Kill it and its group at once, as a crash would."""
        if self.exit_status is None:
            os.killpg(self.pid, signal.SIGKILL)
        self._process.wait()


class Claim:
    """A folder held by one process. The kernel lets go of it when the process ends, so no crash leaves it behind."""

    def __init__(self, file: IO[str]) -> None:
        self._file = file

    @classmethod
    def take(cls, folder: Path, *, refused: str) -> "Claim":
        """Hold ``folder``, made if absent. Raises LocalProblem with ``refused`` and the holder's pid."""
        folder.mkdir(parents=True, exist_ok=True)
        file = (folder / ".claim").open("a+")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            holder = file.read().strip() or "unknown"
            file.close()
            raise LocalProblem(f"{refused} (It is held by process {holder}.)") from None
        file.truncate(0)
        file.write(f"{os.getpid()}\n")
        file.flush()
        return cls(file)

    def release(self) -> None:
        self._file.close()


def stop_orphans(
    folder: Path, program: str, *, number: signal.Signals = signal.SIGTERM, grace_seconds: float = 3.0
) -> int:
    """End every ``program`` that still works in ``folder``, and say how many there were.

    Call it with the folder claimed. Processes whose parent is among them (a database's workers) get no signal of
    their own, only the final kill.
    """
    return _stop(
        [process for process in psutil.process_iter() if _works_in(process, folder, program)], number, grace_seconds
    )


def stop_marked(variable: str, value: str, *, grace_seconds: float = 3.0) -> int:
    """End every process whose environment says ``variable=value``, except this one and what started it."""
    ours = {os.getpid(), *(parent.pid for parent in psutil.Process().parents())}
    marked = [
        process
        for process in psutil.process_iter()
        if process.pid not in ours and _environment_of(process).get(variable) == value
    ]
    return _stop(marked, signal.SIGTERM, grace_seconds)


def _works_in(process: psutil.Process, folder: Path, program: str) -> bool:
    try:
        return process.name() == program and Path(process.cwd()) == folder.resolve()
    except psutil.Error:
        return False


def _environment_of(process: psutil.Process) -> dict[str, str]:
    try:
        return process.environ()
    except (psutil.Error, OSError):
        return {}


def _stop(processes: Iterable[psutil.Process], number: signal.Signals, grace_seconds: float) -> int:
    alive = [process for process in processes if _is_alive(process)]
    count = len(alive)
    pids = {process.pid for process in alive}
    for process in alive:
        if _parent_of(process) not in pids:
            _send(process, number)
    alive = _wait(alive, grace_seconds)
    for process in alive:
        _send(process, signal.SIGKILL)
    _wait(alive, grace_seconds)
    return count


def _wait(processes: list[psutil.Process], seconds: float) -> list[psutil.Process]:
    """Those that are still there after the time. A zombie that nobody collects is gone."""
    deadline = monotonic() + seconds
    pause = threading.Event()
    while (alive := [process for process in processes if _is_alive(process)]) and monotonic() < deadline:
        pause.wait(0.02)
    return alive


def _is_alive(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False


def _parent_of(process: psutil.Process) -> int | None:
    try:
        return process.ppid()
    except psutil.Error:
        return None


def _send(process: psutil.Process, number: signal.Signals) -> None:
    try:
        process.send_signal(number)
    except psutil.Error:
        return


def free_port() -> int:
    """A port that nobody listens on. Another program may take it before it is used."""
    return free_ports(1)[0]


def free_ports(count: int) -> list[int]:
    """As many different ones."""
    with ExitStack() as held:
        candidates = [held.enter_context(socket.socket()) for _ in range(count)]
        for candidate in candidates:
            candidate.bind((LOOPBACK, 0))
        return [candidate.getsockname()[1] for candidate in candidates]


def require_free_port(port: int, *, purpose: str, setting: str) -> int:
    """``port``, or a free one for 0. Raises LocalProblem if somebody else listens on it."""
    if port == 0:
        return free_port()
    with socket.socket() as candidate:
        candidate.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            candidate.bind((LOOPBACK, port))
        except OSError as error:
            raise LocalProblem(
                f"Port {port} for {purpose} is taken ({error.strerror}). "
                f"Stop what listens there, or choose another one with {setting}."
            ) from None
    return port
