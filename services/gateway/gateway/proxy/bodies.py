"""The request's body on its way to a service.

Bodies outside uploads have at most 1 MiB and are taken whole before the service is asked: one that is too large or
never arrives costs the service nothing, and a slow client holds none of its connections. Uploads are passed on as they
come.
"""

from collections.abc import AsyncIterator, Callable

from starlette.types import Receive

from common.problems import BadRequest, Problem, TooLarge
from gateway.proxy.table import RouteClass


class ClientGone(Exception):
    """The client went away before its request was complete."""


class Body:
    """Takes the body of one request; ``complete`` tells whether all of it is here or passed on.

    ``refusal`` is why an upload was broken off: the client library hides it behind an error of its own.
    """

    def __init__(self, receive: Receive, limits: RouteClass, announced: bytes | None) -> None:
        self._receive = receive
        self._limit = limits.body_limit
        self._taken = 0
        self.complete = False
        self.refusal: Problem | ClientGone | None = None
        self.length = _length_of(announced)
        if self.length is not None and self.length > self._limit:
            raise self._too_large()

    async def whole(self) -> bytes:
        """Return all of it. Raises TooLarge, or ClientGone."""
        parts = []
        while not self.complete:
            parts.append(await self._next())
        return b"".join(parts)

    async def parts(self, progress: Callable[[], None]) -> AsyncIterator[bytes]:
        """Pass it on as it comes, calling ``progress`` for each part."""
        while not self.complete:
            try:
                part = await self._next()
            except (Problem, ClientGone) as refusal:
                self.refusal = refusal
                raise
            progress()
            if part:
                yield part

    async def _next(self) -> bytes:
        message = await self._receive()
        if message["type"] == "http.disconnect":
            raise ClientGone
        part: bytes = message.get("body", b"")
        self._taken += len(part)
        if self._taken > self._limit:
            raise self._too_large()
        self.complete = not message.get("more_body", False)
        return part

    def _too_large(self) -> TooLarge:
        return TooLarge(f"The body may have {self._limit:,} bytes.")


def _length_of(announced: bytes | None) -> int | None:
    if announced is None:
        return None
    if not announced.isdigit():
        raise BadRequest(f"Content-Length {announced[:40].decode('latin-1')} is no number of bytes.")
    return int(announced)
