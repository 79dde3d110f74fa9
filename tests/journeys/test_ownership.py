"""What is not yours is not there."""

from typing import Any

import pytest

from tests.support.shop import ADDRESS, Cart, Person, Shop

NOT_THERE = {
    ("GET", "/v1/carts/{cart}"): None,
    ("POST", "/v1/carts/{cart}/lines"): {"sku": "{sku}", "quantity": 1},
    ("PATCH", "/v1/carts/{cart}/lines/{line}"): {"quantity": 3},
    ("DELETE", "/v1/carts/{cart}/lines/{line}"): None,
    ("PUT", "/v1/carts/{cart}/addresses"): {"shipping": ADDRESS},
    ("GET", "/v1/carts/{cart}/shipping-options"): None,
    ("PUT", "/v1/carts/{cart}/shipping-option"): {"id": "parcel"},
    ("POST", "/v1/carts/{cart}/checkout"): {
        "email": "me@example.com",
        "payment": {"method": "test", "token": "approve"},
    },
    ("GET", "/v1/orders/{order}"): None,
    ("GET", "/v1/orders/{order}/shipments"): None,
    ("POST", "/v1/orders/{order}/cancel"): {"reason": "mine now"},
    ("GET", "/v1/me/addresses/{address}"): None,
    ("PUT", "/v1/me/addresses/{address}"): ADDRESS,
    ("DELETE", "/v1/me/addresses/{address}"): None,
}
SIGNED_IN_ONLY = ("/v1/me/", "/cancel")


class Belongings:
    """What somebody has in the shop: an open cart, an order, an address."""

    def __init__(self, owner: Person, me: dict[str, Any], open_cart: Cart, ids: dict[str, str]) -> None:
        self.owner, self.me, self.cart, self.ids = owner, me, open_cart, ids

    def fill(self, value: Any) -> Any:  # noqa: ANN401 - a path or a body
        """Put our ids where the table has names."""
        if isinstance(value, dict):
            return {name: self.fill(each) for name, each in value.items()}
        return value.format(**self.ids) if isinstance(value, str) else value


@pytest.fixture
async def belongings(shop: Shop) -> Belongings:
    """A registered shopper's."""
    owner, me = await shop.customer()
    sku = await shop.stocked(10)
    ordered = await shop.cart({sku: 1}, of=owner)
    body = {"email": me["email"], "payment": {"method": "test", "token": "approve"}}
    order = await ordered.holder.post(f"/v1/carts/{ordered.id}/checkout", body)
    address = await owner.post("/v1/me/addresses", ADDRESS)
    cart = await shop.cart({sku: 2}, of=owner)
    line = (await cart.holder.get(f"/v1/carts/{cart.id}"))["lines"][0]
    ids = {"cart": cart.id, "line": line["id"], "sku": sku, "order": order["id"], "address": address["id"]}
    return Belongings(owner, me, cart, ids)


async def test_what_belongs_to_another_is_404(shop: Shop, belongings: Belongings) -> None:
    """For a stranger with a login, for one with a cart of their own, and for nobody at all; and nothing has changed."""
    stranger, _ = await shop.customer()
    guest = (await shop.cart({belongings.ids["sku"]: 1})).holder
    visitors = {"stranger": stranger, "guest": guest, "both": Person(shop.client, stranger.headers | guest.headers)}

    async def everything() -> list[Any]:
        owner, ids = belongings.owner, belongings.ids
        return [
            await belongings.cart.holder.get(f"/v1/carts/{ids['cart']}"),
            await owner.get(f"/v1/orders/{ids['order']}"),
            await owner.get(f"/v1/me/addresses/{ids['address']}"),
        ]

    before = await everything()

    for (method, path), body in NOT_THERE.items():
        for name, visitor in visitors.items():
            answer = await visitor.ask(method, belongings.fill(path), json=belongings.fill(body))
            wanted = 401 if name == "guest" and any(part in path for part in SIGNED_IN_ONLY) else 404
            assert answer.status_code == wanted, (method, path, name, answer.text)

    assert await everything() == before


async def test_lists_show_ones_own_alone(shop: Shop, belongings: Belongings) -> None:
    """Orders and addresses of others do not show, asked for by their customer's id or not."""
    stranger, _ = await shop.customer()
    customer_id = belongings.me["id"]

    assert [each["id"] for each in (await belongings.owner.get("/v1/orders"))["items"]] == [belongings.ids["order"]]
    assert [each["id"] for each in (await belongings.owner.get("/v1/me/addresses"))["items"]] == [
        belongings.ids["address"]
    ]
    assert (await stranger.get("/v1/orders"))["items"] == []
    assert (await stranger.get("/v1/orders", customer_id=customer_id))["items"] == []
    assert (await stranger.get("/v1/orders", email=belongings.me["email"]))["items"] == []
    assert (await stranger.get("/v1/me/addresses"))["items"] == []


async def test_a_guest_s_order_is_read_with_the_cart_s_token(shop: Shop) -> None:
    """And with no other, nor without."""
    sku = await shop.stocked(5)
    cart, other = await shop.cart({sku: 1}), await shop.cart({sku: 1})
    order = (await shop.check_out(cart)).json()

    assert (await cart.holder.get(f"/v1/orders/{order['id']}"))["number"] == order["number"]
    assert (await cart.holder.get(f"/v1/orders/{order['id']}/shipments"))["items"] == []
    await other.holder.get(f"/v1/orders/{order['id']}", 404)
    await shop.nobody.get(f"/v1/orders/{order['id']}", 404)


async def test_the_warehouse_s_work_is_not_the_shopper_s(shop: Shop, belongings: Belongings) -> None:
    """Who owns an order can neither ship it nor see the staff's stock; who works here, within the role alone."""
    order, owner = belongings.ids["order"], belongings.owner
    parcel = {"lines": {belongings.ids["sku"]: 1}}
    for visitor, status in ((shop.nobody, 401), (owner, 403), (shop.staff["analyst"], 403)):
        assert (await visitor.ask("POST", f"/v1/orders/{order}/fulfilments", json=parcel)).status_code == status
        assert (await visitor.ask("POST", "/v1/products", json={"title": "Mine"})).status_code == status
    assert "locations" not in await owner.get(f"/v1/stock/{belongings.ids['sku']}")
    assert (await owner.get(f"/v1/orders/{order}"))["fulfilment_status"] == "none"


async def test_a_forged_identity_header_is_dropped(shop: Shop, belongings: Belongings) -> None:
    """Nobody becomes somebody by saying so."""
    forged = {
        "X-Customer-Id": belongings.me["id"],
        "X-User-Id": belongings.me["id"],
        "X-Forwarded-User": belongings.me["email"],
        "X-Scopes": "orders:read",
    }
    answer = await shop.nobody.ask("GET", f"/v1/orders/{belongings.ids['order']}", headers=forged)
    assert answer.status_code == 404


async def test_internal_routes_are_not_there(shop: Shop, belongings: Belongings) -> None:
    """What services ask each other, the world cannot, whatever it calls itself."""
    paths = (
        f"/internal/checkouts/{belongings.ids['order']}",
        "/internal/test-clock",
        "/internal/reservations",
        "/metrics",
    )
    for path in paths:
        for visitor in (shop.nobody, shop.staff["admin"]):
            assert (await visitor.ask("GET", path)).status_code == 404
    detour = await shop.nobody.ask("GET", "/v1/carts/..%2f..%2finternal%2fcheckouts/" + belongings.ids["order"])
    assert detour.status_code in {404, 422}
