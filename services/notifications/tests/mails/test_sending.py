"""From the event to the mail server, and what happens when one of the two is away."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from common.database import Database, uuid7
from common.events import Event
from common.events.contracts.notifications import MessageFailed, MessageSent
from common.events.contracts.orders import Address, ImportSource, OrderCancelled, OrderPlaced, OrderShipped
from common.scheduling import JobRun
from common.service import Runtime
from common.testing import EventProbe
from common.testing import TestClock as MovedClock
from notifications.clients.mailer import Accepted, Mail, Mailer, NotNow, Outcome, Refused
from notifications.dependencies import Resources
from notifications.mails.sending import SendMessage, claim_message, record_outcome, send_message
from notifications.testing import MailServer, customer, html_of, order_event, text_of

Deliver = Callable[..., Awaitable[object]]
RunJobs = Callable[[], Awaitable[None]]
RunSweep = Callable[[str], Awaitable[int]]


def billed_to(name: str) -> Address:
    """The ordinary buyer's address, under a name of the test's own."""
    address = order_event(OrderPlaced).object.billing_address
    assert address is not None
    return address.model_copy(update={"name": name})


async def message_of(database: Database, event: OrderPlaced | OrderShipped | OrderCancelled) -> dict[str, Any]:
    """Return the one message about an order."""
    async with database.acquire() as connection:
        rows = await connection.fetch("SELECT * FROM message WHERE order_id = $1", event.object.id)
    assert len(rows) == 1
    return dict(rows[0])


async def test_an_order_brings_its_buyer_a_mail_in_text_and_html(
    deliver: Deliver, run_jobs: RunJobs, mail_server: MailServer, database: Database, probe: EventProbe
) -> None:
    """Headers name who, whom and what; both parts tell the total; the end is announced once."""
    placed = order_event(OrderPlaced, number="2001")
    await deliver(placed)
    await run_jobs()

    (mail,) = mail_server.mails
    row = await message_of(database, placed)
    assert mail_server.recipients == ["ada@example.com"]
    assert mail["From"] == "The Mug Shop <shop@example.com>"
    assert mail["To"] == "Ada Lovelace <ada@example.com>"
    assert mail["Subject"] == "Your order 2001"
    assert mail["Message-ID"] == f"<{row['id']}@example.com>"
    assert mail["Auto-Submitted"] == "auto-generated"
    assert mail.get_content_type() == "multipart/alternative"
    assert "€43.78" in text_of(mail)
    assert "€43.78" in html_of(mail)
    assert (row["status"], row["attempts"], row["error"]) == ("sent", 1, None)
    (sent,) = await probe.events(key=row["id"])
    assert isinstance(sent.data, MessageSent)
    assert (sent.data.object.recipient, sent.data.object.order_id) == ("ada@example.com", placed.object.id)


@pytest.mark.parametrize("contract", [OrderPlaced, OrderShipped, OrderCancelled])
async def test_nobody_is_written_to_about_imported_history(
    deliver: Deliver, database: Database, contract: type[OrderPlaced | OrderShipped | OrderCancelled]
) -> None:
    """Its buyer was told years ago, and often has no address here at all."""
    source = ImportSource(source="old-shop", external_id="536365")
    nameless = {"email": None, "billing_address": None, "shipping_address": None}
    for details in ({}, nameless):
        event = order_event(contract, imported_from=source, **details)
        await deliver(event)
        async with database.acquire() as connection:
            written = await connection.fetchval("SELECT count(*) FROM message WHERE order_id = $1", event.object.id)
        assert written == 0


async def test_a_parcel_mail_tells_tracking_content_and_what_is_still_to_come(
    deliver: Deliver, run_jobs: RunJobs, mail_server: MailServer
) -> None:
    """Each parcel has a mail of its own."""
    shipped = order_event(OrderShipped, number="2002")
    await deliver(shipped)
    await deliver(shipped.model_copy(update={"remaining": []}))
    await run_jobs()

    first, last = sorted(mail_server.mails, key=lambda mail: "Still to come" not in text_of(mail))
    for words in (text_of(first), html_of(first)):
        assert "https://track.example/00340434161094042557" in words
        assert words.index("Enamel mug, Blue") < words.index("Still to come") < words.index("Assam, 250 g")
    assert "Nothing else is to come" in text_of(last)
    assert (first["Subject"], last["Subject"]) == (
        "A parcel of your order 2002 is on its way",
        "Your order 2002 is on its way",
    )


async def test_a_cancelled_order_says_that_nothing_was_charged(
    deliver: Deliver, run_jobs: RunJobs, mail_server: MailServer
) -> None:
    """And keeps to itself why: the reason may be the staff's own."""
    await deliver(order_event(OrderCancelled, number="2003", cancellation_reason="looks like fraud"))
    await run_jobs()

    (mail,) = mail_server.mails
    assert mail["Subject"] == "Your order 2003 is cancelled"
    assert "You have not been charged" in text_of(mail)
    assert "fraud" not in text_of(mail) + html_of(mail)


