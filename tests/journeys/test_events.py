"""An event that comes twice, late or out of order leaves the same state; and what is announced in silence."""

import asyncio
from typing import Any

from common.testing.suite import until
from tests.support.broker import Record, place_of, published, send, unsay
from tests.support.shop import Shop, minutes

FOLLOWERS = ("inventory", "metrics", "notifications")
REWIND = "UPDATE consumer_offset SET next = 0 WHERE topic LIKE $1 RETURNING 1"
FORGET_CLAIMS = "DELETE FROM inbox WHERE consumer LIKE '%.products' RETURNING 1"
MESSAGES = (
    "SELECT template, status, count(*) AS many FROM message WHERE order_id::text = $1 GROUP BY 1, 2 ORDER BY 1, 2"
)
FACTS = "SELECT count(*) AS facts FROM fact_event"
SET_OFFSET = """
INSERT INTO consumer_offset ("group", topic, partition, next) VALUES ($1, $2, $3, $4)
ON CONFLICT ("group", topic, partition) DO UPDATE SET next = excluded.next
"""
CUSTOMER = "SELECT name, version FROM customer WHERE id = $1::text::uuid"


async def ship(shop: Shop, order: dict[str, Any], lines: dict[str, int]) -> dict[str, Any]:
    """Hand a parcel over."""
    parcel: dict[str, Any] = await shop.staff["warehouse"].post(
        f"/v1/orders/{order['id']}/fulfilments", {"lines": lines, "weight_grams": 500}
    )
    return parcel


async def effects_of(shop: Shop, sku: str, order: dict[str, Any]) -> list[Any]:
    """What an order has left behind in every service."""
    analyst, level = shop.staff["analyst"], await shop.level(sku)
    figures = await analyst.get("/v1/metrics/kpis", by="currency")
    top = await analyst.get("/v1/metrics/products", limit=200)
    return [
        {name: level[name] for name in ("on_hand", "reserved", "allocated", "available")},
        figures["items"],
        [each for each in top["items"] if each["sku"] == sku],
        [tuple(row) for row in await shop.suite.rows("notifications", MESSAGES, order["id"])],
        [tuple(row) for row in await shop.suite.rows("metrics", FACTS)],
        await shop.staff["support"].get(f"/v1/orders/{order['id']}"),
    ]


async def an_order_with_a_past(shop: Shop, sku: str) -> dict[str, Any]:
    """Placed, shipped in part, captured for that part, and all of its mail sent."""
    order = await shop.order({sku: 3})
    await ship(shop, order, {sku: 1})

    async def captured_and_told() -> bool:
        found = await shop.staff["support"].get(f"/v1/orders/{order['id']}")
        mails = [tuple(row) for row in await shop.suite.rows("notifications", MESSAGES, order["id"])]
        return found["payment_status"] == "partly_paid" and mails == [
            ("order-placed", "sent", 1),
            ("order-shipped", "sent", 1),
        ]

    await until(captured_and_told)
    await shop.settle()
    return order


async def test_an_event_that_comes_twice_has_its_effect_once(shop: Shop) -> None:
    """Every event of an order is put on the topic again, in its order, as a relay does that lost its own note."""
    sku = await shop.stocked(10)
    order = await an_order_with_a_past(shop, sku)
    before = await effects_of(shop, sku, order)

    await send(shop.suite, await published(shop.suite, "orders", key=order["id"]))

    await shop.settle()
    assert await effects_of(shop, sku, order) == before
    assert before[0] == {"on_hand": 9, "reserved": 0, "allocated": 2, "available": 7}


async def test_a_topic_read_from_its_beginning_changes_nothing(shop: Shop) -> None:
    """Offsets went back to zero, as after a database was put back; projections have forgotten their claims as well."""
    sku = await shop.stocked(10)
    order = await an_order_with_a_past(shop, sku)
    await shop.settle()
    before = await effects_of(shop, sku, order)
    orders_products = "SELECT sku, title, prices::text, channels FROM variant ORDER BY sku, product_id"
    read_model = [tuple(row) for row in await shop.suite.rows("orders", orders_products)]
    await asyncio.gather(*(shop.suite.stop(name) for name in (*FOLLOWERS, "orders")))
    for name in FOLLOWERS:
        assert await shop.suite.rows(name, REWIND, "%.orders.order.v1")
    for name in ("inventory", "orders"):
        assert await shop.suite.rows(name, FORGET_CLAIMS)
        assert await shop.suite.rows(name, REWIND, "%.catalog.product.v1")

    await shop.suite.start(*FOLLOWERS, "orders")

    (last,) = (await published(shop.suite, "orders", key=order["id"]))[-1:]
    await send(shop.suite, [last])  # groups that are past this one have read all before it
    await shop.settle()
    assert await effects_of(shop, sku, order) == before
    assert [tuple(row) for row in await shop.suite.rows("orders", orders_products)] == read_model


async def test_a_late_snapshot_does_not_bring_an_old_price_back(shop: Shop) -> None:
    """State of long ago, under an id that nobody has claimed: projections go by its sequence."""
    sku = await shop.stocked(10, price=2500)
    staff, path = shop.staff["admin"], f"/v1/products/{sku.lower()}"
    etag = (await staff.call("GET", path)).headers["etag"]
    change = {"variants": [{"sku": sku, "prices": [{"amount": 2700, "currency": "EUR"}], "weight_grams": 300}]}
    product = (await staff.call("PATCH", path, json=change, headers={"If-Match": etag})).json()
    cart = await shop.cart({sku: 1})

    async def price() -> int:
        amount: int = (await cart.holder.get(f"/v1/carts/{cart.id}"))["lines"][0]["unit_price"]["amount"]
        return amount

    async def raised() -> bool:
        return await price() == 2700

    await until(raised)
    created = (await published(shop.suite, "catalog", key=product["id"], kind="product.created"))[0]

    late = created.as_another()
    await send(shop.suite, [late])

    assert await price() == 2700
    await unsay(shop.suite, [late])


