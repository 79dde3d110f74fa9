"""How many round trips the hot routes make, against a checked-in baseline: the one measure of speed without noise.

BEGIN and COMMIT count, and what the sandbox provider writes does too. Fewer is news worth checking in as well.
"""

import json
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

from common.testing import Api, StatementCount
from orders.testing import ADDRESS, MakeProduct, MakeShopper

BASELINE = Path(__file__).parent / "statements.json"
Statements = Callable[[], AbstractAsyncContextManager[StatementCount]]
UNKEYED: dict[str, Any] = {"headers": {"Idempotency-Key": None}}


async def test_the_path_to_an_order_takes_few_round_trips(
    api: Api, make_product: MakeProduct, make_shopper: MakeShopper, statements: Statements
) -> None:
    await make_product("COUNTED")
    before = await make_shopper({"COUNTED": 1})
    await before.check_out()  # what the driver asks once of a connection is asked now
    seen: dict[str, int] = {}

    async def counted(name: str, call: Any) -> Any:  # noqa: ANN401 - a request
        async with statements() as count:
            answer = await call
        assert answer.status_code < 300, answer.text
        seen[name] = count.total
        return answer.json()

    cart = await counted("POST /v1/carts", api.post("/v1/carts", json={}, **UNKEYED))
    shopper = api.as_anonymous(cart_token=cart["token"])
    path = f"/v1/carts/{cart['id']}"
    line = {"sku": "COUNTED", "quantity": 2}
    added = await counted("POST /v1/carts/{id}/lines", shopper.post(f"{path}/lines", json=line, **UNKEYED))
    line_path = f"{path}/lines/{added['lines'][0]['id']}"
    await counted("PATCH /v1/carts/{id}/lines/{line_id}", shopper.patch(line_path, json={"quantity": 1}))
    await counted("GET /v1/carts/{id}", shopper.get(path))
    await counted("PUT /v1/carts/{id}/addresses", shopper.put(f"{path}/addresses", json={"shipping": ADDRESS}))
    await counted("GET /v1/carts/{id}/shipping-options", shopper.get(f"{path}/shipping-options"))
    option = {"id": "standard"}
    await counted("PUT /v1/carts/{id}/shipping-option", shopper.put(f"{path}/shipping-option", json=option))
    body = {"email": "ada@example.com", "payment": {"method": "test", "token": "approve"}}
    order = await counted("POST /v1/carts/{id}/checkout", shopper.post(f"{path}/checkout", json=body))
    await counted("GET /v1/orders/{id}", shopper.get(f"/v1/orders/{order['id']}"))

    baseline = json.loads(BASELINE.read_text())
    assert seen == {name: baseline[name] for name in seen}
    assert sum(seen.values()) <= 17 + seen["GET /v1/orders/{id}"]  # for the whole path
