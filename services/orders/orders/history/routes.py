"""Past orders over HTTP: one stream in, one report out."""

from fastapi import Request

from common.http import Answer, Router, answer_of, body_described, problems, runtime_of
from common.problems import TooLarge, UnsupportedMediaType
from orders.dependencies import CanImport
from orders.history import service
from orders.history.problems import ImportCutOff, ImportInterrupted
from orders.history.reader import lines_of
from orders.history.schemas import ImportReport, PastOrder

router = Router(prefix="/v1/orders", tags=["orders"])

MEDIA_TYPES = ("application/x-ndjson", "application/jsonl")
BODY = body_described(
    PastOrder,
    media_types=MEDIA_TYPES,
    description="JSON Lines in UTF-8, up to 2 GiB: an order a line, each as the schema says.",
)


@router.post(
    "/import",
    openapi_extra=BODY,
    responses=problems(ImportCutOff, ImportInterrupted, TooLarge, UnsupportedMediaType),
)
async def import_orders(request: Request, caller: CanImport) -> Answer[ImportReport]:
    """Take over orders that another system has dealt with.

    They count in the figures and are shown with the others. Nothing is shipped, charged, held or mailed for them. An
    order is known by its source and its id over there: sent again it is not doubled, so a file that was cut off is sent
    again as it is.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind not in MEDIA_TYPES or request.headers.get("content-encoding", "identity") != "identity":
        raise UnsupportedMediaType(f"Send JSON Lines, an order a line, not compressed, as {MEDIA_TYPES[0]}.")
    report = await service.import_orders(runtime_of(request).database, lines_of(request))
    return answer_of(report, status=200)
