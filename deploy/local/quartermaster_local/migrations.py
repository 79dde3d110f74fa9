"""Remembers which services were brought to head, so that a restart need not ask six programs.

The mark holds what decides the outcome: the code of ``common`` and of the service's migrations, what is installed,
and which PostgreSQL and Kafka data it was done on. Whatever differs, ``migrate`` runs again; it may always run.
"""

import hashlib
from collections.abc import Iterator
from importlib.metadata import distributions
from importlib.util import find_spec
from pathlib import Path


class Marks:
    """One small file per service."""

    def __init__(self, folder: Path, *, data: tuple[Path, ...]) -> None:
        folder.mkdir(exist_ok=True)
        self._folder = folder
        self._base = hashlib.sha256()
        for path in data:
            if path.exists():  # Kafka may still be making it
                self._base.update(f"{path.stat().st_mtime_ns} ".encode() + path.read_bytes())
        for name in sorted(f"{found.name}=={found.version}" for found in distributions()):
            self._base.update(name.encode())
        for path in _code_of("common"):
            self._base.update(path.read_bytes())

    def is_at_head(self, service: str) -> bool:
        mark = self._folder / service
        return mark.exists() and mark.read_text() == self._digest(service)

    def set(self, service: str) -> None:
        (self._folder / service).write_text(self._digest(service))

    def _digest(self, service: str) -> str:
        sha = self._base.copy()
        for path in _code_of(service):
            sha.update(str(path.name).encode() + path.read_bytes())
        return sha.hexdigest()


def _code_of(package: str) -> Iterator[Path]:
    spec = find_spec(package)
    if spec is not None and spec.origin is not None:
        folder = Path(spec.origin).parent
        yield from sorted(path for pattern in ("*.py", "*.sql") for path in folder.rglob(pattern))
