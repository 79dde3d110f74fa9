"""Nothing outlives its starter or stands in the way of the next one."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from quartermaster_local import LocalProblem
from quartermaster_local.processes import Child, Claim, stop_marked, stop_orphans
from quartermaster_local.testing import is_gone, wait_for

Script = Callable[..., "subprocess.Popen[str]"]
SLEEP = [sys.executable, "-c", "import signal; signal.pause()"]

_START_CHILD = """
import signal, sys
from pathlib import Path
from quartermaster_local.processes import Child
folder = Path(sys.argv[1])
sleep = [sys.executable, "-c", "import signal; signal.pause()"]
child = Child.start("sleeper", sleep, folder=folder, log=folder / "log")
print(child.pid, flush=True)
signal.pause()
"""


@pytest.mark.skipif(sys.platform != "linux", reason="Only Linux ties a child's life to its parent's.")
def test_a_child_ends_with_its_killed_parent(tmp_path: Path, other_process: Script) -> None:
    parent = other_process("-c", _START_CHILD, str(tmp_path))
    assert parent.stdout is not None
    child = int(parent.stdout.readline())

    parent.kill()

    wait_for(lambda: is_gone(child))


def test_a_child_outlives_the_thread_that_asked_for_it(tmp_path: Path) -> None:
    """The kernel ends children with the thread that forked them, which must not be the caller's."""
    started: list[Child] = []

    def start() -> None:
        started.append(Child.start("sleeper", SLEEP, folder=tmp_path, log=tmp_path / "log"))

    thread = threading.Thread(target=start)
    thread.start()
    thread.join()
    try:
        assert not started[0].wait(0.3)
    finally:
        started[0].kill()


def test_a_child_that_ignores_sigterm_is_killed_in_time(tmp_path: Path) -> None:
    code = (
        "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('ready', flush=True)\n"
        "while True: signal.pause()"
    )
    child = Child.start("stubborn", [sys.executable, "-c", code], folder=tmp_path, log=tmp_path / "log")
    child.wait_until(lambda: "ready" in (tmp_path / "log").read_text(), timeout_seconds=10)

    child.stop(timeout_seconds=0.2)

    assert child.exit_status == -signal.SIGKILL


def test_a_child_that_ends_too_soon_is_reported_with_its_log(tmp_path: Path) -> None:
    code = "import sys; sys.exit('no such table')"
    child = Child.start("reader", [sys.executable, "-c", code], folder=tmp_path, log=tmp_path / "log")

    with pytest.raises(LocalProblem, match=r"reader ended with status 1[\s\S]*no such table"):
        child.wait_until(lambda: False, timeout_seconds=10)


def program_of(child: Child) -> psutil.Process:
    """Wait until the child is the program that it was started for; before, neither name nor environment is its own."""
    program = psutil.Process(child.pid)
    wait_for(lambda: "pause" in " ".join(program.cmdline()) and "_exec" not in " ".join(program.cmdline()))
    return program


def test_orphans_are_known_by_their_folder(tmp_path: Path) -> None:
    ours, theirs = tmp_path / "ours", tmp_path / "theirs"
    children = {}
    for folder in (ours, theirs):
        folder.mkdir()
        children[folder] = Child.start("sleeper", SLEEP, folder=folder, log=folder / "log")
    try:
        program = program_of(children[ours])

        assert stop_orphans(ours, program.name()) == 1

        assert children[ours].exit_status == -signal.SIGTERM
        assert children[theirs].exit_status is None
    finally:
        for child in children.values():
            child.kill()


def test_marked_processes_are_ended_but_not_the_one_that_asks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    child = Child.start("sleeper", SLEEP, folder=tmp_path, log=tmp_path / "log", environment={"MARK": str(tmp_path)})
    monkeypatch.setenv("MARK", str(tmp_path))
    program_of(child)
    try:
        assert stop_marked("MARK", str(tmp_path)) == 1

        assert child.exit_status is not None
    finally:
        child.kill()


def test_a_claim_excludes_others_and_ends_with_its_holder(tmp_path: Path) -> None:
    claim = Claim.take(tmp_path, refused="Taken.")
    with pytest.raises(LocalProblem, match=rf"^Taken\. \(It is held by process {os.getpid()}\.\)$"):
        Claim.take(tmp_path, refused="Taken.")

    claim.release()

    Claim.take(tmp_path, refused="Taken.").release()
