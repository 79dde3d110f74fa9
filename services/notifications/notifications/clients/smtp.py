"""Mail by SMTP, a connection for each.

A refusal of the recipient or of the text (5xx) is final. A refusal of the sender, of the login or of the greeting is
about us, not about the mail: it is tried again, so that a wrong password does not fail every mail of an afternoon.
"""

import asyncio
from contextlib import suppress
from dataclasses import dataclass, field
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP as SMTP_POLICY
from urllib.parse import unquote, urlsplit

import aiosmtplib

from notifications.clients.mailer import Accepted, Mail, NotNow, Outcome, Refused
from notifications.mails.rules import ERROR_SHOWN, MailAddress, mailable, one_line

PORTS = {"smtp": 25, "smtps": 465}
ANSWERS_PER_MAIL = 4  # a mail may take this many time-outs in all, then the server is taken for dead
PERMANENT = 500


@dataclass(frozen=True, slots=True)
class SmtpServer:
    """Where mails are handed over, and how."""

    host: str
    port: int
    tls: bool = False  # from the first byte
    user: str | None = None
    password: str | None = field(default=None, repr=False)

    @classmethod
    def parse(cls, url: str) -> "SmtpServer":
        """Read ``smtp://host:port`` or ``smtps://user:password@host``. Raises ValueError, without the password."""
        try:
            parts = urlsplit(url)
            port = parts.port
        except ValueError:
            parts, port = urlsplit(""), None
        if parts.scheme not in PORTS or not parts.hostname or parts.path not in {"", "/"} or parts.query:
            raise ValueError("is no mail server; use smtp://host:port or smtps://user:password@host")
        if (parts.username is None) != (parts.password is None):
            raise ValueError("has a user without password or a password without user")
        return cls(
            host=parts.hostname,
            port=port or PORTS[parts.scheme],
            tls=parts.scheme == "smtps",
            user=unquote(parts.username) if parts.username else None,
            password=unquote(parts.password) if parts.password else None,
        )


class SmtpMailer:
    """Hands mails to one server."""

    def __init__(self, server: SmtpServer, *, sender: Address, timeout_seconds: float) -> None:
        self._server = server
        self._sender = sender
        self._timeout = timeout_seconds

    async def send(self, mail: Mail) -> Outcome:
        """Hand one mail over."""
        try:
            message, address = self.compose(mail)
        except ValueError as error:
            return Refused(one_line(str(error))[:ERROR_SHOWN])
        try:
            async with asyncio.timeout(self._timeout * ANSWERS_PER_MAIL):
                return await self._hand_over(message, address)
        except TimeoutError:
            return NotNow(f"{self._server.host}:{self._server.port} took too long.")

    def compose(self, mail: Mail) -> tuple[EmailMessage, MailAddress]:
        """Build the message: text and HTML, with headers that are the same at every attempt.

        Raises ValueError for a recipient that is no address and for a subject with a line break.
        """
        address = mailable(mail.recipient)
        message = EmailMessage(policy=SMTP_POLICY.clone(utf8=address.needs_utf8))
        message["From"] = self._sender
        message["To"] = address.called(one_line(mail.recipient_name or ""))
        message["Subject"] = mail.subject
        message["Date"] = mail.written_at
        message["Message-ID"] = f"<{mail.id}@{self._sender.domain}>"
        message["Auto-Submitted"] = "auto-generated"  # RFC 3834: nobody's out-of-office answers this
        message.set_content(mail.text, cte="quoted-printable")
        message.add_alternative(mail.html, subtype="html", cte="quoted-printable")
        return message, address

    async def _hand_over(self, message: EmailMessage, address: MailAddress) -> Outcome:
        client = aiosmtplib.SMTP(
            hostname=self._server.host,
            port=self._server.port,
            username=self._server.user,
            password=self._server.password,
            use_tls=self._server.tls,
            start_tls=self._server.user is not None and not self._server.tls,  # no password in the clear
            timeout=self._timeout,
            local_hostname=self._sender.domain,  # else it would ask the resolver for our own name
        )
        try:
            await client.connect()
            if address.needs_utf8 and not await _takes_utf8(client):
                return Refused("The mail server takes no addresses outside ASCII (SMTPUTF8).")
            await client.send_message(message, sender=self._sender.addr_spec, recipients=[address.in_transit])
        except (aiosmtplib.SMTPException, OSError) as error:
            return outcome_of(error)
        else:
            with suppress(aiosmtplib.SMTPException, OSError):
                await client.quit()  # the mail is theirs already, however they say good-bye
            return Accepted()
        finally:
            client.close()


async def _takes_utf8(client: aiosmtplib.SMTP) -> bool:
    await client.ehlo()
    return client.supports_extension("smtputf8")


def outcome_of(error: Exception) -> Outcome:
    """Tell a refusal of this mail from trouble that may pass."""
    match error:
        case aiosmtplib.SMTPRecipientsRefused() if error.recipients:
            return outcome_of(error.recipients[0])
        case aiosmtplib.SMTPRecipientRefused() | aiosmtplib.SMTPDataError() if error.code >= PERMANENT:
            return Refused(_words(error))
        case aiosmtplib.SMTPResponseException():
            return NotNow(_words(error))
        case _:
            return NotNow(one_line(str(error) or type(error).__name__)[:ERROR_SHOWN])


def _words(error: aiosmtplib.SMTPResponseException) -> str:
    return one_line(f"{error.code} {error.message}")[:ERROR_SHOWN]