async def test_a_login_s_events_out_of_order_leave_the_last_name(shop: Shop) -> None:
    """The third word on a login comes before the second; the customer goes by the third."""
    _, me = await shop.customer()

    async def known() -> list[Record]:
        await shop.settle()
        return await published(shop.suite, "gateway", key=me["id"])

    (first,) = await known()
    third = first.as_another(sequence=3, name="Third Name")
    second = first.as_another(sequence=2, name="Second Name")

    await send(shop.suite, [third, second])

    (customer,) = await shop.suite.rows("orders", CUSTOMER, me["id"])
    assert (customer["name"], customer["version"]) == ("Third Name", 2)
    (update,) = await published(shop.suite, "orders", key=me["id"], kind="customer.updated")
    await place_of(shop.suite, update.topic, update.headers["ce_id"])
    await unsay(shop.suite, [third, second])


async def test_a_confirmed_hold_outlives_its_time_while_nobody_listens(shop: Shop) -> None:
    """Inventory's consumers stand still for half an hour: what was paid for is not sold again.

    Then they catch up; a cancellation that is read before the order itself leaves nothing put aside.
    """
    suite, sku = shop.suite, await shop.stocked(3)
    other_sku, third_sku = await shop.stocked(2), await shop.stocked(1)
    await shop.settle()
    await suite.stop("inventory")
    await suite.start("inventory", roles="http,relay,jobs")
    await shop.order({sku: 3})
    called_off = await shop.order({other_sku: 2})
    await shop.staff["admin"].post(f"/v1/orders/{called_off['id']}/cancel", {"reason": "changed my mind"}, 200)

    forgotten = await shop.hold(third_sku, 1)  # nobody confirms this one: where it ends by time, all would

    await shop.move_time(minutes(31))
    await shop.expired(forgotten)

    refused = await shop.check_out(await shop.cart({sku: 1}))
    assert (refused.status_code, refused.json()["type"]) == (409, "/problems/out-of-stock")
    await shop.moved(sku, reserved=3, allocated=0)

    await _cancellation_first(shop, called_off)
    await shop.moved(sku, reserved=0, allocated=3)
    await shop.moved(other_sku, reserved=0, allocated=0, available=2)
    assert await shop.complaints() == []


async def _cancellation_first(shop: Shop, order: dict[str, Any]) -> None:
    """Start inventory's consumers behind the order's first event, then let them read from before it."""
    suite = shop.suite
    await suite.quiet()
    placed, cancelled = await published(suite, "orders", key=order["id"])
    assert [each.headers["ce_type"] for each in (placed, cancelled)] == ["order.placed", "order.cancelled"]
    partition, offset = await place_of(suite, placed.topic, placed.headers["ce_id"])
    stored = "SELECT next FROM consumer_offset WHERE topic = $1 AND partition = $2"
    rows = await suite.rows("inventory", stored, f"{suite.namespace}.{placed.topic}", partition)
    before = rows[0]["next"] if rows else 0
    place = (f"{suite.namespace}.inventory.orders", f"{suite.namespace}.{placed.topic}", partition)
    claimed = "SELECT 1 FROM inbox WHERE consumer = 'inventory.orders' AND event_id::text = $1"
    for start, event in ((offset + 1, cancelled), (before, placed)):
        await suite.stop("inventory")
        await suite.rows("inventory", SET_OFFSET, *place, start)
        await suite.start("inventory")

        async def read(event: Record = event) -> bool:
            return bool(await suite.rows("inventory", claimed, event.headers["ce_id"]))

        await until(read)


async def test_a_cart_is_announced_once_it_has_been_quiet(shop: Shop) -> None:
    """Not at each click: after a minute, and once."""
    sku = await shop.stocked(10)
    cart = await shop.cart({sku: 2})
    assert await published(shop.suite, "orders", key=cart.id) == []

    await shop.move_time(minutes(1))

    async def announced() -> list[Record]:
        return await published(shop.suite, "orders", key=cart.id, kind="cart.updated")

    (event,) = await until(announced)
    assert sku.encode() in event.value


async def test_a_mail_that_no_server_can_take_fails_aloud(shop: Shop) -> None:
    """An address that is none: the order stands, its mail has failed, and that is an event."""
    sku = await shop.stocked(1)
    order = await shop.order({sku: 1}, email="two..dots@example.com")

    async def failed() -> list[dict[str, Any]]:
        found = await shop.staff["support"].get("/v1/messages", order_id=order["id"])
        return [each for each in found["items"] if each["status"] == "failed"]

    (message,) = await until(failed)

    async def told() -> list[Record]:
        return await published(shop.suite, "notifications", key=message["id"], kind="message.failed")

    assert await until(told)


async def test_stock_is_called_low_out_and_replenished_once(shop: Shop) -> None:
    """Once for each crossing, however often the level moves beyond it."""
    sku = await shop.stocked(6)
    point = {"location_id": shop.location, "reorder_point": 3, "safety": 0}
    await shop.staff["warehouse"].put(f"/v1/stock/{sku}/reorder-point", point)
    for units in (3, 2, 0, 1, 3, 4):
        await shop.count(sku, units)
    await shop.suite.quiet()

    found = await published(shop.suite, "inventory")

    alerts = [
        each.headers["ce_type"]
        for each in found
        if each.topic.endswith("stock-alert.v1") and sku.encode() in each.value
    ]
    assert alerts == ["stock.low", "stock.out", "stock.replenished"]
