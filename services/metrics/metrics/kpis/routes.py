"""HTTP in and out of the figures."""

from datetime import date, timedelta
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

from fastapi import Depends, Query, Request

from common.auth import Caller, requires
from common.database import UnitOfWork
from common.http import Answer, PlainUow, Router, answer_of, problems, runtime_of
from metrics.kpis import service
from metrics.kpis.problems import InvalidPeriod
from metrics.kpis.schemas import By, Kpis, TopProducts

router = Router(prefix="/v1/metrics", tags=["metrics"])

CanRead = Annotated[Caller, Depends(requires("metrics:read"))]
EARLIEST, LATEST = date(1970, 1, 1), date(2199, 12, 31)  # PostgreSQL and Python can both count around them
From = Annotated[
    date | None,
    Query(alias="from", ge=EARLIEST, le=LATEST, description="First day; by default 29 days before the last."),
]
To = Annotated[date | None, Query(ge=EARLIEST, le=LATEST, description="Last day, included; today by default.")]
Channel = Annotated[str | None, Query(max_length=64, pattern=r"^[\w.-]+$", description="Only this channel.")]
Currency = Annotated[str | None, Query(pattern="^[A-Z]{3}$", description="Only this currency, ISO 4217.")]

DEFAULT_DAYS = 30


def _period(first: date | None, last: date | None, uow: UnitOfWork, zone: str) -> tuple[date, date]:
    until = last or uow.now.astimezone(ZoneInfo(zone)).date()
    return first or max(EARLIEST, until - timedelta(days=DEFAULT_DAYS - 1)), until


@router.get("/kpis", responses=problems(InvalidPeriod))
async def read_kpis(
    request: Request,
    caller: CanRead,
    uow: PlainUow,
    since: From = None,
    to: To = None,
    by: Annotated[By, Query(description="What a row stands for.")] = "day",
    channel: Channel = None,
    currency: Currency = None,
    explain: Annotated[bool, Query(description="Name the facts that each row follows from.")] = False,  # noqa: FBT002 - a query flag
) -> Answer[Kpis]:
    """Read revenue, orders, average order value, returns, visits, conversion and abandoned carts of a period."""
    zone = runtime_of(request).settings.shop_time_zone
    first, last = _period(since, to, uow, zone)
    figures = await service.kpis(
        uow, first=first, last=last, by=by, channel=channel, currency=currency, zone=zone, explain=explain
    )
    return answer_of(figures, status=200)


@router.get("/products", responses=problems(InvalidPeriod))
async def read_top_products(
    request: Request,
    caller: CanRead,
    uow: PlainUow,
    since: From = None,
    to: To = None,
    channel: Channel = None,
    currency: Currency = None,
    sort: Annotated[Literal["revenue", "units"], Query(description="What the order of the list follows.")] = "revenue",
    limit: Annotated[int, Query(ge=1, le=200, description="How many SKUs.")] = 20,
) -> Answer[TopProducts]:
    """List the SKUs that sold best in a period."""
    zone = runtime_of(request).settings.shop_time_zone
    first, last = _period(since, to, uow, zone)
    figures = await service.top_products(
        uow, first=first, last=last, channel=channel, currency=currency, zone=zone, sort=sort, limit=limit
    )
    return answer_of(figures, status=200)
