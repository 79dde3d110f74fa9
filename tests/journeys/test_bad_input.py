"""Bad input is a 4xx problem that points at what is wrong, and nothing has changed."""

from dataclasses import dataclass, field
from typing import Any

import pytest

from common.testing._keys import NAMES
from tests.support.shop import ADDRESS, Shop

COUNTED = """
SELECT table_name AS name FROM information_schema.tables WHERE table_schema = 'public' AND table_type = 'BASE TABLE'
    AND table_name NOT IN ('inbox', 'consumer_offset', 'alembic_version', 'idempotency_key', 'checkout')
    AND table_name NOT LIKE 'pgqueuer%'
"""
MOON = ADDRESS | {"country": "D"}
NEWCOMER = {"email": "x@example.com", "password": "long-enough-word", "name": "X"}
PAYMENT = {"method": "test", "token": "approve"}


@dataclass(frozen=True)
class Bad:
    """A request that is wrong, who sends it, and what is said of it."""

    method: str
    path: str
    body: Any = None
    pointer: str | None = None
    status: int = 422
    who: str = "admin"
    headers: dict[str, str] = field(default_factory=dict)


def variant(**changes: object) -> dict[str, object]:
    return {"sku": "NEW-1", "prices": [{"amount": 100, "currency": "EUR"}]} | changes


