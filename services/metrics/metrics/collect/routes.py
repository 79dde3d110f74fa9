"""HTTP in and out of collecting."""

from typing import Annotated

from fastapi import Header, Request, Response
from fastapi.exceptions import RequestValidationError
from pydantic import ValidationError

from common.http import Answer, PlainUow, Router, answer_of, body_described, problems, runtime_of
from common.problems import TooLarge
from metrics.collect import service
from metrics.collect.resources import Resources
from metrics.collect.schemas import Batch, Collected
from metrics.collect.script import ETAG, SCRIPT
from metrics.collect.service import Sender

router = Router(prefix="/v1", tags=["metrics"])

MAX_BYTES = 64 * 1024  # what a browser's beacon may carry
BODY = body_described(
    Batch,
    media_types=("application/json", "text/plain"),  # a beacon of plain text needs no leave of CORS first
    description="JSON, up to 64 KiB; its Content-Type may be text/plain, as browsers' beacons have it.",
)
CACHED = {"ETag": ETAG, "Cache-Control": "public, max-age=3600", "Content-Type": "text/javascript; charset=utf-8"}


@router.post("/collect", status_code=202, openapi_extra=BODY, responses=problems(TooLarge))
async def collect(request: Request, uow: PlainUow) -> Answer[Collected]:
    """Collect what a visitor did: a batch of events from a page, an app or a server.

    Each counts once by its id, however often it is sent. A batch with anything wrong in it is refused as a whole and
    changes nothing. Crawlers are dropped. No network address is kept: a visitor is a hash that nobody can resolve after
    the day.
    """
    batch = _read(await request.body())
    runtime = runtime_of(request)
    resources: Resources = runtime.resources
    collected = await service.collect(
        uow, batch, _sender(request), resources.salts, passed_through=resources.passed_through
    )
    return answer_of(collected, status=202)


def _read(body: bytes) -> Batch:
    if len(body) > MAX_BYTES:
        raise TooLarge(f"A batch may have {MAX_BYTES:,} bytes, this has {len(body):,}; send fewer events at once.")
    try:
        return Batch.model_validate_json(body)
    except ValidationError as error:
        raise RequestValidationError(error.errors(include_url=False, include_input=False)) from None


def _sender(request: Request) -> Sender:
    """Tell who asks: the gateway says where from, and drops what the client itself says of that."""
    peer = request.client.host if request.client else ""
    return Sender(
        address=request.headers.get("x-forwarded-for", peer), user_agent=request.headers.get("user-agent", "")
    )


@router.get(
    "/collect.js",
    response_class=Response,
    responses={
        200: {"description": "The script.", "content": {"text/javascript": {"schema": {"type": "string"}}}},
        304: {"description": "The caller has it already."},
    },
)
async def read_collect_script(
    if_none_match: Annotated[str | None, Header(description="The ETag that was read.")] = None,
) -> Response:
    """Get the script that collects what happens on a page.

    It sets no cookie and keeps nothing on the device, asks nothing of who sends Do Not Track or Global Privacy Control,
    and sends its events in batches, the last ones as the page is left.
    """
    if if_none_match is not None and ETAG in if_none_match:
        return Response(status_code=304, headers=CACHED)
    return Response(SCRIPT, headers=CACHED)
