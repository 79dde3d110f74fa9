"""The patches in tests/guards, and what each one claims."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

FOLDER = Path("tests/guards")
CLAIM = re.compile(r"#\s*fails:\s*(\S+::\S.*)")


class GuardError(Exception):
    """A patch or its test cannot prove anything; the message says why."""


@dataclass(frozen=True, slots=True)
class Guard:
    """A patch and the tests that must fail once it is applied."""

    name: str
    patch: Path
    tests: tuple[str, ...]


def load_guards(root: Path, names: Sequence[str]) -> list[Guard]:
    """The guards asked for, else all. Raises GuardError for one that is not there or names no test."""
    folder = root / FOLDER
    patches = {path.stem: path for path in sorted(folder.glob("*.patch"))}
    unknown = [name for name in names if name not in patches]
    if unknown:
        raise GuardError(f"No such guard in {FOLDER}: {', '.join(unknown)}. There are {', '.join(patches) or 'none'}.")
    return [_load(path) for name, path in patches.items() if not names or name in names]


def _load(path: Path) -> Guard:
    tests = []
    for line in path.read_text(encoding="utf-8").splitlines():
        if line.startswith(("diff ", "--- ")):
            break
        if claim := CLAIM.match(line):
            tests.append(claim[1].strip())
    if not tests:
        raise GuardError(f"{path.name} names no test: begin it with `# fails: path/test_x.py::test_name`.")
    return Guard(path.stem, path, tuple(tests))
