"""Which events an endpoint wants, when a failed delivery is tried again, and what may be kept of an answer. No I/O."""

import re
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Literal

from common.events import CONTRACTS

Failure = Literal["status", "connect", "timeout", "tls", "address"]

SCHEDULE = (
    timedelta(0),
    timedelta(seconds=5),
    timedelta(minutes=5),
    timedelta(minutes=30),
    timedelta(hours=2),
    timedelta(hours=5),
    timedelta(hours=10),
    timedelta(hours=14),
    timedelta(hours=20),
    timedelta(hours=24),
)
"""Rest before each attempt; an attempt's is counted from the end of the one before. Three days in all."""

ATTEMPTS = len(SCHEDULE)
TEST_ATTEMPTS = 1  # whoever sends a test looks at what came of it
JITTER = 0.2  # so that what failed together does not come back together
LONGEST_REST = timedelta(hours=24)  # of what Retry-After may ask for one delivery
LONGEST_PAUSE = timedelta(hours=1)  # of what it may ask for the endpoint as a whole
THROTTLING = frozenset({429, 503})
GONE = 410

WARN_AFTER = timedelta(days=3)
DISABLE_AFTER = timedelta(days=5)
OLD_SECRET_FOR = timedelta(hours=24)

ANSWER_KEPT = 4096  # bytes
ERROR_KEPT = 300
MASK = "***"
SHORTEST_MASKED = 6  # masking "a" would garble the text and hide nothing

TYPES = tuple(contract.type for contract in CONTRACTS)
OWN_TYPES = "webhook."

_SECRETS = re.compile(r"whsec_[A-Za-z0-9+/=_-]+|v1a?,[A-Za-z0-9+/=]{20,}|(?i:bearer)\s+[A-Za-z0-9._~+/=-]{8,}")


def matches(pattern: str, event_type: str) -> bool:
    """Tell whether ``order.placed``, ``order.*`` or ``*`` names the type."""
    return pattern in patterns_of(event_type)


def patterns_of(event_type: str) -> tuple[str, str, str]:
    """Return whatever an endpoint may say to get events of a type."""
    return event_type, f"{event_type.partition('.')[0]}.*", "*"


def unknown_patterns(patterns: Iterable[str]) -> list[str]:
    """Return those that name no type there is."""
    known = {pattern for event_type in TYPES for pattern in patterns_of(event_type)}
    return [pattern for pattern in patterns if pattern not in known]


def rest_before(attempt: int, *, random: Callable[[], float]) -> timedelta:
    """How long to wait before the ``attempt``-th attempt, counted from 1; ``random`` gives a number in [0, 1)."""
    return SCHEDULE[attempt - 1] * (1 + JITTER * (2 * random() - 1))


def retry_after(header: str | None, *, now: datetime) -> timedelta | None:
    """Read Retry-After: seconds or an HTTP date. None where there is none that can be read, or it is past."""
    text = (header or "").strip()
    if not text:
        return None
    if text.isascii() and text.isdigit():
        seconds = int(text[:9])
        return timedelta(seconds=seconds) if seconds else None
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, IndexError, OverflowError):
        return None
    if moment.tzinfo is None:
        return None
    rest = moment - now
    return rest if rest > timedelta(0) else None


def kept_answer(content: bytes, secrets: Iterable[str]) -> str | None:
    """Return what is kept of an answer, as text; None for an empty one.

    Whatever ``secrets`` names is masked, and whatever looks like a secret, a signature or a token: a receiver may well
    say back what it was told, and people without the secret read this.
    """
    return kept_text(content[:ANSWER_KEPT].decode(errors="replace"), secrets) or None


def kept_text(text: str, secrets: Iterable[str]) -> str:
    """Mask secrets in a text and take out what PostgreSQL cannot hold."""
    kept = text.replace("\x00", "\ufffd")
    for secret in sorted(secrets, key=len, reverse=True):
        if len(secret) >= SHORTEST_MASKED:
            kept = kept.replace(secret, MASK)
    return _SECRETS.sub(MASK, kept)
