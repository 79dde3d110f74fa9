"""The report on searches."""

from datetime import date, timedelta
from typing import Annotated
from zoneinfo import ZoneInfo

from fastapi import Depends, Query, Request

from catalog.querylog.repository import KEPT_FOR, top_queries
from catalog.querylog.schemas import QueryFigure, SearchFigures
from common.auth import Caller, requires
from common.http import Answer, PlainUow, Router, answer_of, runtime_of
from common.problems import FieldError, InvalidInput

router = Router(prefix="/v1/metrics", tags=["metrics"])

CanRead = Annotated[Caller, Depends(requires("metrics:read"))]
EARLIEST, LATEST = date(1970, 1, 1), date(2199, 12, 31)  # PostgreSQL and Python can both count around them
From = Annotated[
    date | None,
    Query(alias="from", ge=EARLIEST, le=LATEST, description="First day; by default 29 days before the last."),
]
To = Annotated[date | None, Query(ge=EARLIEST, le=LATEST, description="Last day, included; today by default.")]

DEFAULT_DAYS = 30


@router.get("/search")
async def read_searches(
    request: Request,
    caller: CanRead,
    uow: PlainUow,
    since: From = None,
    to: To = None,
    zero_results: Annotated[bool, Query(description="Only queries that found nothing, these first.")] = False,  # noqa: FBT002 - a query flag
    limit: Annotated[int, Query(ge=1, le=200, description="How many queries.")] = 20,
) -> Answer[SearchFigures]:
    """Read what people searched for, and what was not found.

    Counted for 180 days, some seconds behind. A search is counted with its first page, whatever its filters.
    """
    zone = runtime_of(request).settings.shop_time_zone
    last = to or uow.now.astimezone(ZoneInfo(zone)).date()
    first = since or max(EARLIEST, last - timedelta(days=DEFAULT_DAYS - 1))
    if first > last or last - first > 2 * KEPT_FOR:
        detail = f"from {first} to {last} is no period; it begins before it ends and has at most 360 days"
        raise InvalidInput(f"/query/from: {detail}", errors=[FieldError("/query/from", detail)])
    rows = await top_queries(uow, first=first, last=last, zero_results=zero_results, limit=limit)
    searches, zero = rows[0]["all_searches"], rows[0]["all_zero_results"]
    figures = SearchFigures.model_validate(
        {
            "from": first,
            "to": last,
            "time_zone": zone,
            "searches": searches,
            "zero_results": zero,
            "zero_results_share": round(zero / searches, 4) if searches else 0.0,
            "corrected": rows[0]["all_corrected"],
            "items": [
                QueryFigure(
                    query=row["query"],
                    searches=row["searches"],
                    zero_results=row["zero_results"],
                    corrected=row["corrected"],
                )
                for row in rows
                if row["query"] is not None
            ],
        }
    )
    return answer_of(figures, status=200)