REQUESTS = (
    Bad("POST", "/v1/products", {}, "/title"),
    Bad("POST", "/v1/products", {"title": "T", "colour": "red"}, "/colour"),
    Bad("POST", "/v1/products", {"title": "T\x00"}, "/title"),
    Bad("POST", "/v1/products", {"title": 7}, "/title"),
    Bad("POST", "/v1/products", {"title": "T", "variants": [variant(sku="a/b")]}, "/variants/0/sku"),
    Bad("POST", "/v1/products", {"title": "T", "variants": [variant(weight_grams=-1)]}, "/variants/0/weight_grams"),
    Bad(
        "POST",
        "/v1/products",
        {"title": "T", "variants": [variant(prices=[{"amount": 1.5, "currency": "EUR"}])]},
        "/variants/0/prices/0/amount",
    ),
    Bad(
        "POST",
        "/v1/products",
        {"title": "T", "variants": [variant(prices=[{"amount": 1, "currency": "euro"}])]},
        "/variants/0/prices/0/currency",
    ),
    Bad("PATCH", "/v1/products/{product}", {"status": "sold"}, "/status", headers={"If-Match": '"1"'}),
    Bad("PATCH", "/v1/products/{product}", {"title": "T"}, None, 400, headers={"If-Match": "one"}),
    Bad("GET", "/v1/products?limit=0", None, "/query/limit"),
    Bad("GET", "/v1/products?after=nonsense", None, None, 400),
    Bad("GET", "/v1/search?q=mug&price_min=-1", None, "/query/price_min"),
    Bad("POST", "/v1/categories", {"title": ""}, "/title"),
    Bad("POST", "/v1/locations", {"name": "X", "code": "low", "country": "DE"}, "/code"),
    Bad("POST", "/v1/stock/{sku}/adjustments", {"delta": 1, "reason": "x"}, "/location_id"),
    Bad("POST", "/v1/stock/{sku}/adjustments", {"location_id": "{location}", "delta": True, "reason": "x"}, "/delta"),
    Bad("POST", "/v1/stock/{sku}/adjustments", {"location_id": "{location}", "delta": 2**70, "reason": "x"}, "/delta"),
    Bad("POST", "/v1/stock/{sku}/adjustments", {"location_id": "{location}", "count": -1, "reason": "x"}, "/count"),
    Bad("POST", "/v1/stock/{sku}/adjustments", {"location_id": "{location}", "delta": -1000, "reason": "x"}, None, 409),
    Bad("PUT", "/v1/stock/{sku}/reorder-point", {"location_id": "{location}", "reorder_point": -1}, "/reorder_point"),
    Bad("POST", "/v1/carts", {"currency": "eur"}, "/currency", who="guest"),
    Bad("POST", "/v1/carts", {"channel": "moon"}, "/channel", who="guest"),
    Bad("POST", "/v1/carts", {"country": "ZZ"}, "/country", who="guest"),
    Bad("POST", "/v1/carts/{cart}/lines", {"sku": "{sku}", "quantity": 0}, "/quantity", who="guest"),
    Bad("POST", "/v1/carts/{cart}/lines", {"sku": "{sku}", "quantity": "2"}, "/quantity", who="guest"),
    Bad("POST", "/v1/carts/{cart}/lines", {"sku": "{sku}", "quantity": True}, "/quantity", who="guest"),
    Bad("POST", "/v1/carts/{cart}/lines", {"sku": "NOT-SOLD-HERE"}, "/sku", 409, who="guest"),
    Bad("POST", "/v1/carts/not-an-id/lines", {"sku": "{sku}"}, "/path/cart_id", who="guest"),
    Bad("PUT", "/v1/carts/{cart}/addresses", {"shipping": MOON}, "/shipping/country", who="guest"),
    Bad("PUT", "/v1/carts/{cart}/addresses", {"shipping": ADDRESS | {"city": " "}}, "/shipping/city", who="guest"),
    Bad("PUT", "/v1/carts/{cart}/shipping-option", {"id": "rocket"}, "/id", 409, who="guest"),
    Bad("POST", "/v1/carts/{cart}/checkout", {"email": "nobody", "payment": PAYMENT}, "/email", who="guest"),
    Bad("POST", "/v1/carts/{cart}/checkout", {"email": "a@example.com"}, "/payment", who="guest"),
    Bad(
        "POST",
        "/v1/carts/{cart}/checkout",
        {"email": "a@example.com", "payment": PAYMENT | {"token": "rob"}},
        "/payment/token",
        who="guest",
    ),
    Bad(
        "POST",
        "/v1/carts/{cart}/checkout",
        {"email": "a@example.com", "payment": PAYMENT, "expected_total": {"amount": -1, "currency": "EUR"}},
        "/expected_total/amount",
        who="guest",
    ),
    Bad(
        "POST",
        "/v1/carts/{cart}/checkout",
        {"email": "a@example.com", "payment": PAYMENT},
        None,
        400,
        who="guest",
        headers={"Idempotency-Key": ""},
    ),
    Bad("GET", "/v1/orders?status=gone", None, "/query/status"),
    Bad("GET", "/v1/orders?placed_from=yesterday", None, "/query/placed_from"),
    Bad("POST", "/v1/orders/{order}/fulfilments", {"lines": {}}, "/lines"),
    Bad("POST", "/v1/orders/{order}/fulfilments", {"lines": {"{sku}": 0}}, "/lines/0/quantity"),
    Bad("POST", "/v1/orders/{order}/fulfilments", {"lines": {"{sku}": 99}}, None, 409),
    Bad(
        "POST",
        "/v1/orders/{order}/fulfilments",
        {"lines": {"{sku}": 1}, "tracking_url": "javascript:x"},
        "/tracking_url",
    ),
    Bad("POST", "/v1/orders/{order}/cancel", {"reason": "x" * 3000}, "/reason"),
    Bad("PUT", "/v1/tax-rates", {"rates": [{"country": "DE"}]}, "/rates/0/class", headers={"If-Match": '"1"'}),
    Bad("PUT", "/v1/shipping-rates", {"rates": 5}, "/rates", headers={"If-Match": '"1"'}),
    Bad("POST", "/v1/auth/register", NEWCOMER | {"email": "x"}, "/email", who="guest"),
    Bad(
        "POST",
        "/v1/auth/register",
        NEWCOMER | {"password": "short"},
        "/password",
        who="guest",
    ),
    Bad(
        "POST",
        "/v1/users",
        NEWCOMER | {"role": "king"},
        "/role",
    ),
    Bad("POST", "/v1/test-clock", {"advance": "-PT1H"}, "/advance"),
    Bad("GET", "/v1/metrics/kpis?from=someday", None, "/query/from"),
    Bad("GET", "/v1/messages?limit=1000", None, "/query/limit"),
)


