"""One POST to a receiver, within a time that counts for all of it, however slowly the answer drips."""

import http.client
import socket
import ssl
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

CONNECT_SECONDS = 5.0
READ_AT_MOST = 64 * 1024  # of an answer; nobody needs more


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back: a status, or None and what went wrong instead."""

    status: int | None
    seconds: float
    body: bytes = b""
    trouble: str = ""

    def __str__(self) -> str:
        return f"answered {self.status}" if self.status is not None else self.trouble


class Sender:
    """Sends to one URL. ``within`` is how long an answer may take in all, seconds."""

    def __init__(self, url: str, *, within: float) -> None:
        parts = urlsplit(url)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise ValueError(f"{url} is no http or https URL.")
        self._host, self._port, self._secure = parts.hostname, parts.port, parts.scheme == "https"
        self._target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        self.within = within

    def post(self, headers: Mapping[str, str], body: bytes) -> Answer:
        """Send and wait for the answer."""
        return self._exchange("POST", headers, body)

    def get(self) -> Answer:
        """Ask for what is there."""
        return self._exchange("GET", {"accept": "text/plain"}, None)

    def post_and_leave(self, headers: Mapping[str, str], body: bytes) -> None:
        """Send, and hang up before the answer: what a receiver sees when the sender has given up on it."""
        connection = self._connect()
        try:
            connection.request("POST", self._target, body, dict(headers))
        except OSError:
            pass
        finally:
            connection.close()

    def _connect(self) -> http.client.HTTPConnection:
        timeout = min(CONNECT_SECONDS, self.within)
        if self._secure:
            context = ssl.create_default_context()
            return http.client.HTTPSConnection(self._host, self._port, timeout=timeout, context=context)
        return http.client.HTTPConnection(self._host, self._port, timeout=timeout)

    def _exchange(self, method: str, headers: Mapping[str, str], body: bytes | None) -> Answer:
        began = time.monotonic()
        connection = self._connect()
        late = threading.Event()
        timer: threading.Timer | None = None
        try:
            connection.connect()
            connection.sock.settimeout(self.within)
            timer = threading.Timer(self.within, _hang_up, (connection.sock, late))
            timer.daemon = True
            timer.start()
            connection.request(method, self._target, body, dict(headers))
            response = connection.getresponse()
            content = response.read(READ_AT_MOST)
            if late.is_set():  # it may look like an answer that was cut short
                raise TimeoutError
            return Answer(response.status, time.monotonic() - began, content)
        except (OSError, http.client.HTTPException) as error:
            seconds = time.monotonic() - began
            return Answer(None, seconds, trouble=self._trouble(error, late=late.is_set()))
        finally:
            if timer is not None:
                timer.cancel()
            connection.close()

    def _trouble(self, error: Exception, *, late: bool) -> str:
        if late or isinstance(error, TimeoutError):
            return f"gave no answer within {self.within:g} s"
        if isinstance(error, ConnectionRefusedError):
            return "refused the connection"
        if isinstance(error, (http.client.RemoteDisconnected, ConnectionResetError, BrokenPipeError)):
            return "closed the connection without an answer"
        return f"could not be asked: {error}"


def _hang_up(connection: socket.socket, late: threading.Event) -> None:
    late.set()
    try:
        connection.shutdown(socket.SHUT_RDWR)
    except OSError:
        return
