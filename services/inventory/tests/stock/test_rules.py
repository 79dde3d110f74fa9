"""The state machine of alerts, for every course of stock."""

from hypothesis import given
from hypothesis import strategies as st

from inventory.stock.rules import Alarm, Alert, alarm_of_new_level, cross, replenished_at, shown_to_the_public

points = st.one_of(st.none(), st.integers(0, 60))
courses = st.lists(st.integers(-5, 90), min_size=1, max_size=40)


def alerts_of(course: list[int], point: int | None) -> list[tuple[int, Alert]]:
    alarm = alarm_of_new_level(course[0])
    said = []
    for available in course:
        alarm, alerts = cross(alarm, available, point)
        said += [(available, alert) for alert in alerts]
    return said


@given(courses, points)
def test_each_alert_comes_once_until_replenished(course: list[int], point: int | None) -> None:
    since: set[Alert] = set()
    for _, alert in alerts_of(course, point):
        if alert is Alert.REPLENISHED:
            since.clear()
        else:
            assert alert not in since
            since.add(alert)


@given(courses, points)
def test_no_alert_is_given_beside_its_mark(course: list[int], point: int | None) -> None:
    for available, alert in alerts_of(course, point):
        match alert:
            case Alert.LOW:
                assert point is not None
                assert available <= point
            case Alert.OUT:
                assert available <= 0
            case Alert.REPLENISHED:
                assert available >= replenished_at(point)


@given(courses, points)
def test_no_crossing_goes_untold(course: list[int], point: int | None) -> None:
    alarm = alarm_of_new_level(course[0])
    for available in course:
        alarm, _ = cross(alarm, available, point)
        assert alarm.low or point is None or available > point
        assert alarm.out or available > 0
        assert not (alarm.low or alarm.out) or available < replenished_at(point)


@given(st.integers(-5, 90), points)
def test_the_same_figure_again_says_nothing(available: int, point: int | None) -> None:
    alarm, _ = cross(Alarm(), available, point)
    assert cross(alarm, available, point) == (alarm, ())


@given(st.integers(0, 10**9))
def test_replenished_is_a_tenth_and_one_unit_above(point: int) -> None:
    mark = replenished_at(point)
    assert mark > point
    assert 10 * mark >= 11 * point
    assert mark == point + 1 or 10 * (mark - 1) < 11 * point


def test_low_comes_before_out_when_one_change_crosses_both() -> None:
    assert cross(Alarm(), 0, 5) == (Alarm(low=True, out=True), (Alert.LOW, Alert.OUT))


def test_the_public_sees_no_figures() -> None:
    assert shown_to_the_public([]) is False
    assert shown_to_the_public([(0, 5), (-3, None)]) is False
    assert shown_to_the_public([(5, 5), (0, None)]) == "low"
    assert shown_to_the_public([(6, 5)]) is True
    assert shown_to_the_public([(1, None)]) is True
