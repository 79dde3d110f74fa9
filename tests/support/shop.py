"""A filled shop on six running services, spoken to through the gateway alone; its databases are only looked at."""

import asyncio
import importlib
import json
import secrets
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx2

from common.database import Database
from common.invariants import run_invariants
from common.testing import Keyring, Platform
from common.testing._keys import NAMES
from common.testing.suite import Suite, until
from quartermaster_demo import shop as demo
from quartermaster_demo.client import Visitor
from tools.verify import Databases, load_groups, verify
from tools.verify.delivery import Backlog

ARRIVE_SECONDS = 30.0
ADDRESS = {
    "name": "Ada Lovelace",
    "line1": "Torstraße 1",
    "city": "Berlin",
    "postal_code": "10119",
    "country": "DE",
}
SHIPPING = "parcel"
RATES = {
    "tax-rates": demo.tax_rates(),
    "shipping-rates": [
        {"id": SHIPPING, "name": "Parcel", "countries": ["DE"], "currency": "EUR", "price": 490},
        *demo.shipping_rates(),
    ],
}
PUBLISHED_TYPES = """
SELECT DISTINCT headers ->> 'ce_type' AS type FROM outbox WHERE published_at IS NOT NULL AND value IS NOT NULL
"""


class Person(Visitor):
    """A visitor who takes any answer where the test asks for it."""

    def __init__(self, client: httpx2.AsyncClient, headers: dict[str, str] | None = None) -> None:
        super().__init__(client, headers)
        self.client, self.headers = client, headers or {}

    def with_header(self, name: str, value: str) -> "Person":
        """The same person with one more header."""
        return Person(self.client, self.headers | {name: value})

    async def ask(self, method: str, path: str, **options: Any) -> httpx2.Response:  # noqa: ANN401 - httpx's options
        """Send a request, with a fresh Idempotency-Key where there may be one, and return whatever is answered."""
        headers = self.headers | dict(options.pop("headers", {}))
        if method == "POST" and not path.startswith("/v1/auth/"):
            headers.setdefault("Idempotency-Key", str(uuid4()))
        return await self.client.request(method, path, headers=headers, **options)


