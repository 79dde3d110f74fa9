"""What deliveries cost the database; in a module of its own, since a connection that is made anew says more."""

from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID

from common.events.contracts.orders import OrderPlaced
from notifications.testing import order_event
from notifications.webhooks.dispatching import Dispatcher

Deliver = Callable[..., Awaitable[UUID]]
Register = Callable[..., Awaitable[dict[str, Any]]]


async def test_a_round_is_few_statements_however_many_deliveries_it_has(
    deliver: Deliver,
    register: Register,
    dispatcher: Dispatcher,
    statements: Any,  # noqa: ANN401 - a fixture
) -> None:
    """Queueing for many endpoints is one statement; a round that writes down and claims is nine."""
    for number in range(5):
        await register(f"/{number}")
    async with statements() as queueing:
        await deliver(order_event(OrderPlaced))
    assert sum("INSERT INTO delivery" in statement for statement in queueing.statements) == 1
    async with statements() as rounds:
        assert await dispatcher.settle() == 5

    claims = sum("FOR SHARE OF w SKIP LOCKED" in statement for statement in rounds.statements)
    assert rounds.total <= 9 * claims
