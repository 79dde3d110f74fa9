"""Orders: who sees which, how they are found, when they can be called off."""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from common.database import Database
from common.invariants import run_invariants
from common.testing import Api, EventProbe, TestClock
from orders.invariants import INVARIANTS
from orders.ordering.models import TRANSITIONS
from orders.testing import MakeOrder, MakeProduct, MakeShopper, told

RunJobs = Callable[[], Awaitable[None]]


@pytest.fixture(autouse=True)
async def _nothing_broken(database: Database) -> Any:  # noqa: ANN401 - a generator
    yield
    assert await run_invariants(database, INVARIANTS) == []


async def ids(caller: Api, **filters: str) -> list[str]:
    answer = await caller.get("/v1/orders", params=filters)
    assert answer.status_code == 200, answer.text
    return [order["id"] for order in answer.json()["items"]]


async def test_customers_see_their_own_orders_alone(
    api: Api, staff: Api, make_product: MakeProduct, make_order: MakeOrder
) -> None:
    await make_product("OWNED")
    one, other = uuid4(), uuid4()
    order = await make_order({"OWNED": 1}, caller=api.as_customer(one))
    foreign = await make_order({"OWNED": 1}, caller=api.as_customer(other))

    me = api.as_customer(one)

    assert await ids(me) == [order["id"]]
    assert await ids(me, customer_id=str(other)) == []
    for path in ("", "/shipments"):
        assert (await me.get(f"/v1/orders/{foreign['id']}{path}")).status_code == 404
    assert (await me.post(f"/v1/orders/{foreign['id']}/cancel")).status_code == 404
    assert (await api.get("/v1/orders")).status_code == 401
    assert set(await ids(staff)) >= {order["id"], foreign["id"]}


async def test_a_cart_token_reads_its_order_for_90_days(
    api: Api, make_product: MakeProduct, make_shopper: MakeShopper, clock: TestClock
) -> None:
    await make_product("NINETY")
    shopper = await make_shopper({"NINETY": 1})
    other = await make_shopper({"NINETY": 1})
    order = (await shopper.check_out()).json()
    path = f"/v1/orders/{order['id']}"
    assert (await other.api.get(path)).status_code == 404
    clock.advance(timedelta(days=89))
    assert (await shopper.api.get(path)).status_code == 200
    assert (await shopper.api.get(f"{path}/shipments")).json()["items"] == []
    clock.advance(timedelta(days=2))
    assert (await shopper.api.get(path)).status_code == 404


async def test_filters_and_pages(staff: Api, make_product: MakeProduct, make_shopper: MakeShopper) -> None:
    await make_product("LISTED")
    email = f"Listed-{uuid4()}@example.com"
    placed = [(await (await make_shopper({"LISTED": 1})).check_out(email=email)).json() for _ in range(5)]
    newest_first = [order["id"] for order in reversed(placed)]

    assert await ids(staff, email=email.upper()) == newest_first
    assert await ids(staff, number=placed[2]["number"]) == [placed[2]["id"]]
    assert await ids(staff, email=email, status="open", payment_status="authorised", fulfilment_status="none",
                     channel="web") == newest_first  # fmt: skip
    assert await ids(staff, email=email, status="cancelled") == []
    assert await ids(staff, email=email, placed_from=placed[1]["placed_at"], placed_to=placed[3]["placed_at"]) == [
        placed[2]["id"],
        placed[1]["id"],
    ]
    pages: list[list[str]] = []
    after: dict[str, str] = {}
    while True:
        page = (await staff.get("/v1/orders", params={"email": email, "limit": "2"} | after)).json()
        pages.append([order["id"] for order in page["items"]])
        if page["next"] is None:
            break
        after = {"after": page["next"]}
    assert [each for page in pages for each in page] == newest_first
    assert [len(page) for page in pages] == [2, 2, 1]
    elsewhere = await staff.get("/v1/orders", params={"status": "open", "limit": "2"} | {"after": "x"})
    assert elsewhere.json()["type"] == "/problems/invalid-cursor"


BAD = [("status", "gone"), ("customer_id", "x"), ("placed_from", "yesterday"), ("placed_to", "0001-01-01T00:00:00Z"),
       ("email", "\u0000"), ("limit", "201")]  # fmt: skip


@pytest.mark.parametrize(("name", "value"), BAD)
async def test_bad_filters_are_pointed_at(staff: Api, name: str, value: str) -> None:
    refused = await staff.get("/v1/orders", params={name: value})
    assert refused.status_code == 422, refused.text
    assert refused.json()["errors"][0]["pointer"] == f"/query/{name}"


async def test_a_cancelled_order_gives_the_payment_back(
    api: Api, make_product: MakeProduct, make_order: MakeOrder, run_jobs: RunJobs, probe: EventProbe,
    database: Database,
) -> None:  # fmt: skip
    await make_product("CANCEL")
    me = api.as_customer()
    order = await make_order({"CANCEL": 1}, caller=me)

    cancelled = await me.post(f"/v1/orders/{order['id']}/cancel", json={"reason": "ordered twice"})

    assert cancelled.status_code == 200, cancelled.text
    document = cancelled.json()
    assert (document["status"], document["payment_status"]) == ("cancelled", "voided")
    [event] = await told(probe, "order.cancelled", UUID(order["id"]))
    assert (event.data.reason, event.data.object.model_dump(mode="json")) == ("ordered twice", document)
    assert event.data.changed == ["/status", "/payment_status", "/cancelled_at", "/cancellation_reason"]
    await run_jobs()
    async with database.acquire() as connection:
        charge = await connection.fetchrow("SELECT state FROM sandbox_charge WHERE key = $1", UUID(order["id"]))
    assert charge is not None
    assert charge["state"] == "voided"
    again = await me.post(f"/v1/orders/{order['id']}/cancel")
    assert (again.status_code, again.json()["type"]) == (409, "/problems/illegal-transition")


async def test_what_has_left_cannot_be_cancelled(staff: Api, make_product: MakeProduct, make_order: MakeOrder) -> None:
    await make_product("LEFT")
    order = await make_order({"LEFT": 2})
    await staff.post(f"/v1/orders/{order['id']}/fulfilments", json={"lines": {"LEFT": 1}})
    refused = await staff.post(f"/v1/orders/{order['id']}/cancel")
    assert (refused.status_code, refused.json()["type"]) == (409, "/problems/already-shipped")


async def test_a_cancelled_order_does_not_leave(staff: Api, make_product: MakeProduct, make_order: MakeOrder) -> None:
    await make_product("STAYS")
    order = await make_order({"STAYS": 1})
    assert (await staff.post(f"/v1/orders/{order['id']}/cancel")).status_code == 200
    refused = await staff.post(f"/v1/orders/{order['id']}/fulfilments", json={"lines": {"STAYS": 1}})
    assert (refused.status_code, refused.json()["type"]) == (409, "/problems/illegal-transition")


async def test_reading_is_not_cancelling(api: Api, make_product: MakeProduct, make_order: MakeOrder) -> None:
    await make_product("READER")
    order = await make_order({"READER": 1})
    reader = api.as_user(scopes="orders:read")
    assert (await reader.post(f"/v1/orders/{order['id']}/cancel")).status_code == 403
    assert (await api.post(f"/v1/orders/{order['id']}/cancel")).status_code == 401


def test_transitions_lead_to_known_states() -> None:
    for axis in TRANSITIONS.values():
        assert {state for targets in axis.values() for state in targets} <= set(axis)
