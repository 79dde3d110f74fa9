"""Selling what there is, once: races, keys, holds."""

import asyncio
from collections import Counter
from typing import Any
from uuid import uuid4

import httpx2

from common.testing.suite import until
from tests.support.shop import Shop, minutes

ORDERS_CALLS = """
SELECT o.id::text, c.state, c.authorised, o.total FROM orders AS o JOIN sandbox_charge AS c ON c.key = o.id
WHERE o.cart_id = $1::text::uuid
"""


def kinds(answers: list[httpx2.Response]) -> Counter[tuple[int, str]]:
    """Count answers by status and problem."""
    return Counter((each.status_code, each.json().get("type", "")) for each in answers)


async def test_64_shoppers_who_race_for_10_units_make_10_orders(shop: Shop) -> None:
    """Nobody is sold a unit that is not there, nobody is refused while one is, and none waits in a circle."""
    sku = await shop.stocked(10)
    carts = await asyncio.gather(*(shop.cart({sku: 1}) for _ in range(64)))

    answers = await asyncio.gather(*(shop.check_out(cart) for cart in carts))

    assert kinds(answers) == {(201, ""): 10, (409, "/problems/out-of-stock"): 54}
    await shop.moved(sku, on_hand=10, reserved=0, allocated=10, available=0)
    assert await shop.deadlocks() == 0
    assert await shop.complaints() == []


async def test_baskets_that_cross_are_sold_without_waiting_in_a_circle(shop: Shop) -> None:
    """Two articles, asked for in both orders at once: each basket is whole or refused."""
    one, other = await shop.stocked(6), await shop.stocked(6)
    baskets = [{one: 1, other: 1} if number % 2 else {other: 1, one: 1} for number in range(16)]
    carts = await asyncio.gather(*(shop.cart(basket) for basket in baskets))

    answers = await asyncio.gather(*(shop.check_out(cart) for cart in carts))

    assert kinds(answers) == {(201, ""): 6, (409, "/problems/out-of-stock"): 10}
    assert await shop.deadlocks() == 0


async def test_two_lines_of_one_sku_are_summed(shop: Shop) -> None:
    """Six and six of ten are twelve: refused as one want, and nothing is held for it."""
    sku = await shop.stocked(10)
    cart = await shop.cart({sku: 6})
    filled = await cart.holder.post(f"/v1/carts/{cart.id}/lines", {"sku": sku, "quantity": 6})
    assert [(line["sku"], line["quantity"]) for line in filled["lines"]] == [(sku, 12)]
    body = {"email": "guest@example.com", "payment": {"method": "test", "token": "approve"}}

    refused = await cart.holder.post(f"/v1/carts/{cart.id}/checkout", body, 409)

    assert refused["type"] == "/problems/out-of-stock"
    assert refused["lines"] == [{"sku": sku, "asked": 12, "available": 10}]
    await shop.moved(sku, reserved=0, available=10)


async def test_the_same_key_twice_is_one_order(shop: Shop) -> None:
    """The second answer is the first one's, to the byte; the same key for another request is refused."""
    sku = await shop.stocked(10)
    cart, key = await shop.cart({sku: 1}), str(uuid4())

    first = await shop.check_out(cart, key=key)
    second = await shop.check_out(cart, key=key)
    other = await shop.check_out(cart, key=key, email="somebody-else@example.com")

    assert (first.status_code, second.status_code) == (201, 201)
    assert second.content == first.content
    assert second.headers["idempotency-replayed"] == "true"
    assert (other.status_code, other.json()["type"]) == (422, "/problems/idempotency-key-reused")
    assert len(await shop.suite.rows("orders", ORDERS_CALLS, cart.id)) == 1
    await shop.moved(sku, allocated=1)


