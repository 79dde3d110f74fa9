"""What the platform's own tests share."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

Script = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def private_folder(tmp_path: Path) -> Iterator[Path]:
    """A folder below one that nobody but its owner may enter, as `mktemp -d` makes it."""
    tmp_path.chmod(0o700)
    folder = tmp_path / "data, with space"
    folder.mkdir()
    yield folder
    assert tmp_path.stat().st_mode & 0o777 == 0o700, "Somebody opened a parent folder."


@pytest.fixture
def other_process() -> Iterator[Script]:
    """Run Python with arguments in a process that may be killed; its standard output can be read."""
    started: list[subprocess.Popen[str]] = []

    def start(*arguments: str) -> "subprocess.Popen[str]":
        process = subprocess.Popen([sys.executable, *arguments], stdout=subprocess.PIPE, stderr=None, text=True)
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()
