"""Real time as a port.

Business time is this clock plus the test offset of the service's database, and is read from the unit of work
(``uow.now``). Tokens, signatures and latencies use the clock as it is.
"""

from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """Tells real time."""

    def now(self) -> datetime:
        """Return the time, aware, in UTC."""
        ...


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        """Return the time, aware, in UTC."""
        return datetime.now(UTC)
