"""The acts about an order: from a cart to parcels, mails, alerts and refusals."""

import secrets
from datetime import UTC, datetime
from typing import Any

from quartermaster_demo import shop
from quartermaster_demo.client import Visitor, eventually, login, must
from quartermaster_demo.scene import ADDRESS, Scene, written

SECOND_SKU = "MUG-WHITE"
REORDER_POINT = 5
SCARCE_UNITS = 8  # of 12: four are left, under the reorder point


async def register(scene: Scene) -> Visitor:
    """A shopper makes a login."""
    async with scene.step("register") as said:
        email, password = f"ada-{scene.run}@example.com", secrets.token_urlsafe(12)
        await scene.nobody.post("/v1/auth/register", {"email": email, "password": password, "name": ADDRESS["name"]})
        shopper = await login(scene.client, email, password)
        me = await shopper.get("/v1/me")
        must(me["email"] == email, f"/v1/me must say {email}, not {me['email']}")
        said.append(email)
        return shopper


async def fill_cart(shopper: Visitor, lines: dict[str, int]) -> tuple[Visitor, dict[str, Any]]:
    """A cart with lines, address and shipping; returns who may open it, and the cart."""
    cart = await shopper.post("/v1/carts", {"currency": shop.CURRENCY, "channel": "web", "country": "DE"})
    holder, path = shopper.with_header("Cart-Token", cart["token"]), f"/v1/carts/{cart['id']}"
    for sku, quantity in lines.items():
        await holder.post(f"{path}/lines", {"sku": sku, "quantity": quantity})
    await holder.put(f"{path}/addresses", {"shipping": ADDRESS, "billing": ADDRESS})
    options = await holder.get(f"{path}/shipping-options")
    must(options["items"], "there must be a way to send this cart")
    filled = await holder.put(f"{path}/shipping-option", {"id": options["items"][0]["id"]})
    must(len(filled["lines"]) == len(lines), f"the cart must have {len(lines)} lines: {filled['lines']}")
    return holder, filled


async def check_out(
    holder: Visitor, cart: dict[str, Any], *, card: str, email: str, expect: int, session: str | None = None
) -> Any:  # noqa: ANN401 - a JSON document
    """Order what is in the cart."""
    body = {"email": email, "payment": {"method": "test", "token": card}, "expected_total": cart["total"]}
    body |= {"session_id": session} if session is not None else {}
    return await holder.post(f"/v1/carts/{cart['id']}/checkout", body, expect)


async def order(scene: Scene, shopper: Visitor, *, session: str) -> dict[str, Any]:
    """Cart and checkout of the registered shopper."""
    async with scene.step("cart and checkout") as said:
        holder, cart = await fill_cart(shopper, {shop.PLENTIFUL_SKU: 2, SECOND_SKU: 1})
        order: dict[str, Any] = await check_out(
            holder,
            cart,
            card="approve",
            email=f"ada-{scene.run}@example.com",
            expect=201,
            session=session,
        )
        must(order["total"] == cart["total"], f"ordered {order['total']}, shown {cart['total']}")
        must(order["payment_status"] == "authorised", f"payment is {order['payment_status']}")
        said.append(f"{order['number']}, {written(order['total'])}")
        return order


async def mail(scene: Scene, name: str, template: str, order: dict[str, Any], count: int = 1) -> None:
    """Wait until the shopper has had so many mails of a kind."""
    async with scene.step(name) as said:

        async def sent() -> Any:  # noqa: ANN401 - JSON documents
            found = await scene.staff["support"].get("/v1/messages", order_id=order["id"], template=template)
            mails = [message for message in found["items"] if message["status"] == "sent"]
            return mails if len(mails) >= count else None

        mails = await eventually(f"mail {template} for {order['number']}", sent)
        must(len(mails) == count, f"{count} mails {template} expected, {len(mails)} sent")
        said.append(f"“{mails[0]['subject']}”")


async def ship(
    scene: Scene, order: dict[str, Any], name: str, lines: dict[str, int], fulfilment: str
) -> dict[str, Any]:
    """The warehouse hands a parcel over."""
    async with scene.step(name) as said:
        number = f"DEMO{secrets.token_hex(5).upper()}"
        body = {
            "lines": lines,
            "carrier": "DHL",
            "tracking_number": number,
            "tracking_url": f"https://tracking.example/{number}",
            "weight_grams": 700,
        }
        parcel: dict[str, Any] = await scene.staff["warehouse"].post(f"/v1/orders/{order['id']}/fulfilments", body)
        found = await scene.staff["warehouse"].get(f"/v1/orders/{order['id']}")
        must(
            found["fulfilment_status"] == fulfilment,
            f"fulfilment is {found['fulfilment_status']}, not {fulfilment}",
        )
        said.append(f"{number}, order is {fulfilment}")
        return parcel


