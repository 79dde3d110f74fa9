"""How holds end: confirmed, released, expired; each once, whatever comes twice or late."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from uuid import UUID, uuid4

import pytest

from common.database import Database
from common.testing import Api, EventProbe, TestClock
from inventory.testing import FakeCheckouts, order_placed

MakeLocation = Callable[..., Awaitable[UUID]]
SetStock = Callable[..., Awaitable[None]]
Figures = Callable[[str], Awaitable[dict[str, int]]]
RunSweep = Callable[[str], Awaitable[int]]
Hold = Callable[..., Awaitable[str]]


@pytest.fixture
def hold(orders: Api) -> Hold:
    """Hold units; returns the reservation's path."""

    async def make(sku: str, quantity: int = 1, *, reservation_id: UUID | None = None) -> str:
        body = {"id": str(reservation_id or uuid4()), "lines": [{"sku": sku, "quantity": quantity}]}
        answer = await orders.post("/internal/reservations", json=body)
        assert answer.status_code == 200, answer.text
        return f"/internal/reservations/{body['id']}"

    return make


@pytest.fixture
async def stocked(make_location: MakeLocation, set_stock: SetStock, sku: str) -> str:
    """A SKU with three units."""
    await set_stock(sku, 3, await make_location())
    return sku


async def test_a_hold_expires_after_15_minutes_and_its_units_sell_again(
    stocked: str, hold: Hold, orders: Api, clock: TestClock, run_sweep: RunSweep, figures: Figures, probe: EventProbe
) -> None:
    held = await hold(stocked, 3)
    clock.advance(timedelta(minutes=14, seconds=50))
    await run_sweep("expire-reservations")
    assert (await figures(stocked))["reserved"] == 3

    clock.advance(timedelta(seconds=11))
    assert await run_sweep("expire-reservations") >= 1

    assert (await figures(stocked))["available"] == 3
    assert len(await probe.events("reservation.expired", key=held.rpartition("/")[2])) == 1
    gone = await orders.post(f"{held}/confirm")
    assert (gone.status_code, gone.json()["type"]) == (409, "/problems/reservation-gone")
    await hold(stocked, 3)


async def test_a_confirmed_hold_never_expires_by_time(
    stocked: str, hold: Hold, orders: Api, clock: TestClock, run_sweep: RunSweep, figures: Figures, probe: EventProbe
) -> None:
    held = await hold(stocked, 2)
    first = await orders.post(f"{held}/confirm")
    again = await orders.post(f"{held}/confirm")

    clock.advance(timedelta(days=3))
    await run_sweep("expire-reservations")

    assert (first.status_code, first.json()) == (again.status_code, again.json())
    assert first.json()["state"] == "confirmed"
    assert (await figures(stocked))["reserved"] == 2
    (event,) = await probe.events("reservation.confirmed", key=held.rpartition("/")[2])
    assert event.sequence == 2
    assert event.data.model_dump()["object"]["expires_at"] is None
    assert (await probe.events("reservation.expired", key=held.rpartition("/")[2])) == []


async def test_a_release_gives_back_once(
    stocked: str, hold: Hold, orders: Api, figures: Figures, probe: EventProbe
) -> None:
    held = await hold(stocked, 2)
    await orders.post(f"{held}/confirm")

    answers = await asyncio.gather(*(orders.post(f"{held}/release") for _ in range(4)))

    assert {answer.status_code for answer in answers} == {200}
    assert {answer.json()["state"] for answer in answers} == {"released"}
    assert (await figures(stocked))["reserved"] == 0
    assert len(await probe.events("reservation.released", key=held.rpartition("/")[2])) == 1


async def test_a_reserve_that_comes_after_its_release_is_refused(stocked: str, orders: Api, figures: Figures) -> None:
    reservation_id = uuid4()
    released = await orders.post(f"/internal/reservations/{reservation_id}/release")

    body = {"id": str(reservation_id), "lines": [{"sku": stocked, "quantity": 1}]}
    late = await orders.post("/internal/reservations", json=body)

    assert released.status_code == 200
    assert (late.status_code, late.json()["type"]) == (409, "/problems/reservation-gone")
    assert (await figures(stocked))["reserved"] == 0


async def test_a_confirm_of_nothing_is_refused(orders: Api) -> None:
    answer = await orders.post(f"/internal/reservations/{uuid4()}/confirm")

    assert (answer.status_code, answer.json()["state"]) == (409, "unknown")


