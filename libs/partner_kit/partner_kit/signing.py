"""Signatures by Standard Webhooks 1.0: HMAC-SHA256 over ``id.timestamp.body``, the body in the bytes that came.

A sender that changes its secret signs with both for a while: the header then holds several signatures, and one that
fits is enough.
"""

import base64
import binascii
import hashlib
import hmac
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

PREFIX = "whsec_"
VERSION = "v1"
TOLERANCE_SECONDS = 300.0


class Refused(Exception):
    """What came is not from the sender, or not from now. Answer 401 and do nothing else."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """A delivery that was verified. ``id`` is the event's, the same on every retry; ``timestamp`` is the attempt's."""

    id: str
    timestamp: int


def sign(secret: str, message_id: str, timestamp: int, body: bytes) -> str:
    """Sign as the sender does. Raises ValueError for a secret that is none."""
    signed = b".".join((message_id.encode(), str(timestamp).encode(), body))
    digest = hmac.new(_key(secret), signed, hashlib.sha256).digest()
    return f"{VERSION},{base64.b64encode(digest).decode()}"


def verify(
    secrets: str | Sequence[str],
    headers: Mapping[str, str],
    body: bytes,
    *,
    now: float | None = None,
    tolerance_seconds: float | None = TOLERANCE_SECONDS,
) -> Delivery:
    """Tell whether a delivery is the sender's own, and fresh.

    Args:
        secrets: The endpoint's secret, ``whsec_…``, or several while one takes over from another.
        headers: As they came; their names in whatever case.
        body: The bytes as they came, before anything has parsed them.
        now: Unix time, seconds; the present by default.
        tolerance_seconds: How far the attempt's time may be from ``now``, either way; None does not look.

    Raises:
        Refused: Headers are missing or malformed, no signature fits, or the attempt is too old or from the future.
        ValueError: A secret is none.
    """
    given = {name.lower(): value for name, value in headers.items()}
    message_id, sent_at, signatures = (_header(given, name) for name in ("id", "timestamp", "signature"))
    if not (sent_at.isascii() and sent_at.isdigit()):
        raise Refused("webhook-timestamp is no Unix time in seconds.")
    timestamp = int(sent_at)
    away = abs((time.time() if now is None else now) - timestamp)
    if tolerance_seconds is not None and away > tolerance_seconds:
        raise Refused(f"webhook-timestamp is {away:.0f} s away from now; {tolerance_seconds:.0f} s are allowed.")
    ours = [sign(each, message_id, timestamp, body) for each in ([secrets] if isinstance(secrets, str) else secrets)]
    if not any(hmac.compare_digest(mine.encode(), each.encode()) for mine in ours for each in signatures.split(" ")):
        raise Refused("No signature fits: another secret, or the bytes are not those that were sent.")
    return Delivery(message_id, timestamp)


def _header(headers: Mapping[str, str], name: str) -> str:
    value = headers.get(f"webhook-{name}", "")
    if not value:
        raise Refused(f"The header webhook-{name} is missing.")
    return value


def _key(secret: str) -> bytes:
    try:
        key = base64.b64decode(secret.removeprefix(PREFIX), validate=True)
    except binascii.Error as error:
        raise ValueError(f"The secret is not {PREFIX} and base64 behind it.") from error
    if not key:
        raise ValueError("The secret is empty.")
    return key
