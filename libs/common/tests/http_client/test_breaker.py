"""The breaker opens on failure, asks again after five seconds, and believes only fresh reports."""

import pytest

from common.http._breaker import OPEN_SECONDS, BreakerOpenError, BreakerState, CircuitBreaker, RetryBudget


class FakeClock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def breaker(clock: FakeClock) -> CircuitBreaker:
    return CircuitBreaker(clock)


def report(breaker: CircuitBreaker, outcomes: str) -> None:
    """Make a call for each letter: ``s`` succeeds, ``f`` fails."""
    for outcome in outcomes:
        permit = breaker.admit()
        (permit.succeeded if outcome == "s" else permit.failed)()


def state_of(breaker: CircuitBreaker) -> BreakerState:
    return breaker.state


def open_up(breaker: CircuitBreaker) -> None:
    report(breaker, "fffff")


def test_it_opens_after_five_failures_in_a_row(breaker: CircuitBreaker) -> None:
    report(breaker, "ffffsffff")
    assert state_of(breaker) is BreakerState.CLOSED

    report(breaker, "f")

    with pytest.raises(BreakerOpenError):
        breaker.admit()


def test_it_opens_when_half_of_the_last_twenty_fail(breaker: CircuitBreaker) -> None:
    report(breaker, "fs" * 9 + "s")
    assert state_of(breaker) is BreakerState.CLOSED  # nineteen say too little

    report(breaker, "f")

    assert state_of(breaker) is BreakerState.OPEN


def test_less_than_half_is_borne(breaker: CircuitBreaker) -> None:
    report(breaker, "fss" * 20)

    assert state_of(breaker) is BreakerState.CLOSED


def test_after_five_seconds_one_call_finds_out(breaker: CircuitBreaker, clock: FakeClock) -> None:
    open_up(breaker)
    clock.now += OPEN_SECONDS - 0.01
    with pytest.raises(BreakerOpenError) as refused:
        breaker.admit()
    assert refused.value.retry_after == pytest.approx(0.01)

    clock.now += 0.02
    probe = breaker.admit()
    with pytest.raises(BreakerOpenError):
        breaker.admit()
    probe.succeeded()

    report(breaker, "s")
    assert state_of(breaker) is BreakerState.CLOSED


def test_a_failed_probe_opens_it_again(breaker: CircuitBreaker, clock: FakeClock) -> None:
    open_up(breaker)
    clock.now += OPEN_SECONDS
    breaker.admit().failed()

    assert state_of(breaker) is BreakerState.OPEN
    with pytest.raises(BreakerOpenError):
        breaker.admit()


def test_a_probe_that_says_nothing_lets_the_next_one_through(breaker: CircuitBreaker, clock: FakeClock) -> None:
    open_up(breaker)
    clock.now += OPEN_SECONDS
    breaker.admit().withdrawn()

    breaker.admit().succeeded()

    assert state_of(breaker) is BreakerState.CLOSED


def test_a_late_answer_to_an_old_call_changes_nothing(breaker: CircuitBreaker, clock: FakeClock) -> None:
    late_success, late_failure = breaker.admit(), breaker.admit()
    open_up(breaker)
    late_success.succeeded()
    assert state_of(breaker) is BreakerState.OPEN

    clock.now += OPEN_SECONDS
    probe = breaker.admit()
    late_failure.failed()
    assert state_of(breaker) is BreakerState.HALF_OPEN
    probe.succeeded()
    assert state_of(breaker) is BreakerState.CLOSED


def test_a_permit_reports_once(breaker: CircuitBreaker) -> None:
    permit = breaker.admit()
    for _ in range(10):
        permit.failed()

    assert state_of(breaker) is BreakerState.CLOSED


def test_retries_are_a_tenth_of_the_calls() -> None:
    budget = RetryBudget()
    while budget.withdraw():
        pass
    granted = 0
    for _ in range(100):
        budget.deposit()
        granted += budget.withdraw()

    assert granted == 10


def test_unused_retries_are_not_saved_up_for_ever() -> None:
    budget = RetryBudget()
    for _ in range(1000):
        budget.deposit()

    assert sum(budget.withdraw() for _ in range(1000)) == 10
