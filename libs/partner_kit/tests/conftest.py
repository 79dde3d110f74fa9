"""Receivers on ports of their own, right ones and wrong ones."""

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from partner_kit.receiver import Ledger, Receiver
from partner_kit.shop import new_secret

Answering = Callable[[Mapping[str, str], bytes], int]
"""What a receiver makes of headers, their names in small letters, and body: the status to answer."""
Serve = Callable[..., str]


class _Quiet(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 64
    answering: Answering
    counting: Callable[[], bytes]

    def handle_error(self, request: object, client_address: object) -> None:
        """A receiver that breaks closes the connection, as it should for the test."""


class _Handler(BaseHTTPRequestHandler):
    server: _Quiet

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.send_response(self.server.answering(headers, body))
        self.end_headers()

    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(self.server.counting())

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name that http.server gave it
        pass


@contextmanager
def running(server: ThreadingHTTPServer) -> Iterator[str]:
    """Serve in a thread; the address."""
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture
def secret() -> str:
    return new_secret()


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Serve a receiver of the test's own; its address."""
    with ExitStack() as stack:

        def start(answering: Answering, counting: Callable[[], bytes] = bytes) -> str:
            server = _Quiet(("127.0.0.1", 0), _Handler)
            server.answering, server.counting = answering, counting
            return stack.enter_context(running(server))

        yield start


@pytest.fixture
def told() -> list[str]:
    """What the right receiver prints."""
    return []


@pytest.fixture
def receiver(secret: str, told: list[str]) -> Iterator[str]:
    """Serve the kit's own receiver; its address."""
    ledger = Ledger()
    with running(Receiver(("127.0.0.1", 0), [secret], ledger, tell=told.append)) as address:
        yield address
    ledger.close()