async def test_an_event_that_comes_twice_makes_one_mail(
    deliver: Deliver, run_jobs: RunJobs, mail_server: MailServer, database: Database
) -> None:
    """Also when the inbox has forgotten it, as after a redrive or a restored database."""
    placed, event_id = order_event(OrderPlaced), uuid7()
    await deliver(placed, event_id=event_id)
    await deliver(placed, event_id=event_id)
    async with database.acquire() as connection:
        await connection.execute("DELETE FROM inbox WHERE event_id = $1", event_id)
    await deliver(placed, event_id=event_id)
    await run_jobs()

    assert len(mail_server.mails) == 1
    await message_of(database, placed)


async def test_mail_waits_for_a_server_that_is_away_and_arrives_when_it_is_back(
    deliver: Deliver,
    run_jobs: RunJobs,
    run_sweep: RunSweep,
    mail_server: MailServer,
    database: Database,
    clock: MovedClock,
    probe: EventProbe,
) -> None:
    """The rest between attempts is business time, and nothing is announced before the end."""
    await mail_server.stop()
    placed = order_event(OrderPlaced)
    await deliver(placed)
    await run_jobs()

    row = await message_of(database, placed)
    assert (row["status"], row["attempts"]) == ("queued", 1)
    assert row["error"]
    assert await run_sweep("queue-due-messages") == 0
    assert await probe.events(key=row["id"]) == []

    await mail_server.start()
    clock.advance(timedelta(seconds=6))
    assert await run_sweep("queue-due-messages") == 1
    await run_jobs()

    row = await message_of(database, placed)
    assert (row["status"], row["attempts"], row["error"]) == ("sent", 2, None)
    assert len(mail_server.mails) == 1


async def test_a_message_that_no_attempt_brings_out_fails_and_says_so(
    deliver: Deliver,
    run_jobs: RunJobs,
    run_sweep: RunSweep,
    mail_server: MailServer,
    database: Database,
    clock: MovedClock,
    probe: EventProbe,
) -> None:
    """A passing refusal (4xx) is tried as often as the setting says, no more."""
    mail_server.refuse_recipient = "451 4.7.1 greylisted, come again"
    placed = order_event(OrderPlaced)
    await deliver(placed)
    for _ in range(3):
        await run_jobs()
        clock.advance(timedelta(hours=1))
        await run_sweep("queue-due-messages")

    row = await message_of(database, placed)
    assert (row["status"], row["attempts"], row["error"]) == ("failed", 3, "451 4.7.1 greylisted, come again")
    (failed,) = await probe.events(key=row["id"])
    assert isinstance(failed.data, MessageFailed)
    assert failed.data.object.attempts == 3


