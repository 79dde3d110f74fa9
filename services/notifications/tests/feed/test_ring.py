"""The ring's bounds, and what goes over the wire."""

from uuid import uuid4

from notifications.feed.frames import event_frame
from notifications.feed.repository import LogRow
from notifications.feed.ring import Ring
from notifications.feed.rules import Wanted

ALL = Wanted()


def row(position: int, *, event_type: str = "order.placed", size: int = 1) -> LogRow:
    return LogRow(position, event_type, uuid4(), b"w" * size, b"p" * size)


def test_a_ring_that_has_not_begun_reaches_nobody() -> None:
    assert not Ring().reaches(0)


def test_a_ring_has_what_came_since_it_began() -> None:
    ring = Ring()
    ring.begin(10)
    ring.append([row(12), row(15)])

    assert not ring.reaches(9)
    assert ring.reaches(10)
    assert ring.after(10, ALL, personal_data=True, most_bytes=1000) == (
        [b"id: 12\ndata: w\n\n", b"id: 15\ndata: w\n\n"],
        15,
    )
    assert ring.after(12, ALL, personal_data=False, most_bytes=1000) == ([b"id: 15\ndata: p\n\n"], 15)
    assert ring.after(15, ALL, personal_data=True, most_bytes=1000) == ([], 15)
    assert ring.after(20, ALL, personal_data=True, most_bytes=1000) == ([], 20)


def test_a_ring_forgets_the_oldest_of_too_many() -> None:
    ring = Ring(most_events=2)
    ring.begin(0)
    ring.append([row(1), row(2), row(3)])

    assert (ring.reaches(0), ring.reaches(1)) == (False, True)
    assert ring.after(1, ALL, personal_data=True, most_bytes=1000)[1] == 3


def test_a_ring_forgets_the_oldest_of_too_large() -> None:
    ring = Ring(most_bytes=2_500)
    ring.begin(0)
    ring.append([row(1, size=600), row(2, size=600), row(3, size=600)])

    assert (ring.reaches(0), ring.reaches(1)) == (False, True)


def test_a_part_ends_with_the_event_that_fills_it() -> None:
    ring = Ring()
    ring.begin(0)
    ring.append([row(1, size=100), row(2, size=100), row(3, size=100)])

    assert ring.after(0, ALL, personal_data=True, most_bytes=150)[1] == 2


def test_what_is_not_wanted_is_passed_over_with_the_cursor() -> None:
    ring = Ring()
    ring.begin(0)
    ring.append([row(1, event_type="stock.low"), row(2)])

    wanted = Wanted(frozenset({"stock.low"}))

    assert ring.after(0, wanted, personal_data=True, most_bytes=1000) == ([b"id: 1\ndata: w\n\n"], 2)


def test_a_document_with_line_breaks_is_one_message() -> None:
    """Each of its lines is a line of data, which a reader joins again."""
    assert event_frame(7, b'{\n"a":1,\r\n"b":2}') == b'id: 7\ndata: {\ndata: "a":1,\ndata: "b":2}\n\n'
