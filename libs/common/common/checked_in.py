"""Generated files that are checked in: make them, or say which are not what they should be.

Every generator ends here, so that all of them are called, checked and read in the same way. Paths are below a root; an
absolute one stands for itself.
"""

import argparse
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path

Made = Mapping[Path, str | bytes]


def parser(command: str, summary: str | None) -> argparse.ArgumentParser:
    """The command line that generators have in common: ``--check``. ``summary`` may be a docstring."""
    words = (summary or "").partition("\n")[0]
    made = argparse.ArgumentParser(prog=command, description=words)
    made.add_argument("--check", action="store_true", help="write nothing; exit 1 when a file is not current")
    return made


def settle(root: Path, made: Made, *, check: bool, command: str, present: Iterable[Path] = ()) -> int:
    """Write what is not current, or with ``check`` only say so; the exit code.

    Names go to standard output. ``present`` are the files of the same kind that are there now: what is not made any
    more is taken away.
    """
    changed = stale(root, made, present) if check else write(root, made, present)
    sys.stdout.writelines(f"{path}\n" for path in changed)
    if check and changed:
        sys.stderr.write(f"Not current: run {command} and commit what it writes.\n")
        return 1
    return 0


def stale(root: Path, made: Made, present: Iterable[Path] = ()) -> list[Path]:
    """The files that are missing, differ, or are made no more."""
    left_over = set(present) - made.keys()
    return sorted({path for path, content in made.items() if not _holds(root / path, content)} | left_over)


def write(root: Path, made: Made, present: Iterable[Path] = ()) -> list[Path]:
    """Bring the files up to date; returns what changed."""
    changed = stale(root, made, present)
    for path in changed:
        if path in made:
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).write_bytes(_bytes(made[path]))
        else:
            (root / path).unlink()
    return changed


def _holds(path: Path, content: str | bytes) -> bool:
    return path.is_file() and path.read_bytes() == _bytes(content)


def _bytes(content: str | bytes) -> bytes:
    return content.encode() if isinstance(content, str) else content
