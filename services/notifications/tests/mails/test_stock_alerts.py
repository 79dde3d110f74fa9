"""Who is told about stock, and what happens while nobody is known."""

from collections.abc import Awaitable, Callable
from datetime import timedelta

import pytest_asyncio

from common.database import Database
from common.events.contracts.inventory import StockLow, StockOut
from common.testing import TestClock as MovedClock
from notifications.testing import MailServer, alert, text_of, user

Deliver = Callable[..., Awaitable[object]]
RunJobs = Callable[[], Awaitable[None]]
RunSweep = Callable[[str], Awaitable[int]]


@pytest_asyncio.fixture(autouse=True, loop_scope="session")
async def _nobody_known(database: Database) -> None:
    async with database.acquire() as connection:
        await connection.execute("TRUNCATE contact, held_alert")


async def test_each_member_of_staff_who_may_adjust_stock_gets_one_mail(
    deliver: Deliver, run_jobs: RunJobs, mail_server: MailServer
) -> None:
    """Others do not: not by another scope, not as a customer or partner, whatever is granted to them."""
    await deliver(user(email="grace@shop.example"))
    await deliver(user(email="alan@shop.example", role="admin", scopes=["inventory:adjust", "users:write"]))
    await deliver(user(email="edsger@shop.example", role="analyst", scopes=["inventory:read"]))
    await deliver(user(email="buyer@example.com", role="customer", scopes=["inventory:adjust"]))
    await deliver(user(email="partner@example.com", role="partner", scopes=["inventory:adjust"]))

    await deliver(alert(StockLow, sku="TEA-1"))
    await run_jobs()

    assert sorted(mail_server.recipients) == ["alan@shop.example", "grace@shop.example"]
    assert {mail["Subject"] for mail in mail_server.mails} == {"Stock low: TEA-1, 4 left"}
    assert "For sale: 4" in text_of(mail_server.mails[0])


async def test_two_logins_of_one_address_get_one_mail(
    deliver: Deliver, run_jobs: RunJobs, mail_server: MailServer
) -> None:
    """One event, one mail to one mailbox, however its address is written."""
    await deliver(user(email="grace@shop.example"))
    await deliver(user(email="Grace@shop.example"))

    await deliver(alert())
    await run_jobs()

    assert len(mail_server.mails) == 1


async def test_stock_that_is_out_has_words_of_its_own(
    deliver: Deliver, run_jobs: RunJobs, mail_server: MailServer
) -> None:
    """Low and out are two events and two mails."""
    await deliver(user())
    await deliver(alert(StockLow, sku="TEA-2"))
    await deliver(alert(StockOut, sku="TEA-2"))
    await run_jobs()

    assert {mail["Subject"] for mail in mail_server.mails} == {"Stock low: TEA-2, 4 left", "Stock out: TEA-2"}


async def test_an_alert_waits_for_the_first_who_can_be_told(
    deliver: Deliver, run_jobs: RunJobs, run_sweep: RunSweep, mail_server: MailServer
) -> None:
    """Users come on another topic, perhaps later; the alert neither blocks the orders' mails nor is lost."""
    await deliver(alert(sku="TEA-3"))
    assert await run_sweep("address-held-alerts") == 0

    await deliver(user(email="grace@shop.example"))
    assert await run_sweep("address-held-alerts") == 1
    assert await run_sweep("address-held-alerts") == 0
    await run_jobs()

    assert mail_server.recipients == ["grace@shop.example"]
    assert mail_server.mails[0]["Subject"] == "Stock low: TEA-3, 4 left"


async def test_an_alert_that_is_no_news_any_more_is_given_up(
    deliver: Deliver, run_jobs: RunJobs, run_sweep: RunSweep, mail_server: MailServer, clock: MovedClock
) -> None:
    """Whoever is hired next month is not greeted with it."""
    await deliver(alert())
    clock.advance(timedelta(minutes=61))
    assert await run_sweep("address-held-alerts") == 1

    await deliver(user())
    assert await run_sweep("address-held-alerts") == 0
    await run_jobs()

    assert mail_server.mails == []
