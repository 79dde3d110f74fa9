"""The mail server's moods, one by one."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import uuid4

import pytest

from common.clock import SystemClock
from notifications.clients.mailer import Accepted, Mail, NotNow, Refused
from notifications.clients.smtp import SmtpMailer, SmtpServer
from notifications.mails.rules import mailable
from notifications.testing import MailServer


def mailer(server: SmtpServer, *, timeout_seconds: float = 5.0) -> SmtpMailer:
    """Make a mailer for a server on this machine."""
    return SmtpMailer(server, sender=mailable("shop@example.com").called("Shop"), timeout_seconds=timeout_seconds)


def a_mail(*, recipient: str = "ada@example.com", subject: str = "Hello") -> Mail:
    """Make an ordinary mail."""
    return Mail(uuid4(), recipient, "Ada", subject, "text", "<p>page</p>", SystemClock().now())


async def test_a_mail_is_handed_over(mail_server: MailServer, smtp_port: int) -> None:
    """Text first, page second: the last part is what a mail program prefers."""
    assert await mailer(SmtpServer("127.0.0.1", smtp_port)).send(a_mail()) == Accepted()

    (mail,) = mail_server.mails
    assert [part.get_content_type() for part in mail.iter_parts()] == ["text/plain", "text/html"]


@pytest.mark.parametrize(
    ("refusing", "answer", "expected"),
    [
        ("refuse_recipient", "550 no", Refused("550 no")),
        ("refuse_recipient", "450 later", NotNow("450 later")),
        ("refuse_data", "554 spam", Refused("554 spam")),
        ("refuse_data", "452 disk full", NotNow("452 disk full")),
        ("refuse_sender", "550 not you", NotNow("550 not you")),
    ],
)
async def test_what_is_about_the_mail_and_final_is_refused_all_else_may_pass(
    refusing: str, answer: str, expected: object, mail_server: MailServer, smtp_port: int
) -> None:
    """The server's own words are kept."""
    setattr(mail_server, refusing, answer)

    assert await mailer(SmtpServer("127.0.0.1", smtp_port)).send(a_mail()) == expected


async def test_a_password_never_travels_in_the_clear(mail_server: MailServer, smtp_port: int) -> None:
    """A server with a login that offers no STARTTLS gets neither login nor mail."""
    server = SmtpServer("127.0.0.1", smtp_port, user="shop", password="secret")

    assert isinstance(await mailer(server).send(a_mail()), NotNow)
    assert (mail_server.logins, mail_server.mails) == ([], [])


async def test_nobody_listening_is_trouble_that_may_pass(smtp_port: int) -> None:
    """No server was started."""
    assert isinstance(await mailer(SmtpServer("127.0.0.1", smtp_port)).send(a_mail()), NotNow)


@asynccontextmanager
async def listening(greeting: bytes) -> AsyncIterator[int]:
    """Listen, greet with ``greeting``, and say no more."""
    ended = asyncio.Event()

    async def greet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(greeting)
        await ended.wait()
        writer.close()

    server = await asyncio.start_server(greet, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        ended.set()
        server.close()
        await server.wait_closed()


@pytest.mark.parametrize("greeting", [b"", b"220 hello\r\n", b"421 too busy\r\n", b"HTTP/1.1 400\r\n\r\n"])
async def test_a_server_that_is_silent_busy_or_no_mail_server_is_trouble_that_may_pass(greeting: bytes) -> None:
    """It costs a time-out and no more."""
    async with listening(greeting) as port:
        outcome = await mailer(SmtpServer("127.0.0.1", port), timeout_seconds=0.2).send(a_mail())

    assert isinstance(outcome, NotNow)


@pytest.mark.parametrize("recipient", ["ada@example.com\nBcc: x@example.com", "ada", "a b@example.com", "@example.com"])
async def test_a_recipient_that_is_no_address_reaches_no_server(
    recipient: str, mail_server: MailServer, smtp_port: int
) -> None:
    """Refused before anything is said."""
    assert isinstance(await mailer(SmtpServer("127.0.0.1", smtp_port)).send(a_mail(recipient=recipient)), Refused)
    assert mail_server.mails == []


async def test_a_subject_with_a_line_break_reaches_no_server(mail_server: MailServer, smtp_port: int) -> None:
    """The last of three guards: templates refuse it, the table does, and so does the message."""
    mail = a_mail(subject="Hello\r\nBcc: x@example.com")

    assert isinstance(await mailer(SmtpServer("127.0.0.1", smtp_port)).send(mail), Refused)
    assert mail_server.mails == []
