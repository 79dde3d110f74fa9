"""Contacts follow what users and customers are, in whatever order they are told."""

from collections.abc import Awaitable, Callable
from uuid import UUID

from common.clock import SystemClock
from common.database import Database, uuid7
from common.events import GATEWAY_USER, Tombstone
from notifications.consumers import CONSUMERS
from notifications.contacts.service import customer_name, staff_with
from notifications.testing import customer, user

Deliver = Callable[..., Awaitable[object]]


async def delete_user(database: Database, user_id: UUID, *, sequence: int) -> None:
    """Hand a tombstone to the contacts' consumer, as its runtime does."""
    tombstone = Tombstone(topic=GATEWAY_USER, key=user_id, id=uuid7(), sequence=sequence, time=SystemClock().now())
    (contacts,) = (each for each in CONSUMERS if each.group == "notifications.contacts")
    async with database.uow() as uow:
        await contacts.tombstones[GATEWAY_USER](tombstone, uow)


async def addresses(database: Database, scope: str) -> list[str]:
    """Return whom an alert would reach."""
    async with database.uow() as uow:
        return [each.email for each in await staff_with(uow, scope)]


async def test_an_old_event_does_not_undo_a_new_one(deliver: Deliver, database: Database) -> None:
    """Sequence 2 came first; 1 is history."""
    late = user(email="old@shop.example", scopes=["test:late"])
    new = late.model_copy(update={"object": late.object.model_copy(update={"email": "new@shop.example"})})
    await deliver(new, sequence=2)
    await deliver(late, sequence=1)

    assert await addresses(database, "test:late") == ["new@shop.example"]


async def test_who_loses_the_scope_is_not_told_any_more(deliver: Deliver, database: Database) -> None:
    """The last snapshot decides."""
    before = user(scopes=["test:lost"])
    after = before.model_copy(update={"object": before.object.model_copy(update={"scopes": []})})
    await deliver(before, sequence=1)
    assert await addresses(database, "test:lost") == ["grace@shop.example"]
    await deliver(after, sequence=2)

    assert await addresses(database, "test:lost") == []


async def test_a_deleted_user_is_forgotten_and_stays_so(deliver: Deliver, database: Database) -> None:
    """Nothing personal is left, and an event that comes late does not bring it back."""
    gone = user(scopes=["test:gone"])
    await deliver(gone, sequence=1)
    await delete_user(database, gone.object.id, sequence=3)
    await deliver(gone, sequence=2)

    assert await addresses(database, "test:gone") == []
    async with database.acquire() as connection:
        row = await connection.fetchrow("SELECT * FROM contact WHERE id = $1", gone.object.id)
    assert row is not None
    assert (row["email"], row["name"], row["role"], row["scopes"], row["sequence"]) == (None, None, None, [], 3)


async def test_a_tombstone_of_the_past_deletes_nobody(deliver: Deliver, database: Database) -> None:
    """It is gated like every other event."""
    there = user(scopes=["test:there"])
    await deliver(there, sequence=5)
    await delete_user(database, there.object.id, sequence=4)

    assert await addresses(database, "test:there") == ["grace@shop.example"]


async def test_a_login_and_a_buyer_of_one_id_are_two_contacts(deliver: Deliver, database: Database) -> None:
    """Who registered is both, and each has a sequence of its own."""
    same = uuid7()
    as_user, as_customer = user(role="customer", scopes=[]), customer(name="Ada King")
    as_user = as_user.model_copy(update={"object": as_user.object.model_copy(update={"id": same, "name": "Ada"})})
    as_customer = as_customer.model_copy(update={"object": as_customer.object.model_copy(update={"id": same})})
    await deliver(as_user, sequence=9)
    await deliver(as_customer, sequence=1)

    async with database.uow() as uow:
        assert await customer_name(uow, same) == "Ada King"
