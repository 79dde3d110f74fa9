"""An upload as the job reads it: its format, then its records, a chunk of the file in memory."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from uuid import UUID

from catalog.imports.detecting import Format, format_of
from catalog.imports.models import Import
from catalog.imports.reader import Record, RecordReader
from catalog.imports.repository import read_chunk
from catalog.imports.upload import CHUNK_BYTES
from common.database import Database

TURN_SECONDS = 0.01  # of parsing at a stretch; then others have the loop


class Turns:
    """Lets the loop come round now and then in work that never waits."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._since = self._loop.time()

    async def give_way(self) -> None:
        """Let others run if this has been going on for long."""
        if self._loop.time() - self._since > TURN_SECONDS:
            await asyncio.sleep(0)
            self._since = self._loop.time()


class SourceFile:
    """The chunks of an upload."""

    def __init__(self, database: Database, import_id: UUID, file_format: Format) -> None:
        self._database = database
        self._id = import_id
        self.format = file_format

    @classmethod
    async def open(
        cls, database: Database, found: Import, known_columns: Callable[[Sequence[str]], int]
    ) -> "SourceFile":
        """Find out how the file is written, unless its sender said so. Raises UnreadableFileError."""
        head = await read_chunk(database.uow(), found.id, 0) or b""
        file_format = format_of(head, encoding=found.encoding, delimiter=found.delimiter, known_columns=known_columns)
        return cls(database, found.id, file_format)

    async def records(self, *, start: int = 0, row: int = 1) -> AsyncIterator[Record]:
        """Read the records from byte ``start`` on, which is where one begins; 0 is the first row."""
        begins = start or self.format.mark
        reader = RecordReader(start=begins, row=row, delimiter=self.format.separator, codec=self.format.codec)
        turns = Turns()
        number, skip = divmod(begins, CHUNK_BYTES)
        while (chunk := await read_chunk(self._database.uow(), self._id, number)) is not None:
            for record in reader.feed(chunk[skip:]):
                yield record
                await turns.give_way()
            number, skip = number + 1, 0
        for record in reader.finish():
            yield record
            await turns.give_way()
