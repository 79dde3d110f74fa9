"""Customers come from the token or from the login's event, whichever is first, and are announced once."""

from collections.abc import Awaitable, Callable
from uuid import UUID, uuid4

from common.events.contracts.gateway import UserRegistered, UserSnapshot
from common.testing import Api, EventProbe
from orders.testing import LATER, told

Deliver = Callable[..., Awaitable[UUID]]


def a_login(
    user_id: UUID, *, role: str = "customer", name: str | None = "Ada", email: str = "ada@example.com"
) -> UserRegistered:
    user = UserSnapshot(id=user_id, email=email, name=name, role=role, scopes=[], registered_at=LATER)
    return UserRegistered(object=user, changed=[])


async def test_a_login_becomes_a_customer(deliver: Deliver, probe: EventProbe) -> None:
    user_id = uuid4()
    for _ in range(2):
        await deliver(a_login(user_id), sequence=1)
    [event] = await told(probe, "customer.registered", user_id)
    assert (event.data.object.email, event.data.object.registered) == ("ada@example.com", True)


async def test_staff_are_no_customers(deliver: Deliver, probe: EventProbe) -> None:
    user_id = uuid4()
    await deliver(a_login(user_id, role="warehouse"))
    assert await told(probe, "customer.registered", user_id) == []


async def test_token_first_and_event_later_is_one_customer(api: Api, deliver: Deliver, probe: EventProbe) -> None:
    user_id = uuid4()
    await api.as_customer(user_id, email="ada@example.com").post("/v1/carts", json={})
    await deliver(a_login(user_id, name="Ada King"))
    assert len(await told(probe, "customer.registered", user_id)) == 1
    [event] = await told(probe, "customer.updated", user_id)
    assert (event.data.changed, event.data.object.name) == (["/name"], "Ada King")


async def test_the_same_word_twice_announces_nothing(api: Api, deliver: Deliver, probe: EventProbe) -> None:
    user_id = uuid4()
    await deliver(a_login(user_id, name="A Shopper", email="shopper@example.com"))
    await api.as_customer(user_id).post("/v1/carts", json={})
    assert len(await told(probe, "customer.registered", user_id)) == 1
    assert await told(probe, "customer.updated", user_id) == []


async def test_an_older_word_of_the_login_changes_nothing(deliver: Deliver, probe: EventProbe) -> None:
    user_id = uuid4()
    await deliver(a_login(user_id, name="New"), sequence=2)
    await deliver(a_login(user_id, name="Old"), sequence=1)
    assert await told(probe, "customer.updated", user_id) == []
