"""The list of what must go well, in order."""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from tools.acceptance.checkout import Clone, ended_at_last
from tools.acceptance.looks import events_are_those_of_the_page, memory_of_services, routes_are_those_of_the_page
from tools.acceptance.steps import Report, StepFailedError, StepSkippedError

ROOT = Path(__file__).resolve().parents[2]
KINDS = ("demo", "verify", "memory", "routes", "test", "events", "check", "smoke")
START_SECONDS = 15.0
INSTALL_SECONDS = 1_800.0
DEMO_SECONDS = 300.0
VERIFY_SECONDS = 180.0
TEST_SECONDS = 420.0
CHECK_SECONDS = 3_600.0
SMOKE_SECONDS = 1_800.0
ORDINALS = ("first", "second", "third")


def main() -> int:
    """Play it all; 0 when everything went well."""
    parser = argparse.ArgumentParser(prog="tools/accept", description="Play what “done” means on a fresh clone.")
    parser.add_argument("--skip", default="", help=f"steps to leave out, by commas: {', '.join(KINDS)}")
    parser.add_argument("--keep-going", action="store_true", help="do not stop at the first step that fails")
    parser.add_argument("--keep", action="store_true", help="leave the clone and the logs where they are")
    given = parser.parse_args()
    skipped = frozenset(filter(None, given.skip.split(",")))
    if unknown := skipped - set(KINDS):
        parser.error(f"no such step: {', '.join(sorted(unknown))}")
    parent = Path(tempfile.mkdtemp(prefix="quartermaster-accept-")).resolve()
    report = Report(skipped, given.keep_going)
    _warn_of_uncommitted()
    try:
        _play(report, parent)
    except (StepFailedError, KeyboardInterrupt):
        print(f"Stopped. The logs are in {parent}.", flush=True)
        return 1
    if report.failed:
        print(f"Failed: {', '.join(report.failed)}. The logs are in {parent}.", flush=True)
        return 1
    if not given.keep:
        shutil.rmtree(parent, ignore_errors=True)
    print("Accepted." if not skipped else f"Accepted, without {', '.join(sorted(skipped))}.", flush=True)
    return 0


def _play(report: Report, parent: Path) -> None:
    clone = Clone.make(ROOT, parent, python=_python())
    with ended_at_last(clone):
        report.step("make install", lambda: _install(clone))
        for ordinal in ORDINALS:
            report.step(f"{ordinal} make run", lambda name=f"{ordinal} make run": _start(clone, name))  # type: ignore[misc] # its own name
            if ordinal != ORDINALS[-1]:
                report.step(f"kill -9 after the {ordinal}", lambda: f"{clone.kill_everything()} processes")
        for ordinal in ORDINALS[:2]:
            report.step(f"{ordinal} make demo", lambda name=f"{ordinal} demo": _demo(clone, name), kind="demo")  # type: ignore[misc] # its own name
        report.step("make verify", lambda: _verify(clone), kind="verify")
        report.step("memory of the six services", lambda: memory_of_services(clone), kind="memory")
        report.step("routes", lambda: routes_are_those_of_the_page(clone))
        report.step("clean stop", clone.stop)
        seen = parent / "seen-events"
        report.step("make test", lambda: _test(clone, seen), kind="test")
        report.step("events", lambda: events_are_those_of_the_page(clone.folder, seen))
        report.step("make check", lambda: _check(clone), kind="check")
        report.step("deploy/smoke", lambda: _smoke(clone), kind="smoke")


def _python() -> str:
    return os.environ.get("PYTHON") or sys.executable


def _warn_of_uncommitted() -> None:
    changed = subprocess.run(
        ["git", "status", "--porcelain"],  # noqa: S607 - whichever git
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    ).stdout
    if changed:
        print("Note: what is not committed is not in the clone.", file=sys.stderr, flush=True)


def _install(clone: Clone) -> str:
    clone.call("install", "make", "install", seconds=INSTALL_SECONDS)
    return "done"


def _start(clone: Clone, name: str) -> str:
    seconds = clone.start(name)
    if seconds > START_SECONDS:
        raise StepFailedError(f"ready after {seconds:.1f} s, more than {START_SECONDS:.0f}")
    return f"ready after {seconds:.1f} s"


def _demo(clone: Clone, name: str) -> str:
    clone.call(name, "make", "demo", f"GATEWAY={clone.gateway}", seconds=DEMO_SECONDS)
    return "played to its end"


def _verify(clone: Clone) -> str:
    said = clone.call("verify", "make", "verify", seconds=VERIFY_SECONDS)
    return next((line for line in reversed(said.splitlines()) if line.startswith("verify:")), "content")


def _test(clone: Clone, seen: Path) -> str:
    said = clone.call("test", "make", "test", seconds=TEST_SECONDS, SEEN_EVENTS_FILE=str(seen))
    return said.strip().splitlines()[-1].strip("= ")


def _check(clone: Clone) -> str:
    clone.call("check", "make", "check", seconds=CHECK_SECONDS)
    return "done"


def _smoke(clone: Clone) -> str:
    docker = shutil.which("docker")
    if docker is None or subprocess.run([docker, "info"], capture_output=True, check=False).returncode != 0:
        raise StepSkippedError("there is no Docker engine here")
    clone.call("smoke", "deploy/smoke", seconds=SMOKE_SECONDS)
    return "done"


if __name__ == "__main__":
    raise SystemExit(main())
