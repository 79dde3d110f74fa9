"""The log of events, read in pages or as it grows."""

from typing import Annotated, Any

from fastapi import Depends, Header, Query
from starlette.responses import StreamingResponse

from common.http import Answer, PlainUow, Router, problems
from common.on_loop import on_loop
from common.problems import InvalidCursor
from notifications.dependencies import CanSubscribe, StreamHub
from notifications.feed import service
from notifications.feed.problems import CursorTooOld, TooManyStreams
from notifications.feed.repository import LogReader
from notifications.feed.rules import Edge, cursor_of
from notifications.feed.schemas import AFTER, MOST_EVENTS, After, EventFilters, EventPage, EventTypes
from notifications.feed.streaming import EventStream

router = Router(prefix="/v1", tags=["events"])

STREAM_PATH = "/v1/events/stream"

Filters = Annotated[EventFilters, Depends(on_loop(EventFilters))]
LastEventId = Annotated[
    str | None, Header(alias="Last-Event-ID", max_length=64, description="As browsers send it. " + AFTER)
]


@router.get("/events", responses=problems(InvalidCursor, CursorTooOld))
async def list_events(
    filters: Filters,
    caller: CanSubscribe,
    uow: PlainUow,
    after: After = None,
    limit: Annotated[
        int, Query(ge=1, le=MOST_EVENTS, description="Events per page; large events make it shorter.")
    ] = 100,
) -> Answer[EventPage]:
    """Read the log of events.

    From the oldest event kept (30 days) unless `after` is given. Ask again with `after` set to `next`, also when there
    were no items: then nothing is missed and nothing comes twice.
    """
    page = await service.read_page(
        LogReader(uow.single),
        cursor_of(after, default=Edge.OLDEST),
        filters.wanted,
        limit=limit,
        personal_data=caller.has("events:pii"),
    )
    items = b",".join(body for _, body in page.items)
    return uow.answer(b'{"items":[' + items + b'],"next":"%d"}' % page.next)


STREAM_ANSWER: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "Server-Sent Events. `data` is one structured CloudEvent, `id` the cursor behind it. A comment "
        "every 15 s, which moves the cursor too. `event: stop` comes last, before a restart and every 10 minutes: "
        "connect again with the last `id`, as browsers do by themselves.",
        "content": {"text/event-stream": {"schema": {"type": "string"}}},
    }
}


@router.get(
    "/events/stream",
    status_code=200,
    response_class=StreamingResponse,  # as far as the document goes
    responses=STREAM_ANSWER | problems(InvalidCursor, CursorTooOld, TooManyStreams),
)
async def stream_events(
    filters: Filters,
    caller: CanSubscribe,
    uow: PlainUow,
    hub: StreamHub,
    after: After = None,
    last_event_id: LastEventId = None,
) -> EventStream:
    """Follow the log of events.

    From now on, unless `Last-Event-ID` or else `after` says where to begin; what was logged since then comes first.
    """
    start = await service.find_start(LogReader(uow.single), cursor_of(last_event_id or after, default=Edge.LATEST))
    return EventStream(hub, start, filters.wanted, personal_data=caller.has("events:pii"))


@router.get("/event-types")
async def list_event_types(caller: CanSubscribe, uow: PlainUow) -> Answer[EventTypes]:
    """List the types of events, each with its schema, an example and its newest event."""
    del caller  # anyone who may subscribe
    return uow.answer(await service.describe_types(LogReader(uow.single)))
