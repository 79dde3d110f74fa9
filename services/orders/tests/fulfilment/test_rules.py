"""How far a parcel got, and what is taken for it."""

from datetime import UTC, datetime, timedelta
from random import Random
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.database import uuid7
from orders.fulfilment.rules import EXCEPTION, RANK, WAY, Progress, advance, capture_for
from orders.ordering.models import OrderLine

START = datetime(2026, 11, 24, 9, tzinfo=UTC)
SCANS = st.lists(st.tuples(st.sampled_from([*WAY, EXCEPTION]), st.integers(0, 100)), max_size=12)


def at(minute: int) -> datetime:
    return START + timedelta(minutes=minute)


def follow(*scans: tuple[str, int]) -> Progress:
    progress = Progress("label_created", "label_created", START)
    for status, minute in scans:
        progress = advance(progress, status, at(minute))
    return progress


STORIES = [
    ((("picked_up", 1), ("in_transit", 2)), "in_transit"),
    ((("in_transit", 2), ("picked_up", 1)), "in_transit"),  # a late scan
    ((("in_transit", 2), ("exception", 3)), "exception"),
    ((("in_transit", 2), ("exception", 3), ("in_transit", 4)), "in_transit"),  # on its way again
    ((("in_transit", 2), ("exception", 3), ("picked_up", 4)), "exception"),
    ((("out_for_delivery", 5), ("exception", 3)), "out_for_delivery"),  # long over
    ((("exception", 3), ("in_transit", 2)), "exception"),  # further, but from before it
    ((("delivered", 9), ("exception", 10)), "delivered"),
    ((("delivered", 9), ("out_for_delivery", 10)), "delivered"),
]


@pytest.mark.parametrize(("scans", "status"), STORIES)
def test_a_parcel_follows_its_scans(scans: tuple[tuple[str, int], ...], status: str) -> None:
    assert follow(*scans).status == status


@given(SCANS)
def test_a_parcel_never_goes_back(scans: list[tuple[str, int]]) -> None:
    progress = follow()
    for status, minute in scans:
        after = advance(progress, status, at(minute))
        assert RANK[after.furthest] >= RANK[progress.furthest]
        assert after.status in (after.furthest, EXCEPTION)
        progress = after
    assert (progress.status == "delivered") == any(status == "delivered" for status, _ in scans)


def a_line(quantity: int, total: int) -> OrderLine:
    return OrderLine(
        id=uuid7(), sku="A", product_id=uuid7(), variant_id=uuid7(), title="A", quantity=quantity,
        unit_price=total // quantity, basis_points=0, tax=0, total=total,
    )  # fmt: skip


@given(
    st.lists(st.tuples(st.integers(1, 7), st.integers(0, 10_000)), min_size=1, max_size=4),
    st.integers(0, 1_000),
    st.integers(0, 2**32),
)
def test_any_split_into_parcels_captures_the_total_to_the_cent(
    ordered: list[tuple[int, int]], shipping: int, seed: int
) -> None:
    chance = Random(seed)  # noqa: S311 - drawn, so that a failure comes again
    lines = [a_line(quantity, total) for quantity, total in ordered]
    total = sum(line.total for line in lines) + shipping
    captured = 0
    while any(line.open_quantity for line in lines):
        units: dict[UUID, int] = {line.id: chance.randint(0, line.open_quantity) for line in lines}
        if not any(units.values()):
            continue
        amount = capture_for(lines, units, total=total, shipping=shipping, captured_before=captured)
        assert amount >= 0
        captured += amount
        for line in lines:
            line.shipped_quantity += units[line.id]
    assert captured == total


def test_shipping_goes_with_the_first_parcel() -> None:
    lines = [a_line(3, 1000)]
    first = capture_for(lines, {lines[0].id: 1}, total=1490, shipping=490, captured_before=0)
    assert first == 333 + 490
    lines[0].shipped_quantity = 1
    assert capture_for(lines, {lines[0].id: 1}, total=1490, shipping=490, captured_before=first) == 333
    lines[0].shipped_quantity = 2
    assert capture_for(lines, {lines[0].id: 1}, total=1490, shipping=490, captured_before=first + 333) == 334
