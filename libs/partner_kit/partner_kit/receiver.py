"""A receiver as it should be, small enough to read: verify, keep once, answer, and only then act.

What it keeps is a table with the event's id as its key: an event that comes again, however late, has no second effect.
Each event holds the whole object, so one that comes after a newer one of its subject is kept and changes nothing.
"""

import json
import sqlite3
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Literal

from partner_kit.signing import Refused, verify

LARGEST_BYTES = 8 * 1024 * 1024
IDLE_SECONDS = 30.0  # a sender that says nothing holds a thread no longer

Fate = Literal["new", "again", "late"]

TABLES = """
CREATE TABLE IF NOT EXISTS event (
    id TEXT PRIMARY KEY, type TEXT NOT NULL, subject TEXT NOT NULL, sequence TEXT NOT NULL, body BLOB NOT NULL
);
CREATE TABLE IF NOT EXISTS subject (
    source TEXT, id TEXT, age TEXT NOT NULL, body BLOB NOT NULL, PRIMARY KEY (source, id)
);
"""
KEEP = "INSERT INTO event (id, type, subject, sequence, body) VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING"
ADVANCE = """
INSERT INTO subject (source, id, age, body) VALUES (?, ?, ?, ?)
ON CONFLICT (source, id) DO UPDATE SET age = excluded.age, body = excluded.body WHERE excluded.age >= subject.age
"""


@dataclass(frozen=True, slots=True)
class Kept:
    """An event that was received, and what it is here: new, had before, or older than what is known of its subject."""

    id: str
    type: str
    subject: str
    sequence: str
    fate: Fate

    def __str__(self) -> str:
        return f"{self.fate:<5} {self.type:<24} {self.subject} {self.sequence.lstrip('0') or '0':>4}  {self.id}"


class Ledger:
    """What was received, on disk if it has a path. One event is one transaction."""

    def __init__(self, path: str = ":memory:") -> None:
        self._connection = sqlite3.connect(path, check_same_thread=False)
        self._lock = threading.Lock()
        self._connection.executescript(TABLES)

    def keep(self, event_id: str, body: bytes) -> Kept:
        """Keep an event once. Raises ValueError for what is no CloudEvent."""
        event = _read(body)
        told = (str(event.get("type", "")), str(event.get("subject", "")), str(event.get("sequence", "")))
        with self._lock, self._connection:
            if self._connection.execute(KEEP, (event_id, *told, body)).rowcount == 0:
                return Kept(event_id, *told, "again")
            source = str(event.get("source", ""))
            newer = self._connection.execute(ADVANCE, (source, told[1], _age(event), body)).rowcount == 1
            return Kept(event_id, *told, "new" if newer else "late")

    @property
    def count(self) -> int:
        """How many events have had an effect: each once."""
        with self._lock:
            (number,) = self._connection.execute("SELECT count(*) FROM event").fetchone()
        return int(number)

    def ids(self) -> list[str]:
        """The ids of all events, in the order in which they came first."""
        with self._lock:
            return [str(row[0]) for row in self._connection.execute("SELECT id FROM event ORDER BY rowid")]

    def close(self) -> None:
        """Close the file."""
        self._connection.close()


def _read(body: bytes) -> dict[str, Any]:
    event = json.loads(body)
    if not isinstance(event, dict):
        raise ValueError("no JSON object")  # noqa: TRY004 - wrong input, as the JSON reader says it
    return event


def _age(event: dict[str, Any]) -> str:
    """How new the object of an event is: by its own version, which all its events share, else by the event's sequence.

    Alerts are counted apart from the other events of their object, so sequences of the two say nothing of each other.
    """
    data = event.get("data")
    found = data.get("object") if isinstance(data, dict) else None
    version = found.get("version") if isinstance(found, dict) else None
    if isinstance(version, int) and version >= 0:
        return f"{version:020d}"
    return str(event.get("sequence", "")).rjust(20, "0")


class Receiver(ThreadingHTTPServer):
    """Answers POST on any path; ``GET /effects`` says how many events it keeps, ``GET /events`` which."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(
        self,
        address: tuple[str, int],
        secrets: Sequence[str],
        ledger: Ledger,
        *,
        tell: Callable[[str], None] = print,
    ) -> None:
        super().__init__(address, _Handler)
        self.secrets, self.ledger, self.tell = tuple(secrets), ledger, tell


class _Handler(BaseHTTPRequestHandler):
    server: Receiver
    protocol_version = "HTTP/1.1"
    timeout = IDLE_SECONDS

    def do_POST(self) -> None:
        """Verify, keep, answer."""
        length = self.headers.get("content-length", "")
        if not (length.isascii() and length.isdigit()):
            self._answer(HTTPStatus.LENGTH_REQUIRED, "Say how long the body is.", close=True)
            return
        if int(length) > LARGEST_BYTES:
            self._answer(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"At most {LARGEST_BYTES:,} bytes.", close=True)
            return
        self._receive(self.rfile.read(int(length)))

    def _receive(self, body: bytes) -> None:
        try:
            delivery = verify(self.server.secrets, dict(self.headers.items()), body)
        except Refused as reason:
            self.server.tell(f"refused: {reason}")
            self._answer(HTTPStatus.UNAUTHORIZED, str(reason))
            return
        try:
            kept = self.server.ledger.keep(delivery.id, body)
        except ValueError as error:
            self.server.tell(f"unreadable: {delivery.id}: {error}")
            self._answer(HTTPStatus.BAD_REQUEST, f"This is no event: {error}")
            return
        self.server.tell(str(kept))
        self._answer(HTTPStatus.NO_CONTENT)

    def do_GET(self) -> None:
        """Say what was received."""
        if self.path == "/effects":
            self._answer(HTTPStatus.OK, str(self.server.ledger.count))
        elif self.path == "/events":
            self._answer(HTTPStatus.OK, json.dumps(self.server.ledger.ids()))
        else:
            self._answer(HTTPStatus.NOT_FOUND, "POST events here; GET /effects and /events tell of them.")

    def _answer(self, status: HTTPStatus, words: str = "", *, close: bool = False) -> None:
        content = words.encode()
        self.send_response(status)
        if close:
            self.send_header("connection", "close")
        if status is not HTTPStatus.NO_CONTENT:
            self.send_header("content-type", "text/plain; charset=utf-8")
            self.send_header("content-length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name that http.server gave it
        """Say nothing: ``tell`` does."""