@pytest.mark.parametrize("refusing", ["refuse_recipient", "refuse_data"])
async def test_a_final_refusal_fails_the_message_at_once(
    refusing: str,
    deliver: Deliver,
    run_jobs: RunJobs,
    mail_server: MailServer,
    database: Database,
    probe: EventProbe,
) -> None:
    """550 will not become 250."""
    setattr(mail_server, refusing, "550 5.1.1 nobody here")
    placed = order_event(OrderPlaced)
    await deliver(placed)
    await run_jobs()

    row = await message_of(database, placed)
    assert (row["status"], row["attempts"], row["error"]) == ("failed", 1, "550 5.1.1 nobody here")
    assert [event.type for event in await probe.events(key=row["id"])] == ["message.failed"]


async def test_a_refusal_of_ourselves_is_tried_again(
    deliver: Deliver, run_jobs: RunJobs, mail_server: MailServer, database: Database
) -> None:
    """A sender that the server does not like is a setting to mend, not the end of every mail."""
    mail_server.refuse_sender = "550 5.7.1 you may not send as shop@example.com"
    placed = order_event(OrderPlaced)
    await deliver(placed)
    await run_jobs()

    row = await message_of(database, placed)
    assert (row["status"], row["attempts"]) == ("queued", 1)


class PowerCut(BaseException):
    """The process is gone: nothing after this line runs."""


class DiesAfterSending:
    """Hands the mail over, and never comes back to say so."""

    def __init__(self, mailer: Mailer) -> None:
        self._mailer = mailer

    async def send(self, mail: Mail) -> Outcome:
        """Send and die."""
        await self._mailer.send(mail)
        raise PowerCut


async def test_a_process_that_dies_after_sending_sends_again_under_the_same_message_id(
    deliver: Deliver,
    run_jobs: RunJobs,
    mail_server: MailServer,
    database: Database,
    runtime: Runtime,
    probe: EventProbe,
) -> None:
    """At least once: the doubled mail can be told by its id, and is announced once."""
    placed = order_event(OrderPlaced)
    await deliver(placed)
    row = await message_of(database, placed)
    resources = Resources.of(database)
    run = JobRun(runtime=runtime, database=database, job_id=0, attempt=1, _stop=asyncio.Event())
    database.resources = replace(resources, mailer=DiesAfterSending(resources.mailer))
    try:
        with pytest.raises(PowerCut):
            await send_message(SendMessage.model_validate({"message_id": row["id"]}), run)
    finally:
        database.resources = resources
    assert (await message_of(database, placed))["status"] == "sending"

    await run_jobs()  # the job was never finished, so it runs again

    first, second = mail_server.mails
    assert first["Message-ID"] == second["Message-ID"]
    assert (await message_of(database, placed))["status"] == "sent"
    assert len(await probe.events("message.sent", key=row["id"])) == 1


async def test_a_mail_that_was_sent_is_not_sent_again_by_a_job_that_comes_late(
    deliver: Deliver, run_jobs: RunJobs, mail_server: MailServer, database: Database, runtime: Runtime
) -> None:
    """The row decides, not the queue."""
    placed = order_event(OrderPlaced)
    await deliver(placed)
    await run_jobs()
    row = await message_of(database, placed)
    run = JobRun(runtime=runtime, database=database, job_id=0, attempt=2, _stop=asyncio.Event())

    await send_message(SendMessage.model_validate({"message_id": row["id"]}), run)

    assert len(mail_server.mails) == 1
    assert (await message_of(database, placed))["version"] == row["version"]


async def test_two_processes_that_both_send_a_message_announce_it_once(
    deliver: Deliver, run_jobs: RunJobs, mail_server: MailServer, database: Database, probe: EventProbe
) -> None:
    """One was only slow and not dead, and its attempt was taken over; neither outcome undoes the other."""
    placed = order_event(OrderPlaced)
    await deliver(placed)
    row = await message_of(database, placed)
    resources = Resources.of(database)
    attempts = []
    for _ in range(2):
        async with database.uow() as uow:
            attempts.append(await claim_message(uow, row["id"], send_attempts=3))
    slow, fast = attempts
    assert slow is not None
    assert fast is not None

    async with database.uow() as uow:
        await record_outcome(uow, slow, NotNow("a time-out"), resources=resources)
    assert (await message_of(database, placed))["status"] == "sending"  # the other attempt is still under way
    for attempt, outcome in ((fast, Accepted()), (slow, Accepted()), (slow, Refused("no"))):
        async with database.uow() as uow:
            await record_outcome(uow, attempt, outcome, resources=resources)

    assert (await message_of(database, placed))["status"] == "sent"
    assert [event.type for event in await probe.events(key=row["id"])] == ["message.sent"]
    await run_jobs()


