"""What can go wrong with the suite's time."""

from common.problems import Conflict


class ClockNotMovable(Conflict):
    """Business time is real time here: TEST_CLOCK is not set, and a shop that sells must never set it."""

    slug, title = "clock-not-movable", "Business time cannot be moved here"
