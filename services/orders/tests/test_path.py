"""The path of an order, from a product event to an order that can be read."""

from uuid import UUID

from common.testing import Api, EventProbe
from orders.testing import MakeProduct, MakeShopper, told


async def test_a_product_becomes_an_order(
    api: Api, staff: Api, make_product: MakeProduct, make_shopper: MakeShopper, probe: EventProbe
) -> None:
    await make_product("PATH-MUG")
    shopper = await make_shopper({"PATH-MUG": 2})
    cart = await shopper.cart()
    assert cart["total"] == {"amount": 2 * 1999 + 490, "currency": "EUR"}

    placed = await shopper.check_out(expected_total=cart["total"], session_id="visit-1")

    assert placed.status_code == 201, placed.text
    order = placed.json()
    assert order["number"].startswith("QM-")
    [event] = await told(probe, "order.placed", UUID(order["id"]))
    assert event.data.object.model_dump(mode="json") == order
    for reader in (staff, shopper.api):
        assert (await reader.get(f"/v1/orders/{order['id']}")).json() == order
    assert (await api.get(f"/v1/orders/{order['id']}")).status_code == 404
