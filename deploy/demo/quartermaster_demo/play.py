"""Plays an order from import to figures, through the gateway alone.

Each step prints what was seen and how long it took; the first answer that is not what it must be ends the play with
exit code 1. It runs as often as you like on the same data.
"""

import argparse
import asyncio
import json
import os
import secrets
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx2

from quartermaster_demo import shop
from quartermaster_demo.client import Visitor, WrongAnswer, eventually, login, must

ADDRESS = {
    "name": "Ada Lovelace",
    "line1": "Torstraße 1",
    "line2": None,
    "city": "Berlin",
    "region": None,
    "postal_code": "10119",
    "country": "DE",
}
SECOND_SKU = "MUG-WHITE"
REORDER_POINT = 5
SCARCE_UNITS = 8  # of 12: four are left, under the reorder point


class Play:
    """What the steps hand on to each other."""

    def __init__(self, client: httpx2.AsyncClient, logins: dict[str, Any]) -> None:
        self.client = client
        self.logins = {user["role"]: user for user in logins["users"]}
        self.run = secrets.token_hex(3)
        self.nobody = Visitor(client)
        self.staff: dict[str, Visitor] = {}
        self.location: str = ""

    @asynccontextmanager
    async def step(self, name: str) -> AsyncIterator[list[str]]:
        """Print a step with its time and what it has to say."""
        said: list[str] = []
        started = time.perf_counter()
        yield said
        print(f"{(time.perf_counter() - started) * 1000:7.0f} ms  {name}: {', '.join(said)}", flush=True)

    # -- the shop -----------------------------------------------------------------------------------------------------

    async def sign_in_staff(self) -> None:
        """Everybody who works here signs in."""
        async with self.step("staff signs in") as said:
            for role in ("admin", "merchandiser", "warehouse", "support", "analyst"):
                user = self.logins[role]
                self.staff[role] = await login(self.client, user["email"], user["password"])
            locations = await self.staff["warehouse"].get("/v1/locations")
            self.location = next(item["id"] for item in locations["items"] if item["code"] == "BER")
            said.append(f"{len(self.staff)} roles, {len(locations['items'])} warehouses")

    async def import_products(self) -> None:
        """The product file comes in again: it updates, it never doubles; its stock counts hold again."""
        async with self.step("import") as said:
            merchandiser = self.staff["merchandiser"]
            before = (await merchandiser.get("/v1/products", count="true", limit=1)).get("total")
            started = await merchandiser.call(
                "POST",
                "/v1/imports",
                202,
                data={"source": "shopify", "currency": shop.CURRENCY, "location": self.location},
                files={"file": ("products.csv", shop.products_csv(), "text/csv")},
            )

            async def ended() -> Any:  # noqa: ANN401 - a JSON document
                found = await merchandiser.get(f"/v1/imports/{started.json()['id']}")
                return found if found["status"] in {"completed", "failed"} else None

            found = await eventually("the end of the import", ended)
            counts = found["counts"]
            must(found["status"] == "completed" and counts["failed"] == 0, f"the import must succeed: {found}")
            after = (await merchandiser.get("/v1/products", count="true", limit=1)).get("total")
            must(before == after, f"a second import must not double: {before} products before, {after} after")
            said.append(
                f"{counts['rows']} rows, {counts['products']} products, {counts['unchanged']} unchanged, 0 failed"
            )

    async def search(self) -> None:
        """A visitor finds a mug by words and by SKU."""
        async with self.step("search") as said:
            by_words = await self.nobody.get("/v1/search", q="enamel mug")
            must(by_words["items"], "a search for 'enamel mug' must find something")
            by_sku = await self.nobody.get("/v1/search", q=shop.PLENTIFUL_SKU)
            product = await self.nobody.get(f"/v1/products/{by_sku['items'][0]['handle']}")
            skus = {variant["sku"] for variant in product["variants"]}
            must(shop.PLENTIFUL_SKU in skus, f"a search for {shop.PLENTIFUL_SKU} must find its product first")
            said.append(f"{len(by_words['items'])} hits for two words, {product['title']} first by SKU")

    # -- an order -----------------------------------------------------------------------------------------------------

    async def register(self) -> Visitor:
        """A shopper makes a login."""
        async with self.step("register") as said:
            email, password = f"ada-{self.run}@example.com", secrets.token_urlsafe(12)
            await self.nobody.post("/v1/auth/register", {"email": email, "password": password, "name": ADDRESS["name"]})
            shopper = await login(self.client, email, password)
            me = await shopper.get("/v1/me")
            must(me["email"] == email, f"/v1/me must say {email}, not {me['email']}")
            said.append(email)
            return shopper

    async def fill_cart(self, shopper: Visitor, lines: dict[str, int]) -> tuple[Visitor, dict[str, Any]]:
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

    async def check_out(self, holder: Visitor, cart: dict[str, Any], *, card: str, email: str, expect: int) -> Any:  # noqa: ANN401 - a JSON document
        """Order what is in the cart."""
        body = {"email": email, "payment": {"method": "test", "token": card}, "expected_total": cart["total"]}
        return await holder.post(f"/v1/carts/{cart['id']}/checkout", body, expect)

    async def order(self, shopper: Visitor) -> dict[str, Any]:
        """Cart and checkout of the registered shopper."""
        async with self.step("cart and checkout") as said:
            holder, cart = await self.fill_cart(shopper, {shop.PLENTIFUL_SKU: 2, SECOND_SKU: 1})
            order: dict[str, Any] = await self.check_out(
                holder,
                cart,
                card="approve",
                email=f"ada-{self.run}@example.com",
                expect=201,
            )
            must(order["total"] == cart["total"], f"ordered {order['total']}, shown {cart['total']}")
            must(order["payment_status"] == "authorised", f"payment is {order['payment_status']}")
            said.append(f"{order['number']}, {_money(order['total'])}")
            return order

    async def mail(self, name: str, template: str, order: dict[str, Any], count: int = 1) -> None:
        """Wait until the shopper has had so many mails of a kind."""
        async with self.step(name) as said:

            async def sent() -> Any:  # noqa: ANN401 - JSON documents
                found = await self.staff["support"].get("/v1/messages", order_id=order["id"], template=template)
                mails = [message for message in found["items"] if message["status"] == "sent"]
                return mails if len(mails) >= count else None

            mails = await eventually(f"mail {template} for {order['number']}", sent)
            must(len(mails) == count, f"{count} mails {template} expected, {len(mails)} sent")
            said.append(f"“{mails[0]['subject']}”")

    async def ship(self, order: dict[str, Any], name: str, lines: dict[str, int], fulfilment: str) -> dict[str, Any]:
        """The warehouse hands a parcel over."""
        async with self.step(name) as said:
            number = f"DEMO{secrets.token_hex(5).upper()}"
            body = {
                "lines": lines,
                "carrier": "DHL",
                "tracking_number": number,
                "tracking_url": f"https://tracking.example/{number}",
                "weight_grams": 700,
            }
            parcel: dict[str, Any] = await self.staff["warehouse"].post(f"/v1/orders/{order['id']}/fulfilments", body)
            found = await self.staff["warehouse"].get(f"/v1/orders/{order['id']}")
            must(
                found["fulfilment_status"] == fulfilment,
                f"fulfilment is {found['fulfilment_status']}, not {fulfilment}",
            )
            said.append(f"{number}, order is {fulfilment}")
            return parcel

    async def deliver(self, order: dict[str, Any], parcels: list[dict[str, Any]]) -> None:
        """The carrier delivers; by then all of the total is captured."""
        async with self.step("delivered and paid") as said:
            for parcel in parcels:
                scan = {"status": "delivered", "at": datetime.now(UTC).isoformat()}
                await self.staff["warehouse"].post(f"/v1/shipments/{parcel['id']}/tracking", scan, 200)

            async def settled() -> Any:  # noqa: ANN401 - a JSON document
                found = await self.staff["support"].get(f"/v1/orders/{order['id']}")
                done = (found["fulfilment_status"], found["payment_status"]) == ("delivered", "paid")
                return found if done else None

            found = await eventually("delivery and capture", settled)
            must(found["captured"] == order["total"], f"captured {found['captured']}, total {order['total']}")
            said.append(f"captured {_money(found['captured'])} of {_money(order['total'])}")

    # -- figures ------------------------------------------------------------------------------------------------------

    async def figures(self) -> dict[str, Any]:
        """Stock and figures as they stand."""
        level = await self.level(shop.PLENTIFUL_SKU)
        kpis = await self.staff["analyst"].get("/v1/metrics/kpis", by="currency", currency=shop.CURRENCY)
        top = await self.staff["analyst"].get("/v1/metrics/products", sort="units", limit=200)
        (row,) = kpis["items"] or [{"orders": 0, "gross": {"amount": 0}}]
        sold = next((item["units"] for item in top["items"] if item["sku"] == shop.PLENTIFUL_SKU), 0)
        return {"on_hand": level["on_hand"], "orders": row["orders"], "gross": row["gross"]["amount"], "sold": sold}

    async def level(self, sku: str) -> Any:  # noqa: ANN401 - a JSON document
        """One SKU at the demo's warehouse."""
        found = await self.staff["warehouse"].get(f"/v1/stock/{sku}")
        return next(level for level in found["locations"] if level["location_id"] == self.location)

    async def figures_moved(self, before: dict[str, Any], order: dict[str, Any]) -> None:
        """Stock, revenue and top products have moved by exactly this order."""
        async with self.step("stock and figures moved") as said:
            wanted = {
                "on_hand": before["on_hand"] - 2,
                "orders": before["orders"] + 1,
                "gross": before["gross"] + order["total"]["amount"],
                "sold": before["sold"] + 2,
            }

            async def moved() -> Any:  # noqa: ANN401 - the figures
                now = await self.figures()
                return now if now == wanted else None

            now = await eventually(f"figures {wanted}", moved)
            said.append(
                f"{now['orders']} orders, {_money({'amount': now['gross'], 'currency': shop.CURRENCY})} gross, "
                f"{shop.PLENTIFUL_SKU}: {now['on_hand']} on hand, {now['sold']} sold"
            )

    # -- alerts and refusals ------------------------------------------------------------------------------------------

    async def run_low(self) -> dict[str, Any]:
        """A guest takes a SKU under its reorder point, and the warehouse hears of it."""
        sku = shop.SCARCE_SKU
        async with self.step("second order runs a SKU low") as said:
            point = {"location_id": self.location, "reorder_point": REORDER_POINT, "safety": 0}
            await self.staff["warehouse"].put(f"/v1/stock/{sku}/reorder-point", point)
            before = await self.alerts(sku)
            holder, cart = await self.fill_cart(self.nobody, {sku: SCARCE_UNITS})
            order: dict[str, Any] = await self.check_out(
                holder,
                cart,
                card="approve",
                email=f"guest-{self.run}@example.com",
                expect=201,
            )
            said.append(f"{order['number']} takes {SCARCE_UNITS} of {sku}")
        async with self.step("stock.low reaches the warehouse by mail") as said:
            recipient = self.logins["warehouse"]["email"]

            async def warned() -> Any:  # noqa: ANN401 - JSON documents
                new = [mail for mail in await self.alerts(sku) if mail["id"] not in {old["id"] for old in before}]
                return [mail for mail in new if mail["recipient"] == recipient and mail["status"] == "sent"]

            (mail,) = await eventually("a mail about low stock", warned)
            said.append(f"“{mail['subject']}” to {recipient}")
        return order

    async def alerts(self, sku: str) -> list[dict[str, Any]]:
        """Mails about low stock of a SKU."""
        found = await self.staff["support"].get("/v1/messages", template="stock-low", limit=200)
        return [mail for mail in found["items"] if sku in mail["subject"]]

    async def decline(self) -> None:
        """A declined card leaves neither an order nor a hold."""
        async with self.step("a declined card") as said:
            email = f"declined-{self.run}@example.com"
            before = await self.level(SECOND_SKU)
            holder, cart = await self.fill_cart(self.nobody, {SECOND_SKU: 1})
            refused = await self.check_out(holder, cart, card="decline", email=email, expect=402)
            must(refused["type"] == "/problems/payment-declined", f"refused as {refused['type']}")
            orders = await self.staff["support"].get("/v1/orders", email=email)
            must(orders["items"] == [], "a declined card must leave no order")
            after = await self.level(SECOND_SKU)
            held = (after["reserved"], after["allocated"])
            must(held == (before["reserved"], before["allocated"]), f"a declined card must leave no hold: {after}")
            said.append("402, no order, no hold")

    async def cancel(self, order: dict[str, Any]) -> None:
        """The second order is called off; its units are for sale again."""
        async with self.step("cancelled, units for sale again") as said:
            await self.staff["admin"].post(f"/v1/orders/{order['id']}/cancel", {"reason": "the demo is over"}, 200)

            async def released() -> Any:  # noqa: ANN401 - a JSON document
                level = await self.level(shop.SCARCE_SKU)
                return level if level["allocated"] == level["reserved"] == 0 else None

            level = await eventually("the release of the cancelled order's units", released)
            said.append(f"{level['available']} of {shop.SCARCE_SKU} available")


