"""Reading the log, and what types of events there are."""

from functools import cache
from inspect import cleandoc
from typing import Final

import orjson

from common.events import CONTRACTS, EventContract, dataschema_of
from common.events.schemas import schema_documents
from common.problems import InvalidCursor
from notifications.feed.problems import CursorTooOld
from notifications.feed.repository import Edges, LogPage, LogReader
from notifications.feed.rules import Cursor, Edge, Wanted

MOST_BYTES: Final = 8 << 20  # an event of a large product has 4 MiB: a page of a thousand has to end before 4 GiB


async def read_page(log: LogReader, cursor: Cursor, wanted: Wanted, *, limit: int, personal_data: bool) -> LogPage:
    """Read a page. Raises InvalidCursor and CursorTooOld."""
    if cursor is Edge.LATEST:
        edges = await log.edges()
        return LogPage((), edges.head, more=False, edges=edges)
    after = 0 if isinstance(cursor, Edge) else cursor
    page = await log.page(after, wanted, limit=limit, most_bytes=MOST_BYTES, personal_data=personal_data)
    if cursor is not Edge.OLDEST:
        _check(after, page.edges)
    return page


async def find_start(log: LogReader, cursor: Cursor) -> int:
    """Return the position behind which a stream begins. Raises InvalidCursor and CursorTooOld."""
    edges = await log.edges()
    match cursor:
        case Edge.OLDEST:
            return edges.floor
        case Edge.LATEST:
            return edges.head
        case int():
            _check(cursor, edges)
            return cursor


def _check(position: int, edges: Edges) -> None:
    if position < edges.floor:
        raise CursorTooOld(position, oldest=edges.floor)
    if position > edges.head:
        raise InvalidCursor(
            f"{position} lies behind the end of the log, so it is not from this one; begin with oldest or latest."
        )


# -- types of events ---------------------------------------------------------------------------------------------------


async def describe_types(log: LogReader) -> bytes:
    """Describe all types of events as a ready document, each with the newest event that there is of it."""
    live = await log.newest_of_each([contract.type for contract in CONTRACTS])
    items = (_described(contract) + live.get(contract.type, b"null") + b"}" for contract in CONTRACTS)
    return b'{"items":[' + b",".join(items) + b"]}"


@cache
def _described(contract: type[EventContract]) -> bytes:
    """What does not change while the process runs, up to the value of ``live``."""
    schema = orjson.loads(schema_documents()[dataschema_of(contract)])
    examples = schema.get("examples")
    document = {
        "type": contract.type,
        "version": contract.version,
        "description": cleandoc(contract.__doc__ or ""),
        "topic": contract.topic.name,
        "kind": contract.topic.kind,
        "dataschema": dataschema_of(contract),
        "schema": schema,
        "example": examples[0] if examples else None,
    }
    return orjson.dumps(document)[:-1] + b',"live":'
