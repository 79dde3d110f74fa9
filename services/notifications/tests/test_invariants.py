"""Each invariant is content with what the service does, and finds damage planted by hand."""

from collections.abc import AsyncIterator, Awaitable, Callable
from uuid import UUID

import pytest
import pytest_asyncio

from common.database import Database, uuid7
from common.events.contracts.orders import OrderPlaced
from common.invariants import run_invariants
from notifications.invariants import INVARIANTS
from notifications.testing import MailServer, alert, order_event

Deliver = Callable[..., Awaitable[object]]
RunJobs = Callable[[], Awaitable[None]]


async def broken(database: Database) -> list[str]:
    """Return the names of the broken ones."""
    return [violation.invariant for violation in await run_invariants(database, INVARIANTS)]


@pytest_asyncio.fixture(loop_scope="session")
async def sent(deliver: Deliver, run_jobs: RunJobs, mail_server: MailServer, database: Database) -> AsyncIterator[UUID]:
    """A message that was sent; the database is emptied behind the test."""
    placed = order_event(OrderPlaced)
    await deliver(placed)
    await run_jobs()
    assert await broken(database) == []
    async with database.acquire() as connection:
        yield await connection.fetchval("SELECT id FROM message WHERE order_id = $1", placed.object.id)
        await connection.execute("TRUNCATE message, outbox, held_alert, pgqueuer")


async def test_a_message_under_way_is_content(deliver: Deliver, database: Database, sent: UUID) -> None:
    """Queued with its job, and held without one to tell."""
    await deliver(order_event(OrderPlaced))
    await deliver(alert())

    assert await broken(database) == []


@pytest.mark.parametrize(
    ("damage", "name"),
    [
        ("UPDATE message SET status = 'queued', sent_at = NULL", "every-open-message-is-driven"),
        ("UPDATE message SET status = 'sending', sent_at = NULL", "every-open-message-is-driven"),
        (
            "UPDATE message SET status = 'queued', sent_at = NULL, next_attempt_at = created_at - interval '1 hour'",
            "every-open-message-is-driven",
        ),
        ("DELETE FROM outbox", "every-ended-message-was-announced-once"),
        ("UPDATE message SET event_sequence = 0", "every-ended-message-was-announced-once"),
        ("UPDATE message SET event_sequence = 2", "every-ended-message-was-announced-once"),
        (
            "UPDATE message SET status = 'failed', sent_at = NULL, error = 'x'",
            "every-ended-message-was-announced-once",
        ),
    ],
)
async def test_damage_to_a_message_is_found(damage: str, name: str, database: Database, sent: UUID) -> None:
    """Whatever else it breaks."""
    async with database.acquire() as connection:
        await connection.execute(damage)
        if name == "every-open-message-is-driven":
            await connection.execute("UPDATE message SET event_sequence = 0")
            await connection.execute("DELETE FROM outbox")

    assert set(await broken(database)) == {name}


async def test_a_parked_job_drives_nobody(deliver: Deliver, database: Database, sent: UUID) -> None:
    """Its message waits for people."""
    await deliver(order_event(OrderPlaced))
    async with database.acquire() as connection:
        await connection.execute("UPDATE pgqueuer SET status = 'failed'")

    assert await broken(database) == ["every-open-message-is-driven"]


async def test_a_second_mail_about_one_event_is_found(database: Database, sent: UUID) -> None:
    """Even where the index that forbids it is gone."""
    async with database.acquire() as connection:
        definition = await connection.fetchval(
            "SELECT pg_get_indexdef('uq_message_event_template_recipient'::regclass)"
        )
        await connection.execute("DROP INDEX uq_message_event_template_recipient")
        await connection.execute(
            """
            INSERT INTO message (id, channel, template, recipient, subject, body_text, body_html, event_id, status,
                error, created_at, updated_at, event_sequence)
            SELECT $2, channel, template, upper(recipient), subject, body_text, body_html, event_id, 'failed', 'x',
                created_at, updated_at - interval '1 day', 1
            FROM message WHERE id = $1
            """,
            sent,
            uuid7(),
        )
        found = await broken(database)
        await connection.execute("DELETE FROM message")
        await connection.execute(definition)

    assert found == ["one-mail-for-one-event"]


async def test_an_alert_that_is_held_for_ever_is_found(deliver: Deliver, database: Database, sent: UUID) -> None:
    """No sweep ran."""
    await deliver(alert())
    async with database.acquire() as connection:
        await connection.execute("UPDATE held_alert SET give_up_at = held_at - interval '11 minutes'")

    assert await broken(database) == ["held-alerts-come-to-an-end"]
