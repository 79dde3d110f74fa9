"""Time that a test moves."""

from datetime import UTC, datetime, timedelta


class TestClock:
    """The machine's clock plus what the test has added."""

    __test__ = False  # no test class, in spite of its name

    def __init__(self) -> None:
        self._ahead = timedelta(0)

    def now(self) -> datetime:
        """Return the moved time, aware, in UTC."""
        return datetime.now(UTC) + self._ahead

    def advance(self, by: timedelta) -> None:
        """Move time forward."""
        if by < timedelta(0):
            raise ValueError("time does not go back")
        self._ahead += by
