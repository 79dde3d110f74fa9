"""What a client knows about the health of a service that it calls: a circuit breaker and a budget of retries."""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Final

CONSECUTIVE_FAILURES: Final = 5
WINDOW: Final = 20  # calls; half of them failing opens the breaker as well
FAILURE_SHARE: Final = 0.5
OPEN_SECONDS: Final = 5.0


class BreakerState(Enum):
    """Where calls go."""

    CLOSED = "closed"  # through
    OPEN = "open"  # nowhere
    HALF_OPEN = "half-open"  # one goes through and decides


class BreakerOpenError(Exception):
    """The call was refused without being made; ``retry_after`` are seconds until one may be tried."""

    def __init__(self, retry_after: float) -> None:
        super().__init__("the breaker is open")
        self.retry_after = retry_after


@dataclass(slots=True)
class Permit:
    """Leave to make one call, to be ended by one report of how it went; reports after the first are ignored.

    What an earlier state let through says nothing about the present one, and is ignored as well.
    """

    _breaker: "CircuitBreaker"
    _generation: int

    def _report(self, healthy: bool | None) -> None:  # noqa: FBT001 - private, and named by the three below
        if self._generation == self._breaker.generation:
            self._breaker.record(healthy=healthy)
        self._generation = -1

    def succeeded(self) -> None:
        """The service answered."""
        self._report(healthy=True)

    def failed(self) -> None:
        """The service did not answer, or not as itself."""
        self._report(healthy=False)

    def withdrawn(self) -> None:
        """The call ended for a reason of ours: it says nothing about the service."""
        self._report(healthy=None)


class CircuitBreaker:
    """Stops calling a service that keeps failing, and lets one call in five seconds find out whether it is back.

    It opens after five failures in a row, or when at least half of the last twenty calls failed.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self.state = BreakerState.CLOSED
        self.generation = 0
        self._recent: deque[bool] = deque(maxlen=WINDOW)
        self._in_a_row = 0
        self._opened_at = 0.0
        self._probing = False

    def admit(self) -> Permit:
        """Give leave to call. Raises BreakerOpenError."""
        if self.state is BreakerState.OPEN:
            left = self._opened_at + OPEN_SECONDS - self._clock()
            if left > 0:
                raise BreakerOpenError(left)
            self._become(BreakerState.HALF_OPEN)
        if self.state is BreakerState.HALF_OPEN:
            if self._probing:
                raise BreakerOpenError(1.0)
            self._probing = True
        return Permit(self, self.generation)

    def record(self, *, healthy: bool | None) -> None:
        """Take a permit's report; None for a call that says nothing."""
        if self.state is BreakerState.HALF_OPEN:
            self._probing = False
            if healthy is not None:
                self._become(BreakerState.CLOSED if healthy else BreakerState.OPEN)
        elif healthy is not None:
            self._recent.append(healthy)
            self._in_a_row = 0 if healthy else self._in_a_row + 1
            if self._is_failing():
                self._become(BreakerState.OPEN)

    def _is_failing(self) -> bool:
        share = self._recent.count(False) / WINDOW if len(self._recent) == WINDOW else 0.0
        return self._in_a_row >= CONSECUTIVE_FAILURES or share >= FAILURE_SHARE

    def _become(self, state: BreakerState) -> None:
        self.state = state
        self.generation += 1
        self._probing = False
        self._recent.clear()
        self._in_a_row = 0
        if state is BreakerState.OPEN:
            self._opened_at = self._clock()


class RetryBudget:
    """Retries are a tenth of the calls, so that a service in trouble is not asked three times as often.

    A token bucket: each call brings a tenth of a token, each retry takes one; it starts full and holds ten.
    """

    def __init__(self, *, share: float = 0.1, capacity: float = 10.0) -> None:
        self._share, self._capacity = share, capacity
        self._tokens = capacity

    def deposit(self) -> None:
        """Count a call."""
        self._tokens = min(self._capacity, self._tokens + self._share)

    def withdraw(self) -> bool:
        """Take leave for one retry, if there is any."""
        if self._tokens < 1.0 - 1e-9:  # ten tenths are a whole one, whatever floats say
            return False
        self._tokens -= 1.0
        return True