async def deliver(scene: Scene, order: dict[str, Any], parcels: list[dict[str, Any]]) -> None:
    """The carrier delivers; by then all of the total is captured."""
    async with scene.step("delivered and paid") as said:
        for parcel in parcels:
            scan = {"status": "delivered", "at": datetime.now(UTC).isoformat()}
            await scene.staff["warehouse"].post(f"/v1/shipments/{parcel['id']}/tracking", scan, 200)

        async def settled() -> Any:  # noqa: ANN401 - a JSON document
            found = await scene.staff["support"].get(f"/v1/orders/{order['id']}")
            done = (found["fulfilment_status"], found["payment_status"]) == ("delivered", "paid")
            return found if done else None

        found = await eventually("delivery and capture", settled)
        must(found["captured"] == order["total"], f"captured {found['captured']}, total {order['total']}")
        said.append(f"captured {written(found['captured'])} of {written(order['total'])}")


async def run_low(scene: Scene) -> dict[str, Any]:
    """A guest takes a SKU under its reorder point, and the warehouse hears of it."""
    sku = shop.SCARCE_SKU
    async with scene.step("second order runs a SKU low") as said:
        point = {"location_id": scene.location, "reorder_point": REORDER_POINT, "safety": 0}
        await scene.staff["warehouse"].put(f"/v1/stock/{sku}/reorder-point", point)
        before = await alerts(scene, sku)
        holder, cart = await fill_cart(scene.nobody, {sku: SCARCE_UNITS})
        order: dict[str, Any] = await check_out(
            holder,
            cart,
            card="approve",
            email=f"guest-{scene.run}@example.com",
            expect=201,
        )
        said.append(f"{order['number']} takes {SCARCE_UNITS} of {sku}")
    async with scene.step("stock.low reaches the warehouse by mail") as said:
        recipient = scene.logins["warehouse"]["email"]

        async def warned() -> Any:  # noqa: ANN401 - JSON documents
            new = [mail for mail in await alerts(scene, sku) if mail["id"] not in {old["id"] for old in before}]
            return [mail for mail in new if mail["recipient"] == recipient and mail["status"] == "sent"]

        (mail,) = await eventually("a mail about low stock", warned)
        said.append(f"“{mail['subject']}” to {recipient}")
    return order


async def alerts(scene: Scene, sku: str) -> list[dict[str, Any]]:
    """Mails about low stock of a SKU."""
    found = await scene.staff["support"].get("/v1/messages", template="stock-low", limit=200)
    return [mail for mail in found["items"] if sku in mail["subject"]]


async def decline(scene: Scene) -> None:
    """A declined card leaves neither an order nor a hold."""
    async with scene.step("a declined card") as said:
        email = f"declined-{scene.run}@example.com"
        before = await scene.level(SECOND_SKU)
        holder, cart = await fill_cart(scene.nobody, {SECOND_SKU: 1})
        refused = await check_out(holder, cart, card="decline", email=email, expect=402)
        must(refused["type"] == "/problems/payment-declined", f"refused as {refused['type']}")
        orders = await scene.staff["support"].get("/v1/orders", email=email)
        must(orders["items"] == [], "a declined card must leave no order")
        after = await scene.level(SECOND_SKU)
        held = (after["reserved"], after["allocated"])
        must(held == (before["reserved"], before["allocated"]), f"a declined card must leave no hold: {after}")
        said.append("402, no order, no hold")


async def cancel(scene: Scene, order: dict[str, Any]) -> None:
    """The second order is called off; its units are for sale again."""
    async with scene.step("cancelled, units for sale again") as said:
        await scene.staff["admin"].post(f"/v1/orders/{order['id']}/cancel", {"reason": "the demo is over"}, 200)

        async def released() -> Any:  # noqa: ANN401 - a JSON document
            level = await scene.level(shop.SCARCE_SKU)
            return level if level["allocated"] == level["reserved"] == 0 else None

        level = await eventually("the release of the cancelled order's units", released)
        said.append(f"{level['available']} of {shop.SCARCE_SKU} available")
