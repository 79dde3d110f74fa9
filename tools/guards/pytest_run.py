"""Runs of named tests, and what became of each: passed, failed in the test itself, or broken around it."""

import os
import signal
import subprocess
import sys
import xml.etree.ElementTree as ET
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from tools.guards.checkout import Checkout
from tools.guards.patches import GuardError

SECONDS = 180.0
LAST_LINES = 15


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a run of tests said."""

    passed: frozenset[str]
    failed: frozenset[str]
    broken: frozenset[str]  # in set-up, tear-down or collection: proves nothing
    output: str

    def tail(self) -> str:
        """The end of what pytest printed."""
        return "\n".join(self.output.strip().splitlines()[-LAST_LINES:])


def run_tests(checkout: Checkout, tests: Sequence[str], *, seconds: float = SECONDS) -> Outcome:
    """Run tests by id in the copy. Raises GuardError when they do not end in time or there are none."""
    with TemporaryDirectory() as folder:
        report = Path(folder) / "report.xml"
        command = [sys.executable, "-m", "pytest", *tests, "-q", "-p", "no:cacheprovider", f"--junitxml={report}"]
        output = _output_of(command, checkout, seconds)
        if not report.exists():
            raise GuardError(f"pytest did not run: {output.strip()[-500:]}")
        cases = list(ET.parse(report).getroot().iter("testcase"))  # noqa: S314 - our own pytest's
    named = {_name_of(case): case for case in cases}
    failed = frozenset(name for name, case in named.items() if case.find("failure") is not None)
    broken = frozenset(name for name, case in named.items() if case.find("error") is not None)
    skipped = frozenset(name for name, case in named.items() if case.find("skipped") is not None)
    passed = frozenset(named) - failed - broken - skipped
    if not (failed | broken | passed):
        raise GuardError(f"no test of this name ran: {', '.join(tests)}")
    return Outcome(passed, failed - broken, broken, output)


def _output_of(command: Sequence[str], checkout: Checkout, seconds: float) -> str:
    with subprocess.Popen(
        command,
        cwd=checkout.folder,
        env=checkout.environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    ) as process:
        try:
            output, _ = process.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            raise GuardError(
                f"the test did not end within {seconds:.0f} s; a guard's test must fail, not hang"
            ) from None
    return output


def _name_of(case: ET.Element) -> str:
    """``test_x[parameter]``: pytest's report has no node ids, and a guard names one test or a few."""
    return f"{case.get('classname', '')}::{case.get('name', '')}"


def is_among(test: str, names: frozenset[str]) -> bool:
    """Whether a test named by its id, or one of its parameters, is among the names of a report."""
    path, _, name = test.partition("::")
    module = path.removesuffix(".py").replace("/", ".")
    wanted = f"{module}::{name}"
    return any(each == wanted or (each.startswith(f"{wanted}[") and "[" not in name) for each in names)
