"""The stream's wire format: Server-Sent Events (WHATWG HTML, §9.2).

An event's ``id`` is its position in the log. Pings carry one too: they tell a reader that nothing of what it asked for
was in between, so that it can come back after a month of silence and still be told that it has missed nothing.
"""

import orjson


def event_frame(position: int, body: bytes) -> bytes:
    """An event; a document that has line breaks travels as several lines, which readers join again."""
    if b"\n" in body or b"\r" in body:
        body = b"\ndata: ".join(body.splitlines())
    return b"id: %d\ndata: %b\n\n" % (position, body)


def opening_frame(position: int, *, retry_ms: int) -> bytes:
    """The first thing said: where the reader stands, and how long to wait before it comes back."""
    return b"retry: %d\nid: %d\n\n" % (retry_ms, position)


def ping_frame(position: int) -> bytes:
    """A sign of life; no reader is handed an event by it."""
    return b": ping\nid: %d\n\n" % position


def stop_frame(position: int, *, reason: str) -> bytes:
    """The last thing said: come back from ``position``."""
    return b"id: %d\nevent: stop\ndata: %b\n\n" % (position, orjson.dumps({"reason": reason}))
