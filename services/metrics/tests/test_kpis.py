"""Figures follow from facts, day by day in the shop's own time zone."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.database import Database
from common.events.contracts.orders import OrderCancelled, OrderPlaced
from common.invariants import run_invariants
from common.testing import Api
from metrics.app import SERVICE
from metrics.facts.rules import quarter_hour_of
from metrics.kpis.service import span_of

Deliver = Callable[..., Awaitable[UUID]]
MakeOrder = Callable[..., OrderPlaced]
Cancel = Callable[[OrderPlaced, datetime], OrderCancelled]


async def kpis(api: Api, **query: str) -> list[dict[str, Any]]:
    answer = await api.as_user(scopes="metrics:read").get("/v1/metrics/kpis", params=query)
    assert answer.status_code == 200, answer.text
    items: list[dict[str, Any]] = answer.json()["items"]
    return items


async def test_a_day_begins_at_midnight_of_the_shop(api: Api, deliver: Deliver, placed: MakeOrder) -> None:
    """23:30 UTC on the 1st of March is the 2nd of March in Berlin."""
    await deliver(placed(total=1000, at=datetime(2025, 3, 1, 22, 59, tzinfo=UTC)))
    await deliver(placed(total=2501, at=datetime(2025, 3, 1, 23, 30, tzinfo=UTC)))
    await deliver(placed(total=2502, at=datetime(2025, 3, 2, 12, 0, tzinfo=UTC)))
    days = await kpis(api, **{"from": "2025-03-01", "to": "2025-03-02"})
    assert [(row["day"], row["orders"], row["gross"]["amount"]) for row in days] == [
        ("2025-03-01", 1, 1000),
        ("2025-03-02", 2, 5003),
    ]
    assert days[1]["average_order_value"] == {"amount": 2502, "currency": "EUR"}  # 2501.5, half away from zero


async def test_a_cancellation_counts_on_its_own_day(
    api: Api, deliver: Deliver, placed: MakeOrder, cancelled: Cancel
) -> None:
    order = placed(total=4000, at=datetime(2025, 4, 1, 10, tzinfo=UTC))
    await deliver(order)
    await deliver(cancelled(order, datetime(2025, 4, 3, 10, tzinfo=UTC)))
    days = await kpis(api, **{"from": "2025-04-01", "to": "2025-04-30"})
    assert [(row["day"], row["net"]["amount"], row["cancelled_orders"]) for row in days] == [
        ("2025-04-01", 4000, 0),
        ("2025-04-03", -4000, 1),
    ]
    assert days[1]["average_order_value"] is None
    (total,) = await kpis(api, **{"from": "2025-04-01", "to": "2025-04-30", "by": "currency"})
    assert (total["gross"]["amount"], total["net"]["amount"]) == (4000, 0)


async def test_an_event_that_comes_twice_counts_once(api: Api, deliver: Deliver, placed: MakeOrder) -> None:
    order = placed(total=700, at=datetime(2025, 5, 1, 10, tzinfo=UTC))
    event_id = await deliver(order)
    await deliver(order, event_id=event_id)
    (row,) = await kpis(api, **{"from": "2025-05-01", "to": "2025-05-01"})
    assert (row["orders"], row["gross"]["amount"]) == (1, 700)


async def test_a_cancellation_that_overtakes_its_order_gives_the_same_figures(
    api: Api, deliver: Deliver, placed: MakeOrder, cancelled: Cancel
) -> None:
    order = placed(total=900, at=datetime(2025, 6, 1, 10, tzinfo=UTC))
    await deliver(cancelled(order, datetime(2025, 6, 1, 11, tzinfo=UTC)), sequence=2)
    await deliver(order, sequence=1)
    (row,) = await kpis(api, **{"from": "2025-06-01", "to": "2025-06-01"})
    assert (row["orders"], row["cancelled_orders"], row["net"]["amount"]) == (1, 1, 0)


async def test_currencies_are_never_added(api: Api, deliver: Deliver, placed: MakeOrder) -> None:
    at = datetime(2025, 7, 1, 10, tzinfo=UTC)
    await deliver(placed(total=100, at=at, currency="EUR"))
    await deliver(placed(total=200, at=at, currency="USD", channel="app"))
    rows = await kpis(api, **{"from": "2025-07-01", "to": "2025-07-01"})
    assert {row["currency"]: row["gross"]["amount"] for row in rows} == {"EUR": 100, "USD": 200}
    by_channel = await kpis(api, **{"from": "2025-07-01", "to": "2025-07-01", "by": "channel"})
    assert {(row["channel"], row["currency"]) for row in by_channel} == {("web", "EUR"), ("app", "USD")}


async def test_a_figure_names_the_facts_it_follows_from(
    api: Api, deliver: Deliver, placed: MakeOrder, cancelled: Cancel
) -> None:
    order = placed(total=1234, at=datetime(2025, 8, 1, 10, tzinfo=UTC))
    await deliver(order)
    await deliver(placed(total=66, at=datetime(2025, 8, 1, 11, tzinfo=UTC)))
    await deliver(cancelled(order, datetime(2025, 8, 1, 12, tzinfo=UTC)))
    (row,) = await kpis(api, **{"from": "2025-08-01", "to": "2025-08-01", "explain": "true"})
    facts = row["explained_by"]
    assert row["facts"] == len(facts) == 3
    by_type = {
        kind: sum(fact["amount"]["amount"] for fact in facts if fact["event"] == kind)
        for kind in ("order.placed", "order.cancelled")
    }
    assert by_type == {"order.placed": row["gross"]["amount"], "order.cancelled": row["cancelled"]["amount"]}
    assert {fact["order_id"] for fact in facts if fact["event"] == "order.cancelled"} == {str(order.object.id)}


async def test_top_products_are_net_of_cancellations(
    api: Api, deliver: Deliver, placed: MakeOrder, cancelled: Cancel
) -> None:
    at = datetime(2025, 9, 1, 10, tzinfo=UTC)
    gone = placed(total=900, at=at, lines={"BIG": (1, 900)})
    await deliver(gone)
    await deliver(placed(total=500, at=at, lines={"SMALL": (5, 300), "OTHER": (1, 200)}))
    await deliver(cancelled(gone, at))
    answer = await api.as_user(scopes="metrics:read").get(
        "/v1/metrics/products", params={"from": "2025-09-01", "to": "2025-09-01"}
    )
    items = [(item["sku"], item["net_units"], item["net"]["amount"]) for item in answer.json()["items"]]
    assert items == [("SMALL", 5, 300), ("OTHER", 1, 200), ("BIG", 0, 0)]


async def test_facts_are_kept_without_personal_data_and_cannot_be_changed(
    database: Database, deliver: Deliver, placed: MakeOrder
) -> None:
    order = placed(at=datetime(2025, 10, 1, 10, tzinfo=UTC))
    event_id = await deliver(order)
    row = await database.uow().single_row("SELECT data::text AS data FROM fact_event WHERE event_id = $1", event_id)
    assert row is not None
    assert order.object.number in row["data"]
    assert order.object.email is not None
    assert order.object.email not in row["data"]
    assert order.object.shipping_address is not None
    assert order.object.shipping_address.name not in row["data"]
    with pytest.raises(Exception, match="facts are kept as they came"):
        await database.uow().single("DELETE FROM fact_event WHERE event_id = $1", event_id)


async def test_a_return_is_refunded_on_its_own_day_and_is_no_order(
    api: Api, deliver: Deliver, placed: MakeOrder
) -> None:
    history = {"imported_from": {"source": "old shop", "external_id": "1"}, "channel": "past"}
    await deliver(placed(total=5000, at=datetime(2024, 1, 31, 10, tzinfo=UTC), lines={"LAMP": (5, 5000)}, **history))
    back = placed(
        total=2000, at=datetime(2024, 2, 1, 10, tzinfo=UTC), lines={"LAMP": (2, 2000)}, kind="return", **history
    )
    await deliver(back)
    months = await kpis(api, **{"from": "2024-01-15", "to": "2024-02-28", "by": "month", "explain": "true"})
    figures = [
        (row["month"], row["orders"], row["units"], row["returns"], row["refunded"]["amount"], row["net"]["amount"])
        for row in months
    ]
    assert figures == [("2024-01", 1, 5, 0, 0, 5000), ("2024-02", 0, 0, 1, 2000, -2000)]
    assert [row["day"] for row in months] == [None, None]
    assert months[1]["average_order_value"] is None
    (fact,) = months[1]["explained_by"]
    assert (fact["kind"], fact["amount"]["amount"], fact["order_id"]) == ("return", 2000, str(back.object.id))
    (total,) = await kpis(api, **{"from": "2024-01-01", "to": "2024-02-28", "by": "currency", "channel": "past"})
    assert (total["gross"]["amount"], total["refunded"]["amount"], total["net"]["amount"]) == (5000, 2000, 3000)
    assert total["facts"] == 2


async def test_a_month_is_narrowed_to_the_days_asked_for(api: Api, deliver: Deliver, placed: MakeOrder) -> None:
    for day in (9, 10, 20, 21):
        await deliver(placed(total=day, at=datetime(2024, 5, day, 10, tzinfo=UTC)))
    (month,) = await kpis(api, **{"from": "2024-05-10", "to": "2024-05-20", "by": "month", "explain": "true"})
    assert (month["month"], month["gross"]["amount"], month["facts"]) == ("2024-05", 30, 2)
    assert [fact["amount"]["amount"] for fact in month["explained_by"]] == [20, 10]


async def test_products_are_net_of_returns_and_need_no_product_here(
    api: Api, deliver: Deliver, placed: MakeOrder
) -> None:
    at = datetime(2024, 6, 1, 10, tzinfo=UTC)
    await deliver(placed(total=900, at=at, lines={"GONE": (9, 900)}, known=False))
    await deliver(placed(total=300, at=at, lines={"GONE": (3, 300)}, known=False, kind="return"))
    answer = await api.as_user(scopes="metrics:read").get(
        "/v1/metrics/products", params={"from": "2024-06-01", "to": "2024-06-01"}
    )
    (item,) = answer.json()["items"]
    assert (item["sku"], item["product_id"]) == ("GONE", None)
    assert (item["units"], item["returned_units"], item["net_units"]) == (9, 3, 6)
    assert (item["gross"]["amount"], item["refunded"]["amount"], item["net"]["amount"]) == (900, 300, 600)


@pytest.mark.parametrize(
    ("query", "pointer"),
    [
        ({"from": "yesterday"}, "/query/from"),
        ({"from": "2025-02-02", "to": "2025-02-01"}, "/query/to"),
        ({"by": "week"}, "/query/by"),
        ({"currency": "euro"}, "/query/currency"),
        ({"channel": "a b"}, "/query/channel"),
        ({"from": "0001-01-01", "to": "9999-12-31"}, "/query/to"),
        ({"to": "9999-12-31"}, "/query/to"),
        ({"from": "0001-01-01", "to": "0001-01-02"}, "/query/from"),
    ],
)
async def test_a_bad_question_is_a_422_with_a_pointer(api: Api, query: dict[str, str], pointer: str) -> None:
    answer = await api.as_user(scopes="metrics:read").get("/v1/metrics/kpis", params=query)
    assert answer.status_code == 422
    assert pointer in {error["pointer"] for error in answer.json()["errors"]}


async def test_figures_are_for_those_with_the_scope(api: Api) -> None:
    assert (await api.get("/v1/metrics/kpis")).status_code == 401
    assert (await api.as_customer().get("/v1/metrics/products")).status_code == 403


async def test_intact_figures_break_no_invariant(database: Database) -> None:
    assert await run_invariants(database, SERVICE.invariants) == []


@pytest.mark.parametrize(
    ("damage", "repair", "broken"),
    [
        ("UPDATE sales SET gross = gross + 1 WHERE bucket = '2025-03-02 12:00Z'",
         "UPDATE sales SET gross = gross - 1 WHERE bucket = '2025-03-02 12:00Z'", "sales-follow-from-facts"),
        ("UPDATE product_sales SET units = units + 1 WHERE sku = 'SMALL'",
         "UPDATE product_sales SET units = units - 1 WHERE sku = 'SMALL'", "product-sales-follow-from-facts"),
        ("UPDATE sales SET refunded = refunded + 1 WHERE bucket = '2025-03-02 12:00Z'",
         "UPDATE sales SET refunded = refunded - 1 WHERE bucket = '2025-03-02 12:00Z'", "sales-follow-from-facts"),
        ("UPDATE product_sales SET returned_units = 1 WHERE sku = 'SMALL'",
         "UPDATE product_sales SET returned_units = 0 WHERE sku = 'SMALL'", "product-sales-follow-from-facts"),
    ],
)  # fmt: skip
async def test_planted_damage_is_found(
    database: Database, deliver: Deliver, placed: MakeOrder, damage: str, repair: str, broken: str
) -> None:
    at = datetime(2025, 3, 2, 12, tzinfo=UTC)
    await deliver(placed(total=1, at=at, lines={"SMALL": (1, 1)}))
    await database.uow().single(damage)
    violations = await run_invariants(database, SERVICE.invariants)
    await database.uow().single(repair)
    assert {violation.invariant for violation in violations} == {broken}


@given(st.datetimes(min_value=datetime(1990, 1, 1), max_value=datetime(2060, 1, 1), timezones=st.just(UTC)))  # noqa: DTZ001 - hypothesis adds the zone
def test_every_moment_lies_in_its_quarter_hour(moment: datetime) -> None:
    bucket = quarter_hour_of(moment)
    assert 0 <= (moment - bucket).total_seconds() < 900
    assert bucket.timestamp() % 900 == 0


def test_a_day_with_a_clock_change_is_23_or_25_hours() -> None:
    from datetime import date  # noqa: PLC0415 - only here

    spring = span_of(date(2025, 3, 30), date(2025, 3, 30), "Europe/Berlin")
    autumn = span_of(date(2025, 10, 26), date(2025, 10, 26), "Europe/Berlin")
    assert (spring[1].timestamp() - spring[0].timestamp()) / 3600 == 23
    assert (autumn[1].timestamp() - autumn[0].timestamp()) / 3600 == 25
