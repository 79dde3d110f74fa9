"""Figures of a period, and what they follow from."""

from calendar import monthrange
from collections.abc import Sequence
from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import asyncpg

from common.database import UnitOfWork
from common.money import Money, round_half_away
from common.problems import FieldError
from metrics.kpis.problems import InvalidPeriod
from metrics.kpis.repository import KpiRepository, Selection
from metrics.kpis.schemas import By, Explanation, Kpi, Kpis, ProductFigure, TopProducts, Traffic

LONGEST_PERIOD_DAYS = 3660
FACTS_SHOWN = 200


def span_of(first: date, last: date, zone: str) -> tuple[datetime, datetime]:
    """Return the UTC span of the shop's days ``first`` to ``last``, both included. Raises InvalidPeriod."""
    days = (last - first).days
    if not 0 <= days <= LONGEST_PERIOD_DAYS:
        detail = f"The period {first} to {last} must end after it begins and last at most {LONGEST_PERIOD_DAYS} days."
        raise InvalidPeriod(detail, errors=[FieldError("/query/to", detail)])
    shop = ZoneInfo(zone)
    return (
        datetime.combine(first, time(), shop),
        datetime.combine(last + timedelta(days=1), time(), shop),
    )


async def kpis(
    uow: UnitOfWork,
    *,
    first: date,
    last: date,
    by: By,
    channel: str | None,
    currency: str | None,
    zone: str,
    explain: bool,
) -> Kpis:
    """Add up orders, revenue and visits. Raises InvalidPeriod."""
    since, until = span_of(first, last, zone)
    selection = Selection(since, until, channel, currency)
    repository = KpiRepository(uow)
    rows = await repository.kpis(selection, by, zone)
    items = []
    for row in rows:
        facts = await repository.facts(_narrowed(selection, row, by, zone), FACTS_SHOWN) if explain else None
        items.append(_kpi(row, by, facts))
    traffic = [_traffic(row, by) for row in await repository.traffic(selection, by, zone)]
    return Kpis.model_validate(
        {"from": first, "to": last, "by": by, "time_zone": zone, "items": items, "traffic": traffic}
    )


def _narrowed(selection: Selection, row: asyncpg.Record, by: By, zone: str) -> Selection:
    """Narrow the question to what one row of its answer stands for."""
    since, until = selection.since, selection.until
    if row["day"] is not None:
        first = row["day"]
        last = first if by == "day" else first.replace(day=monthrange(first.year, first.month)[1])
        begins, ends = span_of(first, last, zone)
        since, until = max(since, begins), min(until, ends)
    return Selection(since, until, row["channel"] or selection.channel, row["currency"])


def _kpi(row: asyncpg.Record, by: By, facts: Sequence[asyncpg.Record] | None) -> Kpi:
    def money(amount: int) -> Money:
        return Money(amount=amount, currency=row["currency"])

    orders: int = row["orders"]
    return Kpi(
        **_place(row, by),
        currency=row["currency"],
        orders=orders,
        units=row["units"],
        gross=money(row["gross"]),
        cancelled_orders=row["cancelled_orders"],
        cancelled=money(row["cancelled"]),
        returns=row["returns"],
        refunded=money(row["refunded"]),
        net=money(row["gross"] - row["cancelled"] - row["refunded"]),
        average_order_value=money(round_half_away(row["gross"], orders)) if orders else None,
        facts=orders + row["cancelled_orders"] + row["returns"],
        explained_by=None if facts is None else [_explanation(fact, row["currency"]) for fact in facts],
    )


def _place(row: asyncpg.Record, by: By) -> dict[str, Any]:
    """Tell what a row stands for."""
    return {
        "day": row["day"] if by == "day" else None,
        "month": f"{row['day']:%Y-%m}" if by == "month" else None,
        "channel": row["channel"],
    }


def _traffic(row: asyncpg.Record, by: By) -> Traffic:
    sessions, ordered, carts = row["sessions"], row["with_order"], row["with_cart"]
    return Traffic(
        **_place(row, by),
        sessions=sessions,
        visitors=row["visitors"],
        sessions_with_order=ordered,
        conversion_rate=_share(ordered, sessions),
        sessions_with_cart=carts,
        abandoned_carts=carts - ordered,
        cart_abandonment=_share(carts - ordered, carts),
    )


def _share(part: int, whole: int) -> float | None:
    return round(part / whole, 4) if whole else None


def _explanation(fact: asyncpg.Record, currency: str) -> Explanation:
    return Explanation(
        event=fact["type"],
        order_id=fact["subject"],
        number=fact["number"],
        at=fact["at"],
        kind=fact["kind"],
        amount=Money(amount=fact["amount"], currency=currency),
    )


async def top_products(
    uow: UnitOfWork,
    *,
    first: date,
    last: date,
    channel: str | None,
    currency: str | None,
    zone: str,
    sort: str,
    limit: int,
) -> TopProducts:
    """List the SKUs that sold best. Raises InvalidPeriod."""
    since, until = span_of(first, last, zone)
    rows = await KpiRepository(uow).top_products(Selection(since, until, channel, currency), sort, limit)
    return TopProducts.model_validate(
        {"from": first, "to": last, "time_zone": zone, "items": [_figure(row) for row in rows]}
    )


def _figure(row: asyncpg.Record) -> ProductFigure:
    currency = row["currency"]
    return ProductFigure(
        sku=row["sku"],
        product_id=row["product_id"],
        title=row["title"],
        currency=currency,
        units=row["units"],
        gross=Money(amount=row["gross"], currency=currency),
        cancelled_units=row["cancelled_units"],
        returned_units=row["returned_units"],
        refunded=Money(amount=row["refunded"], currency=currency),
        net_units=row["units"] - row["cancelled_units"] - row["returned_units"],
        net=Money(amount=row["gross"] - row["cancelled"] - row["refunded"], currency=currency),
    )
