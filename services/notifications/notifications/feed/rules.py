"""What a reader of the log may ask for: where to begin, and which types."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum
from typing import Final
from uuid import UUID

from common.events import CONTRACTS
from common.problems import FieldError, InvalidCursor, InvalidInput
from notifications.webhooks.rules import patterns_of

KNOWN_TYPES: Final = frozenset(contract.type for contract in CONTRACTS)
CURSOR: Final = re.compile(r"[0-9]{1,18}")  # fits a bigint


class Edge(Enum):
    """The ends of the log."""

    OLDEST = "oldest"
    LATEST = "latest"


Cursor = Edge | int
"""Where to begin: behind a position, or at one of the ends."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which events a reader asked for; None is any."""

    types: frozenset[str] | None = None
    subject: UUID | None = None

    def takes(self, event_type: str, subject: UUID) -> bool:
        """Whether an event is among them."""
        return (self.types is None or event_type in self.types) and (self.subject is None or subject == self.subject)


def cursor_of(text: str | None, *, default: Edge) -> Cursor:
    """Read a cursor. Raises InvalidCursor."""
    if text is None:
        return default
    if text in {edge.value for edge in Edge}:
        return Edge(text)
    if CURSOR.fullmatch(text) is None:
        raise InvalidCursor("This is no cursor of the event log; send the last one you got, or oldest or latest.")
    return int(text)


def types_of(text: str | None) -> frozenset[str] | None:
    """Read ``order.*,stock.low`` into the types meant by it; None means all. Raises InvalidInput."""
    if text is None:
        return None
    return expand(text.split(","))


def expand(patterns: Iterable[str]) -> frozenset[str] | None:
    """Return the types that ``patterns`` mean; None means all. Raises InvalidInput for one that means none."""
    found: set[str] = set()
    for pattern in patterns:
        meant = {each for each in KNOWN_TYPES if pattern in patterns_of(each)}
        if not meant:
            sentence = (
                f"{pattern[:80]!r} is no event type and no wildcard such as order.*; GET /v1/event-types lists them."
            )
            raise InvalidInput(sentence, errors=[FieldError("/query/types", sentence)])
        found |= meant
    return None if found == KNOWN_TYPES else frozenset(found)
