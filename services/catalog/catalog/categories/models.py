"""A category: a title in a place."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from catalog.text import fold

MAX_LEVELS = 10
SEPARATOR = "\x1f"  # sorts before every printable character: a parent stands right before its children


@dataclass(frozen=True, slots=True)
class Category:
    """``ancestors`` and ``path`` go from the root to the category itself."""

    id: UUID
    parent_id: UUID | None
    handle: str
    title: str
    ancestors: tuple[UUID, ...]
    path: tuple[str, ...]
    path_key: str
    version: int
    created_at: datetime
    updated_at: datetime


def path_key(path: Sequence[str]) -> str:
    """Return what two categories of the same place and title share, and by which the tree is read in order."""
    return SEPARATOR.join(fold(title) for title in path)
