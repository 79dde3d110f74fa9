"""Lines out of a stream of bytes: one line and one piece of the network in memory, however large the file is."""

from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass

from starlette.requests import Request

from common.http import pieces_of
from common.problems import TooLarge
from orders.history.problems import ImportCutOff

MAX_LINE_BYTES = 512 * 1024  # twice the largest event that an order may become
MAX_BYTES = 2 << 30
BYTE_ORDER_MARK = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class Line:
    """A line of the file; ``content`` None: it was longer than a line may be."""

    number: int
    content: bytes | None


class LineReader:
    """Cuts pieces into lines. Of a line that is too long nothing is kept but its number."""

    def __init__(self) -> None:
        self._number = 0
        self._kept = bytearray()
        self._size = 0

    def feed(self, piece: bytes) -> Iterator[Line]:
        """Take the next piece; yields the lines that it completes, empty ones left out."""
        *ended, rest = piece.split(b"\n")
        for part in ended:
            self._take(part)
            yield from self._end()
        self._take(rest)

    def finish(self) -> Iterator[Line]:
        """Yield what stands behind the last line feed."""
        yield from self._end()

    def _take(self, part: bytes) -> None:
        self._size += len(part)
        if self._size <= MAX_LINE_BYTES:
            self._kept += part

    def _end(self) -> Iterator[Line]:
        self._number += 1
        content = bytes(self._kept).strip() if self._size <= MAX_LINE_BYTES else None
        self._kept.clear()
        self._size = 0
        if self._number == 1 and content is not None:
            content = content.removeprefix(BYTE_ORDER_MARK)
        if content != b"":
            yield Line(self._number, content)


async def lines_of(request: Request) -> AsyncIterator[Line]:
    """Read the request's lines as they arrive. Raises ImportCutOff and TooLarge."""
    reader = LineReader()
    taken = 0
    async for piece in pieces_of(request, cut_off=_cut_off):
        taken += len(piece)
        if taken > MAX_BYTES:
            raise TooLarge(f"A file may have {MAX_BYTES:,} bytes; what came before that is in. Split it.")
        for line in reader.feed(piece):
            yield line
    for line in reader.finish():
        yield line


def _cut_off(reason: str) -> ImportCutOff:
    return ImportCutOff(f"{reason} What is in stays; send the file again.")