async def test_the_same_key_sixteen_times_at_once_is_one_order(shop: Shop) -> None:
    """Whoever comes too early is told so; everybody who gets an order gets the same one, and it is charged once."""
    sku = await shop.stocked(10)
    cart, key = await shop.cart({sku: 1}), str(uuid4())

    answers = await asyncio.gather(*(shop.check_out(cart, key=key) for _ in range(16)))
    answers.append(await shop.check_out(cart, key=key))

    made = {each.json()["id"] for each in answers if each.status_code == httpx2.codes.CREATED}
    early = {each.json()["type"] for each in answers if each.status_code != httpx2.codes.CREATED}
    assert answers[-1].status_code == httpx2.codes.CREATED
    assert early <= {"/problems/request-in-progress"}
    (row,) = await shop.suite.rows("orders", ORDERS_CALLS, cart.id)
    assert made == {row["id"]}
    assert (row["state"], row["authorised"]) == ("authorised", row["total"])
    await shop.moved(sku, allocated=1)


async def test_a_staff_adjustment_with_one_key_acts_once(shop: Shop) -> None:
    """A delivery that is booked by a nervous hand, eight times at once, comes in once."""
    sku = await shop.stocked(10)
    body = {"location_id": shop.location, "delta": 5, "reason": "delivery"}
    headers = {"Idempotency-Key": str(uuid4())}

    async def book() -> int:
        status = 409
        while status == httpx2.codes.CONFLICT:
            answer = await shop.staff["admin"].ask("POST", f"/v1/stock/{sku}/adjustments", json=body, headers=headers)
            status = answer.status_code
        return status

    assert set(await asyncio.gather(*(book() for _ in range(8)))) == {201}
    await shop.moved(sku, on_hand=15)


async def test_a_hold_ends_after_15_minutes_and_its_units_sell_again(shop: Shop) -> None:
    """At 14 minutes they are somebody else's still."""
    sku = await shop.stocked(3)
    held = await shop.hold(sku, 3)
    cart = await shop.cart({sku: 3})
    await shop.move_time(minutes(14))
    early = await shop.check_out(cart)
    assert (early.status_code, early.json()["type"]) == (409, "/problems/out-of-stock")

    await shop.move_time(minutes(1))

    await shop.expired(held)
    await shop.moved(sku, reserved=0, available=3)
    assert (await shop.check_out(cart)).status_code == httpx2.codes.CREATED
    await shop.moved(sku, allocated=3)


async def test_a_declined_card_leaves_neither_order_nor_hold(shop: Shop) -> None:
    """The cart stays open, and another card buys it."""
    sku = await shop.stocked(2)
    cart = await shop.cart({sku: 2})

    declined = await shop.check_out(cart, card="decline", email="declined@example.com")

    assert (declined.status_code, declined.json()["type"]) == (402, "/problems/payment-declined")
    await shop.moved(sku, reserved=0, allocated=0, available=2)
    assert await shop.orders_of("declined@example.com") == []
    assert (await shop.check_out(cart)).status_code == httpx2.codes.CREATED


async def test_a_total_that_the_shopper_did_not_see_is_not_charged(shop: Shop) -> None:
    """The price rises between cart and checkout: 409 with both totals, and nothing is taken."""
    sku = await shop.stocked(2, price=2500)
    cart = await shop.cart({sku: 1})
    product: Any = await shop.staff["admin"].call("GET", f"/v1/products/{sku.lower()}")
    change = {"variants": [{"sku": sku, "prices": [{"amount": 2600, "currency": "EUR"}], "weight_grams": 300}]}
    await shop.staff["admin"].call(
        "PATCH", f"/v1/products/{sku.lower()}", json=change, headers={"If-Match": product.headers["etag"]}
    )

    async def repriced() -> bool:
        shown = await cart.holder.get(f"/v1/carts/{cart.id}")
        return bool(shown["lines"][0]["price_changed"])

    await until(repriced)

    refused = await shop.check_out(cart)

    assert (refused.status_code, refused.json()["type"]) == (409, "/problems/total-changed")
    assert refused.json()["total"]["amount"] == cart.total["amount"] + 100
    await shop.moved(sku, reserved=0, available=2)
