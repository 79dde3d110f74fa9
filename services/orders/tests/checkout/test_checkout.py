"""A checkout ends in one order or leaves nothing behind, whatever happens in between."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from common.database import Database
from common.invariants import run_invariants
from common.service import Runtime
from common.testing import Api, EventProbe, TestClock
from orders.invariants import INVARIANTS
from orders.testing import (
    FakeInventory,
    Killed,
    MakeProduct,
    MakeShopper,
    Shopper,
    WatchedPayments,
    away,
    killed,
    told,
)

RunSweep = Callable[[str], Awaitable[int]]
PAST_DEADLINE = timedelta(minutes=2)


@pytest.fixture(autouse=True)
async def _nothing_broken(database: Database) -> Any:  # noqa: ANN401 - a generator
    yield
    assert await run_invariants(database, INVARIANTS) == []


async def charge_of(database: Database, checkout_id: object) -> Any:  # noqa: ANN401 - a record
    async with database.acquire() as connection:
        return await connection.fetchrow("SELECT state, authorised FROM sandbox_charge WHERE key = $1", checkout_id)


async def checkouts_of(database: Database, shopper: Shopper) -> list[Any]:
    async with database.acquire() as connection:
        return list(
            await connection.fetch("SELECT * FROM checkout WHERE cart_id = $1 ORDER BY id", UUID(shopper.cart_id))
        )


async def orders_of(staff: Api, shopper: Shopper) -> list[Any]:
    email = f"{shopper.cart_id}@example.com"
    return list((await staff.get("/v1/orders", params={"email": email})).json()["items"])


def mine(shopper: Shopper) -> dict[str, Any]:
    """Give the order an address by which it is found."""
    return {"email": f"{shopper.cart_id}@example.com"}


async def test_64_shoppers_race_for_10_units(
    make_product: MakeProduct, make_shopper: MakeShopper, inventory: FakeInventory, staff: Api
) -> None:
    await make_product("RACE")
    inventory.stock["RACE"] = 10
    shoppers = [await make_shopper({"RACE": 1}) for _ in range(64)]

    answers = await asyncio.gather(*(shopper.check_out() for shopper in shoppers))

    assert Counter(answer.status_code for answer in answers) == {201: 10, 409: 54}
    refused = [answer.json() for answer in answers if answer.status_code == 409]
    assert {document["type"] for document in refused} == {"/problems/out-of-stock"}
    assert refused[0]["lines"] == [{"sku": "RACE", "asked": 1, "available": 0}]
    assert inventory.held("RACE") == 10
    states = Counter([(await shopper.cart())["state"] for shopper in shoppers])
    assert states == {"ordered": 10, "open": 54}


async def test_same_key_at_the_same_time_makes_one_order(
    make_product: MakeProduct, make_shopper: MakeShopper, staff: Api
) -> None:
    await make_product("TWICE")
    shopper = await make_shopper({"TWICE": 1})
    key = str(uuid4())

    answers = await asyncio.gather(*(shopper.check_out(key=key, **mine(shopper)) for _ in range(8)))

    codes = Counter(answer.status_code for answer in answers)
    assert codes[201] >= 1
    assert set(codes) <= {201, 409}
    running = [answer for answer in answers if answer.status_code == 409]
    assert all(answer.json()["type"] == "/problems/request-in-progress" for answer in running)
    assert all(answer.headers["retry-after"] == "1" for answer in running)
    assert len(await orders_of(staff, shopper)) == 1


async def test_a_repeated_checkout_gets_the_same_bytes(make_product: MakeProduct, make_shopper: MakeShopper) -> None:
    await make_product("REPLAY")
    shopper = await make_shopper({"REPLAY": 1})
    first = await shopper.check_out(key="replay")

    again = await shopper.check_out(key="replay")

    assert (again.status_code, again.content) == (201, first.content)
    assert again.headers["idempotency-replayed"] == "true"
    assert again.headers["location"] == first.headers["location"]


async def test_a_key_does_not_serve_another_body(make_product: MakeProduct, make_shopper: MakeShopper) -> None:
    await make_product("REUSED")
    shopper = await make_shopper({"REUSED": 1})
    await shopper.check_out(key="reused")

    other = await shopper.check_out(key="reused", email="somebody@example.com")

    assert (other.status_code, other.json()["type"]) == (422, "/problems/idempotency-key-reused")


async def test_a_key_serves_one_cart_alone(make_product: MakeProduct, make_shopper: MakeShopper, api: Api) -> None:
    await make_product("TWOCARTS")
    customer = api.as_customer()
    one, other = [await make_shopper({"TWOCARTS": 1}, caller=customer) for _ in range(2)]
    assert (await one.check_out(key="both")).status_code == 201

    refused = await other.check_out(key="both")

    assert (refused.status_code, refused.json()["type"]) == (422, "/problems/idempotency-key-reused")
    assert (await other.cart())["state"] == "open"


async def test_the_key_is_required(make_shopper: MakeShopper) -> None:
    shopper = await make_shopper(ready=False)
    body = {"email": "ada@example.com", "payment": {"method": "test", "token": "approve"}}
    answer = await shopper.api.post(f"{shopper.path}/checkout", json=body, headers={"Idempotency-Key": None})
    assert (answer.status_code, answer.json()["type"]) == (400, "/problems/idempotency-key-missing")


async def test_a_declined_card_leaves_no_order_and_no_hold(
    make_product: MakeProduct,
    make_shopper: MakeShopper,
    inventory: FakeInventory,
    probe: EventProbe,
    database: Database,
    staff: Api,
) -> None:
    await make_product("DECLINED")
    shopper = await make_shopper({"DECLINED": 3})

    refused = await shopper.check_out("decline", key="declined", **mine(shopper))

    assert (refused.status_code, refused.json()["type"]) == (402, "/problems/payment-declined")
    assert inventory.held("DECLINED") == 0
    assert await orders_of(staff, shopper) == []
    [checkout] = await checkouts_of(database, shopper)
    assert await told(probe, "order.placed", checkout["id"]) == []
    assert (await shopper.cart())["state"] == "open"
    again = await shopper.check_out("decline", key="declined", **mine(shopper))
    assert (again.status_code, again.content) == (402, refused.content)
    assert (await shopper.check_out(**mine(shopper))).status_code == 201


async def test_a_provider_that_never_heard_is_asked_and_nothing_is_charged(
    make_product: MakeProduct, make_shopper: MakeShopper, inventory: FakeInventory, database: Database, staff: Api
) -> None:
    await make_product("LOST")
    shopper = await make_shopper({"LOST": 1})

    answer = await shopper.check_out("timeout_before", key="lost", **mine(shopper))

    assert (answer.status_code, answer.json()["type"]) == (503, "/problems/payment-unanswered")
    assert answer.headers["retry-after"] == "1"
    assert inventory.held("LOST") == 0
    [checkout] = await checkouts_of(database, shopper)
    assert (await charge_of(database, checkout["id"]))["state"] == "voided"
    again = await shopper.check_out("timeout_before", key="lost", **mine(shopper))
    assert again.status_code == 503  # the key was not used up: this was another run
    assert len(await checkouts_of(database, shopper)) == 2


async def test_a_provider_that_charged_and_timed_out_makes_one_order(
    make_product: MakeProduct, make_shopper: MakeShopper, database: Database, staff: Api
) -> None:
    await make_product("CHARGED")
    shopper = await make_shopper({"CHARGED": 1})

    placed = await shopper.check_out("timeout_after", **mine(shopper))

    assert placed.status_code == 201, placed.text
    assert (await charge_of(database, UUID(placed.json()["id"])))["authorised"] == placed.json()["total"]["amount"]


async def test_a_slow_provider_is_given_its_time_and_no_more(
    make_product: MakeProduct, make_shopper: MakeShopper, payments: WatchedPayments, runtime: Runtime, staff: Api
) -> None:
    await make_product("SLOW")
    shopper = await make_shopper({"SLOW": 1})
    never = asyncio.Event()

    async def hang(name: str) -> None:
        if name == "authorise":
            await never.wait()

    payments.after = hang  # it has charged, and does not say so
    kept = runtime.settings
    runtime.settings = kept.model_copy(update={"payment_timeout_seconds": 0.05})
    try:
        placed = await shopper.check_out(**mine(shopper))
    finally:
        runtime.settings = kept
    assert placed.status_code == 201, placed.text
    assert len(await orders_of(staff, shopper)) == 1


UNKNOWN_TOKEN = ["action", "", "approve\u0000", "x" * 300]


@pytest.mark.parametrize("token", UNKNOWN_TOKEN)
async def test_a_token_that_the_provider_does_not_know_is_pointed_at(
    make_product: MakeProduct, make_shopper: MakeShopper, token: str
) -> None:
    await make_product("TOKEN")
    shopper = await make_shopper({"TOKEN": 1})
    refused = await shopper.check_out(token)
    assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, "/payment/token")
    assert (await shopper.cart())["state"] == "open"


KILLED = [
    ("inventory.before", "reserve", "undone"),
    ("inventory.after", "reserve", "undone"),
    ("payments.before", "authorise", "undone"),
    ("payments.after", "authorise", "placed"),
    ("inventory.before", "confirm", "placed"),
    ("inventory.after", "confirm", "placed"),
]


@pytest.mark.parametrize(("port", "call", "outcome"), KILLED)
async def test_a_checkout_whose_process_died_is_brought_to_its_end(
    make_product: MakeProduct,
    make_shopper: MakeShopper,
    inventory: FakeInventory,
    payments: WatchedPayments,
    database: Database,
    runtime: Runtime,
    clock: TestClock,
    run_sweep: RunSweep,
    staff: Api,
    probe: EventProbe,
    port: str,
    call: str,
    outcome: str,
) -> None:
    sku = f"KILL-{port[0]}{port[-5:]}-{call}"
    await make_product(sku)
    shopper = await make_shopper({sku: 2})
    setattr(
        {"inventory": inventory, "payments": payments}[port.split(".", maxsplit=1)[0]], port.split(".")[1], killed(call)
    )
    with pytest.raises(Killed):
        await shopper.check_out(key=sku, **mine(shopper))
    inventory.before = inventory.after = payments.before = payments.after = None
    assert (await shopper.cart())["state"] == "checking_out"
    still = await shopper.check_out(key=sku, **mine(shopper))
    assert (still.status_code, still.json()["type"]) == (409, "/problems/request-in-progress")
    assert await run_sweep("finish-checkouts") == 0  # not before its deadline

    clock.advance(PAST_DEADLINE)
    assert await run_sweep("finish-checkouts") == 1

    [checkout] = await checkouts_of(database, shopper)
    assert checkout["state"] == outcome
    charge = await charge_of(database, checkout["id"])
    placed = await orders_of(staff, shopper)
    again = await shopper.check_out(key=sku, **mine(shopper))
    assert again.status_code == 201
    if outcome == "placed":
        assert charge["state"] == "authorised"
        assert [order["id"] for order in placed] == [str(checkout["id"])] == [again.json()["id"]]
        assert len(await told(probe, "order.placed", checkout["id"])) == 1
        assert again.headers["idempotency-replayed"] == "true"
    else:
        assert charge["state"] == "voided"
        assert placed == []
        assert again.json()["id"] != str(checkout["id"])
    assert inventory.held(sku) == 2  # of the one order


async def test_an_order_is_placed_although_the_shopper_hung_up(
    make_product: MakeProduct, make_shopper: MakeShopper, inventory: FakeInventory, runtime: Runtime, staff: Api
) -> None:
    await make_product("HANGUP")
    shopper = await make_shopper({"HANGUP": 1})
    reached, go_on = asyncio.Event(), asyncio.Event()

    async def wait(name: str) -> None:
        if name == "confirm":
            reached.set()
            await go_on.wait()

    inventory.before = wait
    request = asyncio.create_task(shopper.check_out(**mine(shopper)))
    await reached.wait()
    request.cancel()
    await asyncio.gather(request, return_exceptions=True)
    go_on.set()

    await runtime.resources.drain()

    assert len(await orders_of(staff, shopper)) == 1


async def test_what_cannot_be_undone_now_is_undone_later(
    make_product: MakeProduct,
    make_shopper: MakeShopper,
    inventory: FakeInventory,
    database: Database,
    clock: TestClock,
    run_sweep: RunSweep,
) -> None:
    await make_product("AWAY")
    shopper = await make_shopper({"AWAY": 1})
    inventory.before = away("confirm", "release")

    answer = await shopper.check_out()

    assert answer.status_code == 503
    [checkout] = await checkouts_of(database, shopper)
    assert (await charge_of(database, checkout["id"]))["state"] == "voided"
    assert inventory.held("AWAY") == 1
    assert (await shopper.cart())["state"] == "open"
    clock.advance(PAST_DEADLINE)
    await run_sweep("finish-checkouts")  # still away: put off, not given up
    inventory.before = None
    clock.advance(PAST_DEADLINE)
    await run_sweep("finish-checkouts")
    assert inventory.held("AWAY") == 0
    assert checkout["id"] in inventory.gone


async def test_a_sweep_does_not_undo_while_inventory_is_away(
    make_product: MakeProduct,
    make_shopper: MakeShopper,
    inventory: FakeInventory,
    payments: WatchedPayments,
    clock: TestClock,
    run_sweep: RunSweep,
    staff: Api,
) -> None:
    await make_product("PATIENT")
    shopper = await make_shopper({"PATIENT": 1})
    payments.after = killed("authorise")
    with pytest.raises(Killed):
        await shopper.check_out(**mine(shopper))
    payments.after = None
    inventory.before = away("confirm")
    clock.advance(PAST_DEADLINE)
    await run_sweep("finish-checkouts")
    assert (await shopper.cart())["state"] == "checking_out"

    inventory.before = None
    clock.advance(PAST_DEADLINE)
    await run_sweep("finish-checkouts")

    assert len(await orders_of(staff, shopper)) == 1


async def test_a_hold_that_was_lost_gives_the_money_back(
    make_product: MakeProduct, make_shopper: MakeShopper, inventory: FakeInventory, database: Database
) -> None:
    await make_product("EXPIRED")
    shopper = await make_shopper({"EXPIRED": 1})

    async def expire(name: str) -> None:
        if name == "confirm":
            inventory.holds.clear()

    inventory.before = expire
    answer = await shopper.check_out()

    assert (answer.status_code, answer.json()["type"]) == (409, "/problems/hold-lost")
    [checkout] = await checkouts_of(database, shopper)
    assert (await charge_of(database, checkout["id"]))["state"] == "voided"


async def test_a_run_that_a_sweep_overtook_writes_nothing(
    make_product: MakeProduct,
    make_shopper: MakeShopper,
    inventory: FakeInventory,
    database: Database,
    clock: TestClock,
    run_sweep: RunSweep,
    staff: Api,
) -> None:
    await make_product("OVERTAKEN")
    shopper = await make_shopper({"OVERTAKEN": 1})
    done = asyncio.Event()

    async def overtaken(name: str) -> None:
        if name == "confirm" and not done.is_set():
            done.set()
            clock.advance(PAST_DEADLINE)
            await run_sweep("finish-checkouts")

    inventory.before = overtaken
    answer = await shopper.check_out(**mine(shopper))

    assert answer.status_code == 201
    assert answer.headers["idempotency-replayed"] == "true"
    assert len(await orders_of(staff, shopper)) == 1


async def test_a_payment_that_comes_after_the_undo_is_refused(
    make_product: MakeProduct, make_shopper: MakeShopper, payments: WatchedPayments, clock: TestClock,
    run_sweep: RunSweep, database: Database, staff: Api,
) -> None:  # fmt: skip
    await make_product("TOOLATE")
    shopper = await make_shopper({"TOOLATE": 1})
    done = asyncio.Event()

    async def undone_meanwhile(name: str) -> None:
        if name == "authorise" and not done.is_set():
            done.set()
            clock.advance(PAST_DEADLINE)
            await run_sweep("finish-checkouts")

    payments.before = undone_meanwhile
    answer = await shopper.check_out(**mine(shopper))

    assert answer.status_code == 503
    [checkout] = await checkouts_of(database, shopper)
    assert (checkout["state"], (await charge_of(database, checkout["id"]))["state"]) == ("undone", "voided")
    assert await orders_of(staff, shopper) == []


async def test_a_charge_found_after_the_undo_is_given_back(
    make_product: MakeProduct, make_shopper: MakeShopper, clock: TestClock, run_sweep: RunSweep, database: Database
) -> None:
    """A provider that does not remember voided keys may charge late."""
    await make_product("GHOST")
    shopper = await make_shopper({"GHOST": 1})
    await shopper.check_out("timeout_before")
    [checkout] = await checkouts_of(database, shopper)
    async with database.acquire() as connection:
        await connection.execute(
            "UPDATE sandbox_charge SET state = 'authorised', authorised = 1999 WHERE key = $1", checkout["id"]
        )
    clock.advance(timedelta(minutes=16))

    await run_sweep("finish-checkouts")

    assert (await charge_of(database, checkout["id"]))["state"] == "voided"
    assert (await checkouts_of(database, shopper))[0]["step"] == "over"


async def test_another_total_than_the_shopper_saw_is_refused(
    make_product: MakeProduct, make_shopper: MakeShopper
) -> None:
    await make_product("TOTAL")
    shopper = await make_shopper({"TOTAL": 1})
    for expected in (2488, {"amount": 2488, "currency": "EUR"}, {"amount": 2489, "currency": "USD"}):
        refused = await shopper.check_out(expected_total=expected)
        assert (refused.status_code, refused.json()["type"]) == (409, "/problems/total-changed")
        assert refused.json()["total"] == {"amount": 2489, "currency": "EUR"}
    assert (await shopper.check_out(expected_total=2489)).status_code == 201


async def test_what_is_missing_is_named(make_product: MakeProduct, make_shopper: MakeShopper) -> None:
    await make_product("BARE")
    empty = await make_shopper(ready=False)
    refused = await empty.check_out()
    assert (refused.status_code, refused.json()["type"]) == (409, "/problems/cart-incomplete")
    assert refused.json()["missing"] == ["lines", "shipping_address", "shipping_option"]


async def test_a_destination_without_tax_rate_is_refused(make_product: MakeProduct, make_shopper: MakeShopper) -> None:
    await make_product("NORATE")
    shopper = await make_shopper({"NORATE": 1})
    cart = await shopper.cart()
    abroad = cart["shipping_address"] | {"country": "FR"}
    await shopper.api.put(f"{shopper.path}/addresses", json={"shipping": abroad})
    assert (await shopper.cart())["tax"] is None

    refused = await shopper.check_out()

    assert (refused.status_code, refused.json()["type"]) == (409, "/problems/no-tax-rate")


async def test_an_ordered_cart_is_closed(make_product: MakeProduct, make_shopper: MakeShopper) -> None:
    await make_product("CLOSED")
    shopper = await make_shopper({"CLOSED": 1})
    order = (await shopper.check_out()).json()

    for refused in (await shopper.add("CLOSED"), await shopper.check_out()):
        assert (refused.status_code, refused.json()["type"]) == (409, "/problems/cart-closed")
        assert refused.json()["order_id"] == order["id"]


async def test_a_cart_does_not_change_while_it_is_checked_out(
    make_product: MakeProduct, make_shopper: MakeShopper, inventory: FakeInventory
) -> None:
    await make_product("BUSY")
    shopper = await make_shopper({"BUSY": 1})
    seen: list[Any] = []

    async def meanwhile(name: str) -> None:
        if name == "reserve":
            seen.extend([await shopper.add("BUSY"), await shopper.check_out()])

    inventory.before = meanwhile
    order = (await shopper.check_out()).json()

    assert [answer.json()["type"] for answer in seen] == ["/problems/cart-checking-out"] * 2
    assert order["lines"][0]["quantity"] == 1


async def test_a_foreign_cart_cannot_be_checked_out(
    api: Api, make_product: MakeProduct, make_shopper: MakeShopper
) -> None:
    await make_product("FOREIGN")
    shopper = await make_shopper({"FOREIGN": 1})
    for caller in (api, api.as_anonymous(cart_token="another"), api.as_customer(), api.as_user(scopes="orders:write")):
        answer = await Shopper(caller, shopper.cart_id).check_out()
        assert (answer.status_code, answer.json()["type"]) == (404, "/problems/cart-not-found")
    assert (await shopper.cart())["state"] == "open"


async def test_a_customer_known_from_the_token_has_the_order(
    api: Api, make_product: MakeProduct, make_shopper: MakeShopper, probe: EventProbe
) -> None:
    await make_product("REGISTERED")
    customer_id = uuid4()
    customer = api.as_customer(customer_id, email="grace@example.com")
    order = (await (await make_shopper({"REGISTERED": 1}, caller=customer)).check_out()).json()

    assert order["customer_id"] == str(customer_id)
    [event] = await told(probe, "customer.registered", customer_id)
    assert event.data.object.email == "grace@example.com"
    assert [each["id"] for each in (await customer.get("/v1/orders")).json()["items"]] == [order["id"]]


async def test_inventory_may_ask_where_a_checkout_stands(
    api: Api, make_product: MakeProduct, make_shopper: MakeShopper
) -> None:
    await make_product("ASKED")
    order = (await (await make_shopper({"ASKED": 1})).check_out()).json()
    path = f"/internal/checkouts/{order['id']}"
    inventory = api.as_service("inventory")
    assert (await inventory.get(path)).json() == {"id": order["id"], "state": "placed"}
    assert (await inventory.get(f"/internal/checkouts/{uuid4()}")).status_code == 404
    assert (await api.as_service("catalog").get(path)).status_code == 403
    assert (await api.as_user(scopes="orders:read").get(path)).status_code == 401


async def test_keys_are_free_after_a_day(
    make_product: MakeProduct, make_shopper: MakeShopper, clock: TestClock, run_sweep: RunSweep
) -> None:
    await make_product("DAY")
    shopper = await make_shopper({"DAY": 1})
    assert (await shopper.check_out(key="day", expected_total=1)).status_code == 409
    again = await shopper.check_out(key="day", expected_total=1)
    assert again.headers["idempotency-replayed"] == "true"

    clock.advance(timedelta(hours=25))
    await run_sweep("free-keys")

    assert (await shopper.check_out(key="day")).status_code == 201


BAD = [
    ({"email": "nobody"}, "/email"),
    ({"email": 1}, "/email"),
    ({"payment": {"method": "card", "token": "approve"}}, "/payment/method"),
    ({"payment": {"method": "test"}}, "/payment/token"),
    ({"expected_total": -1}, "/expected_total/amount"),
    ({"session_id": "\u0000"}, "/session_id"),
    ({"surprise": 1}, "/surprise"),
]


@pytest.mark.parametrize(("body", "pointer"), BAD)
async def test_bad_input_is_pointed_at_and_changes_nothing(
    make_product: MakeProduct, make_shopper: MakeShopper, body: dict[str, Any], pointer: str
) -> None:
    await make_product("BADINPUT")
    shopper = await make_shopper({"BADINPUT": 1})
    before = await shopper.cart()
    refused = await shopper.check_out(**body)
    assert refused.status_code == 422, refused.text
    assert pointer in [error["pointer"] for error in refused.json()["errors"]]
    assert await shopper.cart() == before
