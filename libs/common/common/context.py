"""What travels with a request or an event through the process: ids for logs and events, and the deadline."""

import asyncio
import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field

_TRACEPARENT = re.compile(r"00-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}")
_REQUEST_ID = re.compile(r"[A-Za-z0-9-]{8,64}")


def new_request_id() -> str:
    """Make an id for a request that came without one."""
    return secrets.token_hex(16)


def new_traceparent() -> str:
    """Start a trace (W3C Trace Context), not sampled."""
    return f"00-{secrets.token_hex(16)}-{secrets.token_hex(8)}-00"


def child_traceparent(parent: str | None) -> str:
    """Continue ``parent`` under a new span id; start a trace where it is absent or malformed."""
    match = _TRACEPARENT.fullmatch(parent or "")
    if match is None or set(match[1]) == {"0"}:
        return new_traceparent()
    return f"00-{match[1]}-{secrets.token_hex(8)}-{(parent or '')[-2:]}"


def accept_request_id(value: str | None) -> str:
    """Keep a caller's request id if it is harmless in logs, else make one."""
    return value if value and _REQUEST_ID.fullmatch(value) else new_request_id()


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestContext:
    """Ids of the work in hand.

    ``causation_id`` is the event that this work reacts to, if any; ``deadline`` is loop time, seconds.
    """

    request_id: str = field(default_factory=new_request_id)
    correlation_id: str = field(default_factory=new_request_id)
    causation_id: str | None = None
    traceparent: str = field(default_factory=new_traceparent)
    deadline: float | None = None

    @property
    def trace_id(self) -> str:
        """The trace's id, 32 hex digits."""
        return self.traceparent[3:35]

    def seconds_left(self) -> float | None:
        """Time until the deadline, never negative; None without one."""
        if self.deadline is None:
            return None
        return max(0.0, self.deadline - asyncio.get_running_loop().time())


_current: ContextVar[RequestContext | None] = ContextVar("request_context", default=None)


def current_context() -> RequestContext:
    """Return the context of the work in hand; a fresh one is made, and kept, where none was set."""
    context = _current.get()
    if context is None:
        context = RequestContext()
        _current.set(context)
    return context


@contextmanager
def use_context(context: RequestContext) -> Iterator[RequestContext]:
    """Run a block under ``context``."""
    token = _current.set(context)
    try:
        yield context
    finally:
        _current.reset(token)