@pytest.fixture(scope="module")
async def things(shop: Shop) -> dict[str, str]:
    """What the requests are about."""
    sku = await shop.stocked(10)
    order = await shop.order({sku: 2})
    cart = await shop.cart({sku: 1})
    product = await shop.nobody.get(f"/v1/products/{sku.lower()}")
    await shop.settle()
    return {
        "sku": sku,
        "order": order["id"],
        "cart": cart.id,
        "token": cart.token,
        "product": product["id"],
        "location": shop.location,
    }


def fill(value: Any, things: dict[str, str]) -> Any:  # noqa: ANN401 - a path or a body
    if isinstance(value, dict):
        return {fill(name, things): fill(each, things) for name, each in value.items()}
    if isinstance(value, list):
        return [fill(each, things) for each in value]
    return value.format(**things) if isinstance(value, str) and value.count("{") == 1 else value


SETTLED = {"outbox": " WHERE topic <> 'orders.cart.v1'"}  # earlier journeys' carts are announced once they are quiet


async def counts(shop: Shop) -> dict[str, int]:
    """How many rows each table has."""
    found: dict[str, int] = {}
    for name in NAMES:
        if name in {"metrics", "notifications"}:
            continue  # they follow the others in their own time
        tables = [row["name"] for row in await shop.suite.rows(name, COUNTED)]
        parts = [f"SELECT '{table}' AS name, count(*) AS rows FROM {table}{SETTLED.get(table, '')}" for table in tables]  # noqa: S608 - names of tables
        found |= {
            f"{name}.{row['name']}": row["rows"] for row in await shop.suite.rows(name, " UNION ALL ".join(parts))
        }
    return found


async def state_of(shop: Shop, things: dict[str, str]) -> list[Any]:
    """What the requests could have changed, as staff and shopper see it."""
    staff, guest = shop.staff["admin"], shop.nobody.with_header("Cart-Token", things["token"])
    return [
        await staff.get(f"/v1/products/{things['product']}"),
        await staff.get(f"/v1/stock/{things['sku']}"),
        await guest.get(f"/v1/carts/{things['cart']}"),
        await staff.get(f"/v1/orders/{things['order']}"),
        await staff.get("/v1/tax-rates"),
        await staff.get("/v1/shipping-rates"),
    ]


async def test_bad_input_is_pointed_at_and_changes_nothing(shop: Shop, things: dict[str, str]) -> None:
    """Each request of the table, and at the end the shop is as before."""
    await shop.moved(things["sku"], allocated=2, reserved=0)
    before, rows = await state_of(shop, things), await counts(shop)
    visitors = {"admin": shop.staff["admin"], "guest": shop.nobody.with_header("Cart-Token", things["token"])}
    wrong = []
    for bad in REQUESTS:
        answer = await visitors[bad.who].ask(
            bad.method, fill(bad.path, things), json=fill(bad.body, things), headers=bad.headers
        )
        problem = answer.json()
        pointers = [each["pointer"] for each in problem.get("errors", [])]
        said = (answer.status_code, answer.headers["content-type"], problem.get("status"))
        if said != (bad.status, "application/problem+json", bad.status) or (
            bad.pointer and bad.pointer not in pointers
        ):
            wrong.append((bad, answer.status_code, problem))

    assert wrong == []
    assert await state_of(shop, things) == before
    assert await counts(shop) == rows


async def test_what_is_no_json_is_400_or_415(shop: Shop, things: dict[str, str]) -> None:
    """Neither broken syntax, nor deep nesting, nor another kind of body gets past the door."""
    guest, path = shop.nobody.with_header("Cart-Token", things["token"]), f"/v1/carts/{things['cart']}/lines"
    bodies = {
        b'{"sku": ': "application/json",
        b"[" * 100_000: "application/json",
        b"sku=MUG": "application/x-www-form-urlencoded",
        b"\xff\xfe": "application/json",
        b'{"sku": "\\ud800", "quantity": 1}': "application/json",
    }
    for body, kind in bodies.items():
        answer = await guest.ask("POST", path, content=body, headers={"Content-Type": kind})
        assert answer.status_code in {400, 409, 415, 422}, (body[:20], answer.text)
        assert answer.headers["content-type"] == "application/problem+json"
    large = await guest.ask("POST", path, content=b" " * (2 << 20), headers={"Content-Type": "application/json"})
    assert large.status_code == 413