def _money(money: dict[str, Any]) -> str:
    return f"{money['amount'] / 100:.2f} {money['currency']}"


async def play(gateway: str, logins: dict[str, Any]) -> None:
    """Play every step in order. Raises WrongAnswer."""
    async with httpx2.AsyncClient(base_url=gateway, timeout=30) as client:
        scene = Play(client, logins)
        await scene.sign_in_staff()
        await scene.import_products()
        await scene.search()
        shopper = await scene.register()
        before = await scene.figures()
        order = await scene.order(shopper)
        await scene.mail("mail: order placed", "order-placed", order)
        first = await scene.ship(order, "ships a part", {shop.PLENTIFUL_SKU: 2}, "partial")
        await scene.mail("mail: tracking, and what is still to come", "order-shipped", order)
        second = await scene.ship(order, "ships the rest", {SECOND_SKU: 1}, "fulfilled")
        await scene.mail("mail: the second parcel", "order-shipped", order, count=2)
        await scene.deliver(order, [first, second])
        await scene.figures_moved(before, order)
        low = await scene.run_low()
        await scene.decline()
        await scene.cancel(low)


def main() -> int:
    """Play against the gateway given, or the one that ``make run`` has started."""
    data_dir = os.environ.get("DATA_DIR", ".data")
    parser = argparse.ArgumentParser(prog="quartermaster_demo", description=__doc__)
    parser.add_argument("--gateway", help=f"URL; by default the one in {data_dir}/demo.json")
    parser.add_argument("--logins", default=f"{data_dir}/demo.json", help="file with the demo logins")
    arguments = parser.parse_args()
    try:
        logins = json.loads(Path(arguments.logins).read_text())
    except FileNotFoundError:
        sys.stderr.write(f"There are no demo logins at {arguments.logins}; start the suite first, with `make run`.\n")
        return 2
    started = time.perf_counter()
    try:
        asyncio.run(play(arguments.gateway or logins["gateway"], logins))
    except (WrongAnswer, httpx2.HTTPError) as error:
        sys.stderr.write(f"The demo failed: {type(error).__name__}: {error}\n")
        return 1
    print(f"The demo went through in {time.perf_counter() - started:.1f} s.")
    return 0
