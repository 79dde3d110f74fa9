"""Takes each guard away in turn, in copies of the tree, and says whether its test noticed."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue
from time import monotonic

from tools.guards.checkout import Checkout
from tools.guards.patches import Guard, GuardError
from tools.guards.pytest_run import is_among, run_tests

TOGETHER = 2  # more only wait for each other's processor


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a guard's tests failed without it."""

    guard: str
    is_proven: bool
    said: str
    seconds: float
    detail: str = ""


def require_green(checkout: Checkout, guards: Sequence[Guard]) -> None:
    """Raise GuardError unless every named test passes while the guards are there."""
    tests = sorted({test for guard in guards for test in guard.tests})
    outcome = run_tests(checkout, tests, seconds=60.0 * len(tests) + 120.0)
    bad = [test for test in tests if not is_among(test, outcome.passed)]
    if bad or outcome.failed or outcome.broken:
        names = ", ".join(bad) or "see below"
        raise GuardError(f"With all guards in place these tests must pass: {names}\n{outcome.tail()}")


def prove(checkout: Checkout, guard: Guard) -> Verdict:
    """Apply one patch, run its tests, take it back."""
    began = monotonic()
    detail = ""
    try:
        checkout.apply(guard.patch)
        try:
            outcome = run_tests(checkout, guard.tests)
        finally:
            checkout.apply(guard.patch, reverse=True)
    except GuardError as error:
        return Verdict(guard.name, is_proven=False, said=str(error), seconds=monotonic() - began)
    blind = [test for test in guard.tests if not is_among(test, outcome.failed)]
    if outcome.broken:
        said, detail = "the test broke before it could fail", outcome.tail()
    elif blind:
        said, detail = f"still passes: {', '.join(blind)}", outcome.tail()
    else:
        said = f"{len(guard.tests)} of {len(guard.tests)} fail without it"
    return Verdict(guard.name, not outcome.broken and not blind, said, monotonic() - began, detail)


def prove_all(root: Path, folder: Path, guards: Sequence[Guard]) -> list[Verdict]:
    """Prove every guard, at most two at a time, each in its own copy. Raises GuardError if tests are red before."""
    copies = [Checkout(root, _made(folder / f"copy-{number}")) for number in range(min(TOGETHER, len(guards)))]
    for copy in copies:
        copy.require_own_code()
    require_green(copies[0], guards)
    free: SimpleQueue[Checkout] = SimpleQueue()
    for copy in copies:
        free.put(copy)

    def one(guard: Guard) -> Verdict:
        copy = free.get()
        try:
            return prove(copy, guard)
        finally:
            free.put(copy)

    with ThreadPoolExecutor(max_workers=len(copies)) as pool:
        return list(pool.map(one, guards))


def _made(folder: Path) -> Path:
    folder.mkdir()
    return folder