async def sign_in(client: httpx2.AsyncClient, email: str, password: str) -> Person:
    """Get a token and return whoever holds it."""
    form = {"grant_type": "password", "username": email, "password": password}
    answer = await Visitor(client).call("POST", "/v1/auth/token", data=form)
    return Person(client, {"Authorization": f"Bearer {answer.json()['access_token']}"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Cart:
    """A cart that is ready for checkout, and who may open it."""

    id: str
    token: str
    total: dict[str, Any]
    holder: Person


class Shop:
    """What tests do in a shop, as a visitor or as staff."""

    def __init__(self, suite: Suite, client: httpx2.AsyncClient, logins: list[dict[str, str]]) -> None:
        self.suite = suite
        self.client = client
        self.logins = {each["role"]: each for each in logins}
        self.nobody = Person(client)
        self.staff: dict[str, Person] = {}
        self.location = ""

    # -- goods --------------------------------------------------------------------------------------------------------

    async def stocked(self, units: int, *, price: int = 2500, weight_grams: int = 300) -> str:
        """A new SKU with ``units`` in stock, which carts can take already."""
        sku = f"SKU-{secrets.token_hex(4).upper()}"
        await self.add_product(sku, price=price, weight_grams=weight_grams)
        await self.count(sku, units)
        cart = await self.nobody.post("/v1/carts", {"currency": "EUR"})

        async def sells() -> bool:
            added = await self.client.post(
                f"/v1/carts/{cart['id']}/lines", json={"sku": sku}, headers={"Cart-Token": cart["token"]}
            )
            return added.status_code == httpx2.codes.CREATED

        await until(sells)
        return sku

    async def add_product(
        self, sku: str, *, price: int = 2500, weight_grams: int = 300, status: str = "published"
    ) -> dict[str, Any]:
        """A product of one variant."""
        variant = {"sku": sku, "prices": [{"amount": price, "currency": "EUR"}], "weight_grams": weight_grams}
        body = {"title": f"Article {sku}", "handle": sku.lower(), "status": status, "variants": [variant]}
        made: dict[str, Any] = await self.staff["admin"].post("/v1/products", body)
        return made

    async def count(self, sku: str, units: int) -> None:
        """Say how many lie in the warehouse."""
        body = {"location_id": self.location, "count": units, "reason": "stock-taking"}
        await self.staff["admin"].post(f"/v1/stock/{sku}/adjustments", body)

    async def level(self, sku: str) -> dict[str, Any]:
        """What the warehouse has of it."""
        found = await self.staff["admin"].get(f"/v1/stock/{sku}")
        level: dict[str, Any] = next(each for each in found["locations"] if each["location_id"] == self.location)
        return level

    async def moved(self, sku: str, **wanted: int) -> dict[str, Any]:
        """Wait until the level has these figures."""

        async def as_wanted() -> dict[str, Any] | None:
            level = await self.level(sku)
            return level if level | wanted == level else None

        found: dict[str, Any] = await until(as_wanted)
        return found

    # -- shoppers -----------------------------------------------------------------------------------------------------

    async def customer(self) -> tuple[Person, dict[str, Any]]:
        """Somebody who has just registered and signed in, and what ``/v1/me`` says of them."""
        email, password = f"{secrets.token_hex(5)}@example.com", secrets.token_urlsafe(12)
        await self.nobody.post("/v1/auth/register", {"email": email, "password": password, "name": "A Shopper"})
        visitor = await sign_in(self.client, email, password)
        return visitor, await visitor.get("/v1/me")

    async def cart(self, lines: Mapping[str, int], *, of: Person | None = None) -> Cart:
        """A cart with address and shipping."""
        visitor = of or self.nobody
        made = await visitor.post("/v1/carts", {"currency": "EUR", "country": "DE"})
        holder, path = visitor.with_header("Cart-Token", made["token"]), f"/v1/carts/{made['id']}"
        for sku, quantity in lines.items():
            await holder.post(f"{path}/lines", {"sku": sku, "quantity": quantity})
        await holder.put(f"{path}/addresses", {"shipping": ADDRESS})
        filled = await holder.put(f"{path}/shipping-option", {"id": SHIPPING})
        return Cart(id=made["id"], token=made["token"], total=filled["total"], holder=holder)

    async def check_out(
        self, cart: Cart, *, card: str = "approve", key: str | None = None, email: str = "guest@example.com"
    ) -> httpx2.Response:
        """Order what is in a cart as its guest; any answer will do."""
        body = {"email": email, "payment": {"method": "test", "token": card}, "expected_total": cart.total}
        headers = {"Cart-Token": cart.token, "Idempotency-Key": key or str(uuid4())}
        return await self.client.post(f"/v1/carts/{cart.id}/checkout", json=body, headers=headers)

    async def order(self, lines: Mapping[str, int], *, email: str = "guest@example.com") -> dict[str, Any]:
        """A guest's order."""
        answer = await self.check_out(await self.cart(lines), email=email)
        assert answer.status_code == httpx2.codes.CREATED, answer.text
        placed: dict[str, Any] = answer.json()
        return placed

    async def orders_of(self, email: str) -> list[dict[str, Any]]:
        """What staff find under an address."""
        found = await self.staff["admin"].get("/v1/orders", email=email, limit=200)
        items: list[dict[str, Any]] = found["items"]
        return items

    async def hold(self, sku: str, units: int) -> str:
        """Hold stock as a checkout does that dies before it pays: the one call here that is not the gateway's."""
        held = str(uuid4())
        body = {"id": held, "lines": [{"sku": sku, "quantity": units}], "ttl_seconds": 900}
        headers = {"Authorization": f"Bearer {self.suite.service_token('orders', 'inventory')}"}
        url = f"{self.suite.url('inventory')}/internal/reservations"
        answer = await self.client.post(url, json=body, headers=headers)
        assert answer.status_code == httpx2.codes.OK, answer.text
        return held

    async def expired(self, held: str) -> None:
        """Wait until a hold has ended by time."""

        async def ended() -> bool:
            sql = "SELECT state FROM reservation WHERE id = $1::text::uuid"
            (row,) = await self.suite.rows("inventory", sql, held)
            return bool(row["state"] == "expired")

        await until(ended)

    # -- the suite as a whole -----------------------------------------------------------------------------------------

    async def move_time(self, by: str) -> None:
        """Move the business time of all services, by an ISO 8601 duration."""
        await self.staff["admin"].post("/v1/test-clock", {"advance": by}, 200)

    async def settle(self) -> None:
        """Wait until everything announced so far has arrived at everyone who listens."""
        async with Databases.open(self.suite.databases) as databases:
            backlog = await Backlog.note(databases, load_groups())
            assert await backlog.wait(ARRIVE_SECONDS), (backlog.unpublished, backlog.lost())

    async def complaints(self) -> list[str]:
        """Wait until all has arrived, then list whatever does not hold, in a service or between them."""
        async with Databases.open(self.suite.databases) as databases:
            findings = await verify(databases, load_groups())
        between = [f"{each.name}: {violation}" for each in findings for violation in each.violations]
        own = await asyncio.gather(*(self._broken_in(name) for name in NAMES))
        return between + [complaint for complaints in own for complaint in complaints]

    async def _broken_in(self, name: str) -> list[str]:
        service = importlib.import_module(f"{name}.app").SERVICE
        database = Database.open(self.suite.databases[name], service=name, test_clock=True, pool_size=2)
        try:
            return [f"{name}: {each}" for each in await run_invariants(database, service.invariants)]
        finally:
            await database.close()

    async def deadlocks(self) -> int:
        """How many PostgreSQL has seen in the suite's databases."""
        names = [url.rpartition("/")[2] for url in self.suite.databases.values()]
        sql = "SELECT sum(deadlocks)::int AS seen FROM pg_stat_database WHERE datname = ANY($1)"
        (row,) = await self.suite.rows("orders", sql, names)
        seen: int = row["seen"]
        return seen

    async def announced_types(self) -> set[str]:
        """Types of all events that reached the broker."""
        await self.suite.quiet()
        return {row["type"] for name in NAMES for row in await self.suite.rows(name, PUBLISHED_TYPES)}

    # -- opening ------------------------------------------------------------------------------------------------------

    async def fill(self) -> None:
        """Staff sign in; rates and warehouses are written down."""
        for role in ("admin", "merchandiser", "warehouse", "support", "analyst"):
            self.staff[role] = await sign_in(self.client, self.logins[role]["email"], self.logins[role]["password"])
        admin = self.staff["admin"]
        for path, rates in RATES.items():
            etag = (await admin.call("GET", f"/v1/{path}")).headers["etag"]
            await admin.call("PUT", f"/v1/{path}", json={"rates": rates}, headers={"If-Match": etag})
        made = [
            await admin.post(
                "/v1/locations",
                {name: place[name] for name in ("code", "name", "priority")} | {"country": place["address"]["country"]},
            )
            for place in demo.locations()
        ]
        self.location = made[0]["id"]


def _staff() -> list[dict[str, str]]:
    return [{**member, "password": secrets.token_urlsafe(12)} for member in demo.staff()]  # type: ignore[dict-item] # all strings


@asynccontextmanager
async def open_shop(
    platform: Platform, keyring: Keyring, folder: Path, seen: set[str], *, settings: Mapping[str, str] | None = None
) -> AsyncIterator[Shop]:
    """Six services and a filled shop for the block; the event types that it announced are added to ``seen``."""
    logins = _staff()
    async with (
        Suite(platform, keyring, folder, settings=settings) as suite,
        httpx2.AsyncClient(base_url=suite.gateway, timeout=40) as client,
    ):
        lines = "".join(json.dumps(each) + "\n" for each in logins)
        status, said = await suite.run("gateway", "create-users", stdin=lines.encode())
        assert status == 0, said
        shop = Shop(suite, client, logins)
        await shop.fill()
        yield shop
        seen |= await shop.announced_types()


def minutes(count: float) -> str:
    """Write a duration as the test clock takes it."""
    return f"PT{int(timedelta(minutes=count).total_seconds())}S"
