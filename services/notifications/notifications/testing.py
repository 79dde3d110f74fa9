"""Factories and a mail server for tests; production code may not import it."""

import asyncio
from datetime import UTC, datetime
from email import message_from_string
from email.message import EmailMessage
from email.policy import default as default_policy
from functools import partial
from typing import Any, TypeVar
from uuid import UUID

import orjson
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from common.database import uuid7
from common.events import EventContract
from common.events.contracts.gateway import UserRegistered
from common.events.contracts.inventory import StockAlertEvent, StockLow
from common.events.contracts.orders import CustomerRegistered, OrderEvent, OrderPlaced
from notifications.feed.models import LoggedEvent

E = TypeVar("E", bound=EventContract)
O = TypeVar("O", bound=OrderEvent)  # noqa: E741 - an order's event


class MailServer:
    """A real SMTP server on a fixed port, in the test's loop; keeps what it takes and refuses what it is told to."""

    def __init__(self, port: int, *, smtputf8: bool = True) -> None:
        self.port = port
        self.smtputf8 = smtputf8
        self.mails: list[EmailMessage] = []
        self.recipients: list[str] = []
        self.logins: list[str] = []  # it takes passwords in the clear: that is for clients not to offer
        self.refuse_recipient: str | None = None  # the answer to RCPT
        self.refuse_data: str | None = None  # the answer to the text
        self.refuse_sender: str | None = None  # the answer to MAIL FROM
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        """Listen."""
        receive = partial(
            SMTP, self, enable_SMTPUTF8=self.smtputf8, auth_require_tls=False, authenticator=self._authenticate
        )
        self._server = await asyncio.get_running_loop().create_server(receive, "127.0.0.1", self.port)

    async def stop(self) -> None:
        """Listen no more."""
        if self._server is not None:
            self._server.close()
            await self._server.wait_closed()
            self._server = None

    def _authenticate(
        self, server: SMTP, session: Session, envelope: Envelope, mechanism: str, auth_data: object
    ) -> AuthResult:
        if isinstance(auth_data, LoginPassword):
            self.logins.append(auth_data.login.decode())
        return AuthResult(success=True)

    async def handle_MAIL(  # noqa: N802 - aiosmtpd's name
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        """Take or refuse the sender."""
        if self.refuse_sender:
            return self.refuse_sender
        envelope.mail_from = address
        envelope.mail_options.extend(options)
        return "250 OK"

    async def handle_RCPT(  # noqa: N802 - aiosmtpd's name
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        """Take or refuse a recipient."""
        if self.refuse_recipient:
            return self.refuse_recipient
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802 - aiosmtpd's name
        """Take or refuse the text."""
        if self.refuse_data:
            return self.refuse_data
        content = envelope.content if isinstance(envelope.content, bytes) else (envelope.content or "").encode()
        self.mails.append(message_from_string(content.decode(), _class=EmailMessage, policy=default_policy))
        self.recipients += envelope.rcpt_tos
        return "250 taken"


def text_of(mail: EmailMessage) -> str:
    """Return a mail's plain text."""
    return _part(mail, "plain")


def html_of(mail: EmailMessage) -> str:
    """Return a mail's page."""
    return _part(mail, "html")


def _part(mail: EmailMessage, kind: str) -> str:
    part = mail.get_body((kind,))
    assert part is not None, f"the mail has no {kind} part"  # noqa: S101 - a test's helper
    text: str = part.get_content()
    return text


def example_of(contract: type[E]) -> E:
    """Return the contract's own example."""
    extra: Any = contract.model_config["json_schema_extra"]
    return contract.model_validate(extra["examples"][0])


def order_event(contract: type[O] = OrderPlaced, *, order_id: UUID | None = None, **order: Any) -> O:  # type: ignore[assignment] # noqa: ANN401 - fields
    """Make an event of an order that is like the example but for its id and ``order``."""
    event = example_of(contract)
    changed = event.object.model_copy(update={"id": order_id or uuid7(), **order})
    return event.model_copy(update={"object": changed})


def alert(contract: type[StockAlertEvent] = StockLow, *, sku: str = "MUG-BLUE") -> StockAlertEvent:
    """Make an alert about a level of its own."""
    event = example_of(contract)
    return event.model_copy(update={"object": event.object.model_copy(update={"id": uuid7(), "sku": sku})})


def user(**fields: Any) -> UserRegistered:  # noqa: ANN401 - fields
    """Make a member of the warehouse's staff known."""
    event = example_of(UserRegistered)
    return event.model_copy(update={"object": event.object.model_copy(update={"id": uuid7(), **fields})})


def customer(**fields: Any) -> CustomerRegistered:  # noqa: ANN401 - fields
    """Make a customer known."""
    event = example_of(CustomerRegistered)
    return event.model_copy(update={"object": event.object.model_copy(update={"id": uuid7(), **fields})})


def logged(
    event_type: str = "order.placed",
    *,
    subject: UUID | None = None,
    sequence: int = 1,
    happened_at: datetime | None = None,
    size: int = 0,
) -> LoggedEvent:
    """Make an event as the log has it; whole it is ``size`` bytes longer than without personal data."""
    event_id, about = uuid7(), subject or uuid7()
    public = {"id": str(event_id), "type": event_type, "subject": str(about), "data": {"n": sequence}}
    return LoggedEvent(
        event_id=event_id,
        type=event_type,
        subject=about,
        sequence=sequence,
        happened_at=happened_at or datetime.now(UTC),
        body=orjson.dumps(public | {"email": "a" * size}),
        public_body=orjson.dumps(public),
    )
