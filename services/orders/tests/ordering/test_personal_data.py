"""Who reads orders without the right to personal data sees what was bought, not by whom."""

from collections.abc import Awaitable, Callable
from typing import Any

from common.testing import Api

Make = Callable[..., Awaitable[Any]]


async def test_an_analyst_sees_orders_without_people(api: Api, make_product: Make, make_order: Make) -> None:
    await make_product("MUG-SEEN")
    order = await make_order({"MUG-SEEN": 1})
    analyst = api.as_user(scopes="orders:read", personal_data=False)
    one = (await analyst.get(f"/v1/orders/{order['id']}")).json()
    listed = (await analyst.get("/v1/orders", params={"number": order["number"]})).json()["items"][0]
    for seen in (one, listed):
        assert seen["total"] == order["total"]
        assert seen["email"] == seen["shipping_address"]["name"] == seen["billing_address"]["line1"] == "withheld"
        assert seen["shipping_address"]["country"] == order["shipping_address"]["country"]
        assert order["email"] not in str(seen)


async def test_an_analyst_cannot_look_for_an_address(api: Api) -> None:
    analyst = api.as_user(scopes="orders:read", personal_data=False)
    refused = await analyst.get("/v1/orders", params={"email": "shopper@example.com"})
    assert (refused.status_code, refused.json()["type"]) == (403, "/problems/forbidden")
