"""What may stand in a mail's headers, and what a parcel's lines are called. No I/O."""

from collections.abc import Sequence
from dataclasses import dataclass
from email.headerregistry import Address
from urllib.parse import urlsplit

from email_validator import ValidatedEmail, validate_email

from common.events.contracts.orders import OrderSnapshot, ParcelLine

ADDRESS_SHOWN = 320  # of an address that cannot be one; SMTP takes 254
ERROR_SHOWN = 500  # a server's last words: enough to act on


class UnsafeHeader(ValueError):
    """A subject or a name would break out of its header line."""


@dataclass(frozen=True, slots=True)
class MailAddress:
    """An address that mail can be sent to."""

    readable: str  # as people write it, the domain in lower case and in their script
    local_part: str
    domain: str  # in ASCII, as it travels

    @property
    def in_transit(self) -> str:
        """The address as servers get it."""
        return f"{self.local_part}@{self.domain}"

    @property
    def needs_utf8(self) -> bool:
        """Whether only a server with SMTPUTF8 takes it: what stands before the @ is not ASCII."""
        return not self.local_part.isascii()

    def called(self, name: str) -> Address:
        """Return it as it stands in a header, after ``name``."""
        return Address(display_name=name, username=self.local_part, domain=self.domain)


def mailable(address: str) -> MailAddress:
    """Read an e-mail address. Raises EmailNotValidError (a ValueError) for one that no server could take.

    Whether somebody has it only the mail server can say. Names reserved for tests are let through.
    """
    valid: ValidatedEmail = validate_email(
        address, check_deliverability=False, globally_deliverable=False, test_environment=True
    )
    return MailAddress(readable=valid.normalized, local_part=valid.local_part, domain=valid.ascii_domain)


def one_line(text: str) -> str:
    """Turn what does not print into blanks and runs of blanks into one; outer blanks go."""
    return " ".join("".join(each if each.isprintable() else " " for each in text).split())


def checked_subject(text: str) -> str:
    """Return a subject as it may stand in a header. Raises UnsafeHeader for control characters, newlines among them."""
    subject = text.strip()
    if not subject or not subject.isprintable():
        raise UnsafeHeader(f"a subject is one line of printable characters, not {subject[:80]!r}")
    return subject


def web_link(url: str | None) -> str | None:
    """Return ``url`` if a reader may be sent there: http or https and a host; else None."""
    if url is None or not url.isprintable():
        return None
    try:
        parts = urlsplit(url)
        return url if parts.scheme in {"http", "https"} and parts.hostname else None
    except ValueError:
        return None


@dataclass(frozen=True, slots=True)
class Item:
    """Units of an article, as a mail names them."""

    title: str
    sku: str
    quantity: int


def items_of(lines: Sequence[ParcelLine], order: OrderSnapshot) -> list[Item]:
    """Name a parcel's lines by the order's; a line that the order does not show goes by its SKU."""
    titles = {line.id: line.title for line in order.lines}
    return [Item(titles.get(line.order_line_id, line.sku), line.sku, line.quantity) for line in lines]
