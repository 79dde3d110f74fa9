"""The newest events, in memory once for all streams of a process.

A stream is a position in here, so a slow one costs nothing and holds nobody up: what it has not read when it drops out
of the ring it reads from the table.
"""

from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass

from notifications.feed.frames import event_frame
from notifications.feed.repository import LogRow
from notifications.feed.rules import Wanted

MOST_EVENTS = 2_000
MOST_BYTES = 16 << 20


@dataclass(frozen=True, slots=True)
class Entry:
    """An event as it goes out, whole and without personal data."""

    row: LogRow
    frame: bytes
    public_frame: bytes

    @classmethod
    def of(cls, row: LogRow) -> "Entry":
        """Frame it, once for everybody."""
        return cls(row, event_frame(row.position, row.body), event_frame(row.position, row.public_body))

    @property
    def bytes(self) -> int:
        """What it weighs."""
        return len(self.frame) + len(self.public_frame)


class Ring:
    """Holds every event above ``floor`` up to ``head``."""

    def __init__(self, *, most_events: int = MOST_EVENTS, most_bytes: int = MOST_BYTES) -> None:
        self.floor: int | None = None
        """None: it has not begun, and reaches nobody."""
        self.head = 0
        self._most_events, self._most_bytes = most_events, most_bytes
        self._entries: list[Entry] = []
        self._positions: list[int] = []
        self._bytes = 0

    def begin(self, head: int) -> None:
        """Be empty, and hold whatever comes behind ``head``."""
        self.floor = self.head = head
        self._entries, self._positions, self._bytes = [], [], 0

    def end(self) -> None:
        """Hold nothing."""
        self.begin(0)
        self.floor = None

    def append(self, rows: Iterable[LogRow]) -> None:
        """Take what comes directly behind the head, and drop the oldest of what is too much."""
        for row in rows:
            entry = Entry.of(row)
            self._entries.append(entry)
            self._positions.append(row.position)
            self._bytes += entry.bytes
            self.head = row.position
        gone = 0
        while len(self._entries) - gone > self._most_events or self._bytes > self._most_bytes:
            self._bytes -= self._entries[gone].bytes
            gone += 1
        if gone:
            self.floor = self._positions[gone - 1]
            del self._entries[:gone], self._positions[:gone]

    def reaches(self, position: int) -> bool:
        """Whether everything behind ``position`` is in here."""
        return self.floor is not None and position >= self.floor

    def after(self, position: int, wanted: Wanted, *, personal_data: bool, most_bytes: int) -> tuple[list[bytes], int]:
        """Return what is wanted behind ``position``, and how far that goes; the last one goes past ``most_bytes``."""
        frames: list[bytes] = []
        size = 0
        for entry in self._entries[bisect_right(self._positions, position) :]:
            position = entry.row.position
            if not wanted.takes(entry.row.type, entry.row.subject):
                continue
            frame = entry.frame if personal_data else entry.public_frame
            frames.append(frame)
            size += len(frame)
            if size >= most_bytes:
                return frames, position
        return frames, max(position, self.head)