async def test_a_known_customer_is_greeted_by_the_name_on_the_account(
    deliver: Deliver, run_jobs: RunJobs, mail_server: MailServer
) -> None:
    """The billing name is what guests are called by."""
    known = customer(name="Ada King")
    await deliver(known)
    await deliver(order_event(OrderPlaced, customer_id=known.object.id))
    await deliver(order_event(OrderPlaced, customer_id=None))
    await run_jobs()

    assert {text_of(mail).splitlines()[0] for mail in mail_server.mails} == {"Hello Ada King,", "Hello Ada Lovelace,"}


async def test_names_and_addresses_outside_ascii_arrive(
    deliver: Deliver, run_jobs: RunJobs, mail_server: MailServer, database: Database
) -> None:
    """A domain travels in its ASCII form, a name encoded, and what stands before the @ by SMTPUTF8."""
    address = billed_to("Jürgen Größe 茶")
    by_domain = order_event(OrderPlaced, email="jürgen@bücher.example", customer_id=None, billing_address=address)
    await deliver(by_domain)
    await deliver(order_event(OrderPlaced, email="info@bücher.example", customer_id=None, billing_address=address))
    await run_jobs()

    assert sorted(mail_server.recipients) == ["info@xn--bcher-kva.example", "jürgen@xn--bcher-kva.example"]
    assert {mail["To"].addresses[0].display_name for mail in mail_server.mails} == {"Jürgen Größe 茶"}
    assert (await message_of(database, by_domain))["recipient"] == "jürgen@bücher.example"


async def test_a_server_without_smtputf8_fails_the_address_that_needs_it(
    deliver: Deliver, run_jobs: RunJobs, mail_server: MailServer, database: Database
) -> None:
    """Trying for hours would not teach the server."""
    await mail_server.stop()
    mail_server.smtputf8 = False
    await mail_server.start()
    placed = order_event(OrderPlaced, email="jürgen@example.com")
    await deliver(placed)
    await run_jobs()

    row = await message_of(database, placed)
    assert (row["status"], row["attempts"]) == ("failed", 1)
    assert "SMTPUTF8" in str(row["error"])


async def test_an_address_with_a_line_break_reaches_no_server(
    deliver: Deliver, run_jobs: RunJobs, mail_server: MailServer, database: Database, probe: EventProbe
) -> None:
    """Nobody adds a Bcc by way of an address; the message is kept as failed, and its order's event is not stuck."""
    placed = order_event(OrderPlaced, email="ada@example.com\r\nBcc: all@example.com")
    await deliver(placed)
    await run_jobs()

    row = await message_of(database, placed)
    assert (row["status"], row["attempts"], mail_server.mails) == ("failed", 0, [])
    assert "\n" not in str(row["recipient"])
    (failed,) = await probe.events(key=row["id"])
    assert isinstance(failed, Event)
    assert failed.type == "message.failed"


async def test_a_name_with_a_line_break_stays_in_its_header(
    deliver: Deliver, run_jobs: RunJobs, mail_server: MailServer
) -> None:
    """It becomes a blank."""
    address = billed_to("Ada\r\nBcc: all@example.com")
    await deliver(order_event(OrderPlaced, customer_id=None, billing_address=address))
    await run_jobs()

    (mail,) = mail_server.mails
    assert mail["Bcc"] is None
    assert mail_server.recipients == ["ada@example.com"]
