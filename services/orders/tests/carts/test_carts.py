"""Carts: who may use one, what it takes, what it costs today."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from common.database import Database
from common.events.contracts.catalog import ProductDeleted, ProductUpdated
from common.money import Money
from common.testing import Api, EventProbe, TestClock
from orders.testing import ADDRESS, MakeProduct, MakeShopper, Shopper, a_product, a_variant, told

Deliver = Callable[..., Awaitable[UUID]]
RunSweep = Callable[[str], Awaitable[int]]
EUR = "EUR"


def problem(answer: Any) -> tuple[int, str]:  # noqa: ANN401 - the client's response
    return answer.status_code, answer.json()["type"].removeprefix("/problems/")


async def test_the_token_is_shown_once_and_kept_as_a_hash(
    make_shopper: MakeShopper, api: Api, database: Database
) -> None:
    started = await api.post("/v1/carts", json={})
    token = started.json()["token"]
    assert len(token) == 43
    assert started.headers["location"] == f"/v1/carts/{started.json()['id']}"
    shopper = Shopper(api.as_anonymous(cart_token=token), started.json()["id"])
    assert "token" not in await shopper.cart()
    async with database.acquire() as connection:
        row = await connection.fetchval("SELECT to_jsonb(cart)::text FROM cart WHERE id = $1", UUID(shopper.cart_id))
    assert token not in row


async def test_two_lines_of_one_sku_are_one(make_product: MakeProduct, make_shopper: MakeShopper) -> None:
    await make_product("SUM")
    shopper = await make_shopper({"SUM": 2}, ready=False)
    cart = (await shopper.add("SUM", 3)).json()
    [line] = cart["lines"]
    assert (line["quantity"], line["total"]) == (5, {"amount": 9995, "currency": EUR})


async def test_parallel_clicks_all_count(make_product: MakeProduct, make_shopper: MakeShopper) -> None:
    await make_product("CLICK")
    await make_product("CLICK2")
    shopper = await make_shopper(ready=False)
    answers = await asyncio.gather(*(shopper.add(sku) for sku in ("CLICK", "CLICK2") * 10))
    assert {answer.status_code for answer in answers} == {201}
    assert {line["sku"]: line["quantity"] for line in (await shopper.cart())["lines"]} == {"CLICK": 10, "CLICK2": 10}


async def test_a_repeated_click_with_its_key_counts_once(make_product: MakeProduct, make_shopper: MakeShopper) -> None:
    await make_product("KEYED")
    shopper = await make_shopper(ready=False)
    body, headers = {"sku": "KEYED", "quantity": 1}, {"Idempotency-Key": "click"}
    first = await shopper.api.post(f"{shopper.path}/lines", json=body, headers=headers)
    again = await shopper.api.post(f"{shopper.path}/lines", json=body, headers=headers)
    assert again.content == first.content
    assert (await shopper.cart())["lines"][0]["quantity"] == 1


async def test_quantities_change_and_zero_removes(make_product: MakeProduct, make_shopper: MakeShopper) -> None:
    await make_product("QTY")
    await make_product("QTY2")
    shopper = await make_shopper({"QTY": 2, "QTY2": 1}, ready=False)
    one, two = (await shopper.cart())["lines"]
    path = f"{shopper.path}/lines"
    changed = await shopper.api.patch(f"{path}/{one['id']}", json={"quantity": 7})
    assert [line["quantity"] for line in changed.json()["lines"]] == [7, 1]
    gone = await shopper.api.patch(f"{path}/{one['id']}", json={"quantity": 0})
    assert [line["sku"] for line in gone.json()["lines"]] == ["QTY2"]
    empty = await shopper.api.delete(f"{path}/{two['id']}")
    assert empty.json()["lines"] == []
    again = await shopper.api.delete(f"{path}/{two['id']}")
    assert problem(again) == (404, "cart-line-not-found")


async def test_a_line_takes_999_units_and_a_cart_100_lines(
    make_product: MakeProduct, make_shopper: MakeShopper
) -> None:
    skus = [f"FULL-{number}" for number in range(101)]
    for sku in skus:
        await make_product(sku)
    shopper = await make_shopper({skus[0]: 999}, ready=False)
    assert problem(await shopper.add(skus[0])) == (409, "cart-full")
    for sku in skus[1:100]:
        assert (await shopper.add(sku)).status_code == 201
    assert problem(await shopper.add(skus[100])) == (409, "cart-full")
    assert (await shopper.add(skus[1])).status_code == 201  # more of what is there is no new line


NOT_FOR_SALE: list[dict[str, Any]] = [{"status": "draft"}, {"channels": ["elsewhere"]}]


@pytest.mark.parametrize("product", NOT_FOR_SALE)
async def test_only_what_is_published_on_the_channel_is_for_sale(
    make_product: MakeProduct, make_shopper: MakeShopper, product: dict[str, Any]
) -> None:
    await make_product("HIDDEN", product=product)
    shopper = await make_shopper(ready=False)
    for sku in ("HIDDEN", "NEVER-HEARD-OF"):
        refused = await shopper.add(sku)
        assert problem(refused) == (409, "not-for-sale")
        assert refused.json()["errors"][0]["pointer"] == "/sku"


async def test_no_price_in_the_carts_currency_is_refused(make_product: MakeProduct, make_shopper: MakeShopper) -> None:
    await make_product("EURO-ONLY")
    shopper = await make_shopper(ready=False, currency="USD")
    refused = await shopper.add("EURO-ONLY")
    assert problem(refused) == (409, "no-price")
    assert refused.json()["errors"][0]["pointer"] == "/sku"


async def test_a_read_reprices_and_says_so(deliver: Deliver, make_shopper: MakeShopper) -> None:
    variant = a_variant("REPRICED")
    product = a_product(variant)
    await deliver(ProductUpdated(object=product, changed=[]))
    shopper = await make_shopper({"REPRICED": 2})
    assert (await shopper.cart())["lines"][0]["price_changed"] is None

    dearer = variant.model_copy(update={"prices": [Money(amount=2499, currency=EUR)]})
    await deliver(ProductUpdated(object=product.model_copy(update={"variants": [dearer]}), changed=[]))

    cart = await shopper.cart()
    [line] = cart["lines"]
    assert line["price_changed"] == {"from": {"amount": 1999, "currency": EUR}, "to": {"amount": 2499, "currency": EUR}}
    assert cart["subtotal"]["amount"] == 4998
    order = (await shopper.check_out()).json()
    assert order["lines"][0]["unit_price"]["amount"] == 2499


async def test_what_is_gone_from_the_catalogue_stays_visible_and_cannot_be_bought(
    deliver: Deliver, make_shopper: MakeShopper
) -> None:
    product = a_product(a_variant("VANISHED"))
    await deliver(ProductUpdated(object=product, changed=[]))
    shopper = await make_shopper({"VANISHED": 1})
    await deliver(ProductDeleted(object=product, changed=[]))

    [line] = (await shopper.cart())["lines"]
    assert (line["title"], line["available"], line["unit_price"]["amount"]) == ("Mug", False, 1999)
    refused = await shopper.check_out()
    assert problem(refused) == (409, "lines-unavailable")
    assert refused.json()["lines"] == [{"sku": "VANISHED"}]


async def test_others_do_not_see_the_cart(api: Api, make_product: MakeProduct, make_shopper: MakeShopper) -> None:
    await make_product("PRIVATE")
    shopper = await make_shopper({"PRIVATE": 1})
    line = (await shopper.cart())["lines"][0]["id"]
    before = await shopper.cart()
    for caller in (api, api.as_anonymous(cart_token="guessed"), api.as_customer(), api.as_user(scopes="orders:write")):
        answers = [
            await caller.get(shopper.path),
            await caller.post(f"{shopper.path}/lines", json={"sku": "PRIVATE"}),
            await caller.patch(f"{shopper.path}/lines/{line}", json={"quantity": 9}),
            await caller.delete(f"{shopper.path}/lines/{line}"),
            await caller.put(f"{shopper.path}/addresses", json={"shipping": ADDRESS}),
            await caller.get(f"{shopper.path}/shipping-options"),
            await caller.put(f"{shopper.path}/shipping-option", json={"id": "standard"}),
        ]
        assert [problem(answer) for answer in answers] == [(404, "cart-not-found")] * len(answers)
    assert await shopper.cart() == before


async def test_a_customers_cart_opens_to_the_login_and_to_the_token(
    api: Api, make_product: MakeProduct, make_shopper: MakeShopper
) -> None:
    await make_product("OWN")
    customer_id = uuid4()
    customer = api.as_customer(customer_id)
    started = (await customer.post("/v1/carts", json={})).json()
    assert started["customer_id"] == str(customer_id)
    for caller in (customer, api.as_anonymous(cart_token=started["token"])):
        assert (await Shopper(caller, started["id"]).add("OWN")).status_code == 201


async def test_shipping_options_follow_weight_and_destination(
    make_product: MakeProduct, make_shopper: MakeShopper
) -> None:
    await make_product("HEAVYISH", weight_grams=1500)
    shopper = await make_shopper({"HEAVYISH": 1}, ready=False)
    options = f"{shopper.path}/shipping-options"
    assert problem(await shopper.api.get(options)) == (409, "no-destination")
    await shopper.api.put(f"{shopper.path}/addresses", json={"shipping": ADDRESS})
    assert [item["id"] for item in (await shopper.api.get(options)).json()["items"]] == ["standard"]
    refused = await shopper.api.put(f"{shopper.path}/shipping-option", json={"id": "heavy"})
    assert problem(refused) == (409, "shipping-option-unavailable")
    chosen = await shopper.api.put(f"{shopper.path}/shipping-option", json={"id": "standard"})
    assert chosen.json()["shipping"] == {"amount": 490, "currency": EUR}

    heavier = (await shopper.add("HEAVYISH")).json()

    assert (heavier["shipping_option"], heavier["shipping"]["amount"]) == (None, 0)
    assert [item["id"] for item in (await shopper.api.get(options)).json()["items"]] == ["heavy"]
    assert problem(await shopper.check_out()) == (409, "shipping-option-unavailable")


async def test_shipping_is_free_from_its_limit_on(make_product: MakeProduct, make_shopper: MakeShopper) -> None:
    await make_product("DEAR", prices=[Money(amount=20000, currency=EUR)])
    shopper = await make_shopper({"DEAR": 1})
    assert (await shopper.cart())["shipping"]["amount"] == 0


async def test_what_needs_no_parcel_needs_no_shipping_option(
    make_product: MakeProduct, make_shopper: MakeShopper
) -> None:
    await make_product("EBOOK", requires_shipping=False, weight_grams=None)
    shopper = await make_shopper({"EBOOK": 1}, ready=False)
    await shopper.api.put(f"{shopper.path}/addresses", json={"shipping": ADDRESS})
    placed = await shopper.check_out()
    assert placed.status_code == 201, placed.text
    assert (placed.json()["total"]["amount"], placed.json()["shipping_option"]["id"]) == (1999, "no-shipping")


async def test_tax_is_previewed_once_the_country_is_known(make_product: MakeProduct, make_shopper: MakeShopper) -> None:
    await make_product("TAXED")
    shopper = await make_shopper({"TAXED": 1}, ready=False)
    assert (await shopper.cart())["tax"] is None
    known = await make_shopper({"TAXED": 1}, ready=False, country="DE")
    assert (await known.cart())["tax"]["amount"] == 319  # 1999 - round(1999 / 1.19)


async def test_a_quiet_cart_is_announced_once_a_quiet_period(
    make_product: MakeProduct, make_shopper: MakeShopper, clock: TestClock, run_sweep: RunSweep, probe: EventProbe
) -> None:
    await make_product("QUIET")
    shopper = await make_shopper({"QUIET": 1}, ready=False)
    cart_id = UUID(shopper.cart_id)
    clock.advance(timedelta(seconds=59))
    await run_sweep("announce-quiet-carts")
    assert await told(probe, "cart.updated", cart_id) == []
    await shopper.add("QUIET")  # not quiet after all
    clock.advance(timedelta(seconds=59))
    await run_sweep("announce-quiet-carts")
    assert await told(probe, "cart.updated", cart_id) == []

    clock.advance(timedelta(seconds=1))
    await run_sweep("announce-quiet-carts")
    await run_sweep("announce-quiet-carts")

    [event] = await told(probe, "cart.updated", cart_id)
    assert event.data.object.lines[0].quantity == 2
    assert event.data.changed == ["/lines", "/subtotal"]
    line = (await shopper.cart())["lines"][0]["id"]
    for quantity in (5, 2):  # there and back again
        await shopper.api.patch(f"{shopper.path}/lines/{line}", json={"quantity": quantity})
    clock.advance(timedelta(seconds=61))
    await run_sweep("announce-quiet-carts")
    assert len(await told(probe, "cart.updated", cart_id)) == 1


async def test_an_ordered_cart_is_not_announced(
    make_product: MakeProduct, make_shopper: MakeShopper, clock: TestClock, run_sweep: RunSweep, probe: EventProbe
) -> None:
    await make_product("SOLD")
    shopper = await make_shopper({"SOLD": 1})
    assert (await shopper.check_out()).status_code == 201
    clock.advance(timedelta(seconds=61))
    await run_sweep("announce-quiet-carts")
    assert await told(probe, "cart.updated", UUID(shopper.cart_id)) == []


async def test_a_cart_ends_after_30_days_without_a_change(
    make_product: MakeProduct, make_shopper: MakeShopper, clock: TestClock, run_sweep: RunSweep, database: Database
) -> None:
    await make_product("OLD")
    shopper = await make_shopper({"OLD": 1})
    clock.advance(timedelta(days=29))
    await shopper.add("OLD")
    clock.advance(timedelta(days=29))
    assert (await shopper.cart())["state"] == "open"
    clock.advance(timedelta(days=1, seconds=1))
    assert problem(await shopper.api.get(shopper.path)) == (404, "cart-not-found")
    assert problem(await shopper.add("OLD")) == (404, "cart-not-found")
    await run_sweep("expire-carts")
    async with database.acquire() as connection:
        row = await connection.fetchrow("SELECT * FROM cart WHERE id = $1", UUID(shopper.cart_id))
    assert row is not None
    assert (row["state"], row["email"], row["shipping_address"]) == ("expired", None, None)


BAD = [
    ("POST", "/lines", {"sku": "", "quantity": 1}, "/sku"),
    ("POST", "/lines", {"sku": "a/b", "quantity": 1}, "/sku"),
    ("POST", "/lines", {"sku": " a", "quantity": 1}, "/sku"),
    ("POST", "/lines", {"sku": "a\u0000", "quantity": 1}, "/sku"),
    ("POST", "/lines", {"sku": "BADCART", "quantity": 0}, "/quantity"),
    ("POST", "/lines", {"sku": "BADCART", "quantity": 1000}, "/quantity"),
    ("POST", "/lines", {"sku": "BADCART", "quantity": True}, "/quantity"),
    ("POST", "/lines", {"sku": "BADCART", "quantity": "1"}, "/quantity"),
    ("POST", "/lines", {"sku": "BADCART", "quantity": 1, "price": 1}, "/price"),
    ("PATCH", "/lines/{line}", {"quantity": -1}, "/quantity"),
    ("PUT", "/addresses", {"shipping": ADDRESS | {"country": "XX"}}, "/shipping/country"),
    ("PUT", "/addresses", {"shipping": ADDRESS | {"name": " "}}, "/shipping/name"),
    ("PUT", "/addresses", {"shipping": ADDRESS | {"city": "\u0000"}}, "/shipping/city"),
    ("PUT", "/addresses", {"billing": ADDRESS}, "/shipping"),
    ("PUT", "/shipping-option", {"id": None}, "/id"),
]


@pytest.mark.parametrize(("method", "path", "body", "pointer"), BAD)
async def test_bad_input_is_pointed_at_and_changes_nothing(
    make_product: MakeProduct, make_shopper: MakeShopper, method: str, path: str, body: dict[str, Any], pointer: str
) -> None:
    await make_product("BADCART")
    shopper = await make_shopper({"BADCART": 1})
    before = await shopper.cart()
    line = before["lines"][0]["id"]
    refused = await shopper.api.request(method, shopper.path + path.format(line=line), json=body)
    assert refused.status_code == 422, refused.text
    assert pointer in [error["pointer"] for error in refused.json()["errors"]]
    assert await shopper.cart() == before


BAD_CARTS = [
    ({"currency": "XXX"}, "/currency"),
    ({"country": "de"}, "/country"),
    ({"channel": "nowhere"}, "/channel"),
    ({"email": "x"}, "/email"),
]


@pytest.mark.parametrize(("body", "pointer"), BAD_CARTS)
async def test_a_cart_of_nowhere_is_not_started(api: Api, body: dict[str, Any], pointer: str) -> None:
    refused = await api.post("/v1/carts", json=body)
    assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, pointer)
