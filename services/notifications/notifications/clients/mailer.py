"""The port to the mail server."""

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID


@dataclass(frozen=True, slots=True)
class Mail:
    """One mail to one person. The id makes its Message-ID: a mail that was sent twice shows it."""

    id: UUID
    recipient: str
    recipient_name: str | None
    subject: str
    text: str
    html: str
    written_at: datetime


@dataclass(frozen=True, slots=True)
class Accepted:
    """The server took the mail and answers for it from here on."""


@dataclass(frozen=True, slots=True)
class Refused:
    """The server does not take this mail, now or later."""

    reason: str


@dataclass(frozen=True, slots=True)
class NotNow:
    """It did not work, and may work later; in rare cases the mail went out all the same."""

    reason: str


Outcome = Accepted | Refused | NotNow


class Mailer(Protocol):
    """Sends mail."""

    async def send(self, mail: Mail) -> Outcome:
        """Hand one mail over. Whatever the server or the network does is an outcome, never an exception."""
        ...
