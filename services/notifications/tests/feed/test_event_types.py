"""GET /v1/event-types: what there is to subscribe to."""

from collections.abc import Awaitable, Callable
from inspect import cleandoc

from common.events import CONTRACTS
from common.events.contracts.orders import OrderPlaced
from common.testing import Api
from notifications.testing import order_event


async def test_every_type_is_described(trusted: Api) -> None:
    answer = await trusted.get("/v1/event-types")

    assert answer.status_code == 200
    found = {each["type"]: each for each in answer.json()["items"]}
    assert found.keys() == {contract.type for contract in CONTRACTS}
    placed = found["order.placed"]
    assert placed["description"] == cleandoc(OrderPlaced.__doc__ or "")
    assert (placed["topic"], placed["kind"], placed["version"]) == ("orders.order.v1", "fact", "1.0")
    assert placed["schema"]["$id"] == placed["dataschema"] == "/contracts/events/order.placed/1.0.json"
    assert OrderPlaced.model_validate(placed["example"]).type == "order.placed"
    assert placed["live"] is None


async def test_the_newest_event_is_shown_without_personal_data_whoever_asks(
    deliver: Callable[..., Awaitable[object]], trusted: Api
) -> None:
    await deliver(order_event(OrderPlaced, number="old"))
    await deliver(order_event(OrderPlaced, number="new", email="ada@example.com"))

    found = {each["type"]: each for each in (await trusted.get("/v1/event-types")).json()["items"]}

    live = found["order.placed"]["live"]
    assert live["data"]["object"]["number"] == "new"
    assert "email" not in live["data"]["object"]
    assert found["order.paid"]["live"] is None