async def test_confirm_and_release_at_once_leave_one_end(
    stocked: str, hold: Hold, orders: Api, figures: Figures, probe: EventProbe
) -> None:
    held = [await hold(stocked) for _ in range(3)]

    await asyncio.gather(*(orders.post(f"{path}/{verb}") for path in held for verb in ("confirm", "release")))

    assert (await figures(stocked))["reserved"] == 0
    for path in held:
        events = await probe.events(key=path.rpartition("/")[2])
        assert [event.sequence for event in events] == list(range(1, len(events) + 1))
        assert events[-1].type == "reservation.released"


async def test_what_became_an_orders_stock_is_not_released(
    stocked: str, hold: Hold, orders: Api, deliver: Callable[..., Awaitable[UUID]], figures: Figures
) -> None:
    order_id = uuid4()
    held = await hold(stocked, 1, reservation_id=order_id)
    await orders.post(f"{held}/confirm")
    await deliver(order_placed(order_id, {stocked: 1}))

    refused = await orders.post(f"{held}/release")
    confirmed = await orders.post(f"{held}/confirm")

    assert (refused.status_code, refused.json()["type"]) == (409, "/problems/reservation-allocated")
    assert confirmed.status_code == 200
    assert (await figures(stocked))["allocated"] == 1


@pytest.mark.parametrize(
    ("answer", "still_reserved"), [("unknown", 0), ("undone", 0), ("failed", 0), ("placed", 1), ("running", 1)]
)
async def test_orders_alone_ends_a_confirmed_hold(
    stocked: str,
    hold: Hold,
    orders: Api,
    clock: TestClock,
    checkouts: FakeCheckouts,
    run_sweep: RunSweep,
    figures: Figures,
    answer: str,
    still_reserved: int,
) -> None:
    reservation_id = uuid4()
    held = await hold(stocked, 1, reservation_id=reservation_id)
    await orders.post(f"{held}/confirm")
    checkouts.states[reservation_id] = answer  # type: ignore[assignment] # one of the states, by parametrize
    await run_sweep("ask-about-confirmed-holds")
    assert reservation_id not in checkouts.asked

    clock.advance(timedelta(minutes=31))
    await run_sweep("ask-about-confirmed-holds")
    await run_sweep("ask-about-confirmed-holds")

    assert checkouts.asked.count(reservation_id) == 1
    assert (await figures(stocked))["reserved"] == still_reserved


async def test_a_hold_is_kept_while_orders_is_away(
    stocked: str,
    hold: Hold,
    orders: Api,
    clock: TestClock,
    checkouts: FakeCheckouts,
    run_sweep: RunSweep,
    figures: Figures,
) -> None:
    await orders.post(f"{await hold(stocked)}/confirm")
    clock.advance(timedelta(minutes=31))
    checkouts.away = True

    assert await run_sweep("ask-about-confirmed-holds") == 0

    assert (await figures(stocked))["reserved"] == 1


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"lines": []}, "/lines"),
        ({"lines": [{"sku": "A/B", "quantity": 1}]}, "/lines/0/sku"),
        ({"lines": [{"sku": "A\x00", "quantity": 1}]}, "/lines/0/sku"),
        ({"lines": [{"sku": "A", "quantity": 0}]}, "/lines/0/quantity"),
        ({"lines": [{"sku": "A", "quantity": True}]}, "/lines/0/quantity"),
        ({"lines": [{"sku": "A", "quantity": 1.0}]}, "/lines/0/quantity"),
        ({"lines": [{"sku": "A", "quantity": 2**70}]}, "/lines/0/quantity"),
        ({"ttl_seconds": 0}, "/ttl_seconds"),
        ({"more": 1}, "/more"),
    ],
)
async def test_a_bad_reserve_is_refused_and_says_where(
    orders: Api, database: Database, change: dict[str, object], pointer: str
) -> None:
    body = {"id": str(uuid4()), "lines": [{"sku": "A", "quantity": 1}]} | change

    answer = await orders.post("/internal/reservations", json=body)

    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, pointer)
    async with database.acquire() as connection:
        assert await connection.fetchval("SELECT count(*) FROM reservation WHERE id = $1", UUID(str(body["id"]))) == 0


async def test_only_orders_may_hold(api: Api, staff: Api) -> None:
    for stranger, status in ((api, 401), (staff, 401), (api.as_service("catalog"), 403)):
        answer = await stranger.post(f"/internal/reservations/{uuid4()}/release")
        assert answer.status_code == status
