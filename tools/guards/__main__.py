"""Command line of the guards."""

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from tools.guards.patches import GuardError, load_guards
from tools.guards.run import Verdict, prove_all

ROOT = Path(__file__).resolve().parents[2]
PLATFORM_SECONDS = 120.0
STOP_SECONDS = 30.0


def main(argv: list[str] | None = None) -> int:
    """Prove guards and print a table; 1 if one proves nothing."""
    parser = argparse.ArgumentParser(prog="python -m tools.guards", description="Take guards away, see tests fail.")
    parser.add_argument("names", nargs="*", help="guards by the name of their patch (default: all)")
    parser.add_argument("--root", type=Path, default=ROOT, help="the checkout (default: this one)")
    parser.add_argument(
        "--no-platform", action="store_true", help="start no PostgreSQL and Kafka for all runs together"
    )
    given = parser.parse_args(argv)
    try:
        guards = load_guards(given.root, given.names)
        if not guards:
            raise GuardError("There are no guards in tests/guards.")
        with (
            TemporaryDirectory(prefix="quartermaster-guards-") as folder,
            _platform(folder, start=not given.no_platform),
        ):
            verdicts = prove_all(given.root, Path(folder).resolve(), guards)
    except GuardError as error:
        sys.stderr.write(f"guards: {error}\n")
        return 1
    return _report(verdicts)


def _report(verdicts: list[Verdict]) -> int:
    width = max(len(verdict.guard) for verdict in verdicts)
    for verdict in verdicts:
        sign = "ok  " if verdict.is_proven else "BAD "
        print(f"{sign} {verdict.guard:<{width}}  {verdict.seconds:6.1f} s  {verdict.said}")
        if verdict.detail:
            print("".join(f"     | {line}\n" for line in verdict.detail.splitlines()), end="")
    bad = sum(not verdict.is_proven for verdict in verdicts)
    print(f"guards: {len(verdicts) - bad} of {len(verdicts)} proven")
    return 1 if bad else 0


@contextmanager
def _platform(folder: str, *, start: bool) -> Iterator[None]:
    """One PostgreSQL and one Kafka for all runs, unless the environment names a pair already."""
    if not start or os.environ.get("TEST_PLATFORM"):
        yield
        return
    file = Path(folder) / "platform.json"
    process = subprocess.Popen(
        [sys.executable, "-m", "common.testing.shared_platform", str(file)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        _wait_for(file, process)
        os.environ["TEST_PLATFORM"] = str(file)
        yield
    finally:
        os.environ.pop("TEST_PLATFORM", None)
        process.terminate()
        process.wait(STOP_SECONDS)


def _wait_for(file: Path, process: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + PLATFORM_SECONDS
    while not (file.exists() and file.stat().st_size):
        if process.poll() is not None or time.monotonic() > deadline:
            raise GuardError("PostgreSQL and Kafka for the tests did not start; `make test` says why.")
        try:
            process.wait(0.1)
        except subprocess.TimeoutExpired:
            continue


if __name__ == "__main__":
    raise SystemExit(main())
