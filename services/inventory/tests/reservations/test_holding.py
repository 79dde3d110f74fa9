"""Holds: all lines or none, from one location each, never more than there is."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID, uuid4

from common.testing import Api, EventProbe

MakeLocation = Callable[..., Awaitable[UUID]]
SetStock = Callable[..., Awaitable[None]]
Figures = Callable[[str], Awaitable[dict[str, int]]]


def hold(*lines: tuple[str, int], reservation_id: UUID | None = None, **more: object) -> dict[str, Any]:
    """Body of a reserve."""
    return {
        "id": str(reservation_id or uuid4()),
        "lines": [{"sku": sku, "quantity": quantity} for sku, quantity in lines],
        **more,
    }


async def test_units_held_are_not_for_sale(
    orders: Api, make_location: MakeLocation, set_stock: SetStock, figures: Figures, probe: EventProbe, sku: str
) -> None:
    location = await make_location()
    await set_stock(sku, 5, location)
    body = hold((sku, 2))

    answer = await orders.post("/internal/reservations", json=body)

    assert answer.status_code == 200, answer.text
    assert answer.json()["state"] == "held"
    assert answer.json()["lines"] == [{"sku": sku, "location_id": str(location), "quantity": 2}]
    after = await figures(sku)
    assert (after["on_hand"], after["reserved"], after["available"]) == (5, 2, 3)
    (held,) = await probe.events("reservation.held", key=body["id"])
    assert held.sequence == 1


async def test_64_shoppers_race_for_10_units_and_10_get_one(
    orders: Api, make_location: MakeLocation, set_stock: SetStock, figures: Figures, sku: str
) -> None:
    await set_stock(sku, 10, await make_location())

    answers = await asyncio.gather(*(orders.post("/internal/reservations", json=hold((sku, 1))) for _ in range(64)))

    assert sorted(answer.status_code for answer in answers) == [200] * 10 + [409] * 54
    refusal = next(answer for answer in answers if answer.status_code == 409)
    assert refusal.json()["type"] == "/problems/out-of-stock"
    assert refusal.json()["lines"] == [{"sku": sku, "asked": 1, "available": 0}]
    assert (await figures(sku))["reserved"] == 10


async def test_two_lines_of_one_sku_are_summed(
    orders: Api, make_location: MakeLocation, set_stock: SetStock, figures: Figures, sku: str
) -> None:
    await set_stock(sku, 3, await make_location())

    refused = await orders.post("/internal/reservations", json=hold((sku, 2), (sku, 2)))
    held = await orders.post("/internal/reservations", json=hold((sku, 1), (sku, 2)))

    assert (refused.status_code, refused.json()["lines"]) == (409, [{"sku": sku, "asked": 4, "available": 3}])
    assert [line["quantity"] for line in held.json()["lines"]] == [3]
    assert (await figures(sku))["reserved"] == 3


async def test_one_short_line_holds_nothing_and_announces_nothing(
    orders: Api, make_location: MakeLocation, set_stock: SetStock, figures: Figures, probe: EventProbe, sku: str
) -> None:
    location = await make_location()
    await set_stock(sku, 5, location)
    await set_stock(f"{sku}-b", 1, location)
    before = len(await probe.events())
    body = hold((sku, 2), (f"{sku}-b", 2), (f"{sku}-unknown", 1))

    refused = await orders.post("/internal/reservations", json=body)

    assert refused.json()["lines"] == [
        {"sku": f"{sku}-b", "asked": 2, "available": 1},
        {"sku": f"{sku}-unknown", "asked": 1, "available": 0},
    ]
    assert (await figures(sku))["reserved"] == 0
    assert len(await probe.events()) == before


async def test_random_baskets_in_random_order_meet_no_deadlock(
    orders: Api, make_location: MakeLocation, set_stock: SetStock, figures: Figures, sku: str
) -> None:
    places = [await make_location(priority=1), await make_location(priority=2)]
    skus = [f"{sku}-{number}" for number in range(5)]
    for each in skus:
        for place in places:
            await set_stock(each, 40, place)
    dice = random.Random(7)  # noqa: S311 - baskets, no secret

    async def shop() -> list[tuple[int, dict[str, Any]]]:
        seen = []
        for _ in range(6):
            basket = [(each, dice.randint(1, 4)) for each in dice.sample(skus, k=3)]
            answer = await orders.post("/internal/reservations", json=hold(*basket))
            seen.append((answer.status_code, answer.json()))
            if answer.status_code == 200 and dice.random() < 0.5:
                released = await orders.post(f"/internal/reservations/{answer.json()['id']}/release")
                seen.append((released.status_code, {}))
        return seen

    outcomes = [outcome for shopper in await asyncio.gather(*(shop() for _ in range(16))) for outcome in shopper]

    assert {status for status, _ in outcomes} <= {200, 409}
    for each in skus:
        totals = await figures(each)
        assert totals["available"] >= 0
        assert totals["on_hand"] == 80


async def test_a_line_comes_whole_from_the_first_location_that_has_it(
    orders: Api, make_location: MakeLocation, set_stock: SetStock, sku: str
) -> None:
    first, second = await make_location(priority=1), await make_location(priority=2)
    closed = await make_location(priority=0, active=False)
    for place, units in ((first, 2), (second, 5), (closed, 9)):
        await set_stock(sku, units, place)

    async def place_of(quantity: int) -> str | None:
        answer = await orders.post("/internal/reservations", json=hold((sku, quantity)))
        return answer.json()["lines"][0]["location_id"] if answer.status_code == 200 else None

    assert await place_of(2) == str(first)
    assert await place_of(4) == str(second)
    assert await place_of(2) is None
    assert await place_of(1) == str(second)


async def test_a_reserve_that_comes_again_holds_once(
    orders: Api, make_location: MakeLocation, set_stock: SetStock, figures: Figures, probe: EventProbe, sku: str
) -> None:
    await set_stock(sku, 10, await make_location())
    body = hold((sku, 2))

    answers = await asyncio.gather(*(orders.post("/internal/reservations", json=body) for _ in range(4)))
    other = await orders.post("/internal/reservations", json=body | {"lines": [{"sku": sku, "quantity": 3}]})

    assert [answer.json() for answer in answers] == [answers[0].json()] * 4
    assert (other.status_code, other.json()["type"]) == (409, "/problems/reservation-differs")
    assert (await figures(sku))["reserved"] == 2
    assert len(await probe.events("reservation.held", key=body["id"])) == 1
