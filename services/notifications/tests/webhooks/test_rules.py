"""Types, rests and what is kept of an answer."""

from datetime import UTC, datetime, timedelta

import pytest

from notifications.webhooks.rules import (
    ATTEMPTS,
    SCHEDULE,
    kept_answer,
    matches,
    rest_before,
    retry_after,
    unknown_patterns,
)

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)


def test_the_schedule_is_ten_attempts_over_three_days() -> None:
    """0, 5 s, 5 min, 30 min, 2 h, 5 h, 10 h, 14 h, 20 h, 24 h."""
    minutes = [each.total_seconds() / 60 for each in SCHEDULE]

    assert minutes == [0, 5 / 60, 5, 30, 120, 300, 600, 840, 1200, 1440]
    assert ATTEMPTS == 10


def test_rests_differ_by_a_fifth_either_way() -> None:
    """So that what failed together does not come back together."""
    assert rest_before(1, random=lambda: 0.7) == timedelta(0)
    assert rest_before(3, random=lambda: 0.0) == timedelta(minutes=4)
    assert rest_before(3, random=lambda: 0.5) == timedelta(minutes=5)
    assert rest_before(3, random=lambda: 1.0) == timedelta(minutes=6)


@pytest.mark.parametrize(
    ("pattern", "event_type", "fits"),
    [
        ("*", "order.placed", True),
        ("order.*", "order.placed", True),
        ("order.placed", "order.placed", True),
        ("order.*", "orders.placed", False),
        ("stock.*", "order.placed", False),
        ("order.paid", "order.placed", False),
        ("order", "order.placed", False),
    ],
)
def test_a_pattern_names_a_type_a_family_or_all(pattern: str, event_type: str, fits: bool) -> None:  # noqa: FBT001 - a table
    """Nothing in between."""
    assert matches(pattern, event_type) is fits


def test_a_pattern_that_no_event_will_ever_fit_is_found() -> None:
    """A slip of the pen would wait for ever."""
    assert unknown_patterns(["*", "order.*", "order.placed", "stock.low"]) == []
    assert unknown_patterns(["order.shiped", "orders.*", "order.*"]) == ["order.shiped", "orders.*"]


@pytest.mark.parametrize(
    ("header", "rest"),
    [
        ("120", timedelta(minutes=2)),
        ("  3 ", timedelta(seconds=3)),
        ("Tue, 24 Nov 2026 12:01:30 GMT", timedelta(seconds=90)),
        ("Tue, 24 Nov 2026 11:59:00 GMT", None),
        ("0", None),
        ("-5", None),
        ("soon", None),
        ("", None),
        ("١٢", None),
        (None, None),
        ("Tue, 99 Nov 2026 12:01:30 GMT", None),
        ("9" * 500, timedelta(seconds=999_999_999)),
    ],
)
def test_retry_after_is_seconds_or_a_date(header: str | None, rest: timedelta | None) -> None:
    """Anything else says nothing."""
    assert retry_after(header, now=NOW) == rest


def test_what_is_kept_of_an_answer_holds_no_secret() -> None:
    """Receivers say back what they were told."""
    known = ["c2VjcmV0LXNlY3JldA==", "token=hunter22"]
    answer = (
        b"key c2VjcmV0LXNlY3JldA== at /hook?token=hunter22 \x00 whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw "
        b"v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE= Bearer abcdefghijkl \xff end"
    )

    assert kept_answer(answer, known) == "key *** at /hook?*** \ufffd *** *** *** \ufffd end"
    assert kept_answer(b"a" * 5000, []) == "a" * 4096
    assert kept_answer(b"", known) is None
