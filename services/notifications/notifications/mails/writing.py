"""From an event to messages: rendered, stored and queued in the transaction that claims the event.

One event makes one message of a template for one recipient, however often it comes: the inbox sees to it, and behind it
the table's own unique index, which also holds after a redrive or a database that was put back.
"""

from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from email_validator import EmailNotValidError

from common.database import UnitOfWork, uuid7
from common.events import Event, serialise
from common.events.contracts.inventory import StockAlertEvent, StockLow, StockOut
from common.events.contracts.orders import OrderEvent
from common.inbox import Permanent
from common.telemetry import logger
from notifications.contacts import service as contacts
from notifications.contacts.service import Reachable
from notifications.dependencies import Resources
from notifications.mails.models import CHANNEL, Message
from notifications.mails.repository import HeldAlert, HeldAlertRepository, MessageRepository
from notifications.mails.rules import ADDRESS_SHOWN, UnsafeHeader, mailable, one_line
from notifications.mails.sending import SEND_MESSAGE, SendMessage

LOG = logger(__name__)

STOCK_SCOPE = "inventory:adjust"  # who may mend the stock is told that it is low
STOCK_TEMPLATES = {StockLow.type: "stock-low", StockOut.type: "stock-out"}
ALERTS: dict[str, type[StockAlertEvent]] = {StockLow.type: StockLow, StockOut.type: StockOut}
HELD_AT_ONCE = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class About:
    """What a message is about, for whoever looks for it later."""

    event_id: UUID
    order_id: UUID | None = None
    sku: str | None = None


async def write_to_buyer(uow: UnitOfWork, template: str, event: Event[OrderEvent], **details: object) -> None:
    """Write to whoever placed the order, at the address that the order names; nothing about an imported one.

    Whoever bought that was told by the system that it was imported from.
    """
    order = event.data.object
    if order.imported_from is not None or order.email is None or order.billing_address is None:
        return
    name = await contacts.customer_name(uow, order.customer_id) or order.billing_address.name
    await write_message(
        uow,
        template,
        to=Reachable(order.email, name),
        about=About(event_id=event.id, order_id=order.id),
        order=order,
        name=name,
        **details,
    )


async def write_to_staff(uow: UnitOfWork, alert: StockAlertEvent, *, event_id: UUID) -> bool:
    """Write to all who may adjust stock; False if nobody is known who may."""
    staff = await contacts.staff_with(uow, STOCK_SCOPE)
    for each in staff:
        await write_message(
            uow,
            STOCK_TEMPLATES[alert.type],
            to=each,
            about=About(event_id=event_id, sku=alert.object.sku),
            alert=alert,
            level=alert.object,
            name=each.name,
        )
    return bool(staff)


async def warn_or_hold(uow: UnitOfWork, event: Event[StockLow] | Event[StockOut]) -> None:
    """Write to staff, or hold the alert where no one is known yet.

    Users and alerts come on topics of their own, between which no order is promised: at a first start, or after
    contacts were rebuilt, an alert may be read before the users. Failing the event would hold up what is behind it on
    its partition, and dropping it would lose it. So it waits in a table, and no longer than it is news.
    """
    if await write_to_staff(uow, event.data, event_id=event.id):
        return
    hold: timedelta = Resources.of(uow.database).alert_hold
    data = serialise(event.data).decode()
    await HeldAlertRepository(uow).hold(HeldAlert(event.id, event.data.type, data, uow.now + hold))
    LOG.warning("alert.held", event_id=str(event.id), sku=event.data.object.sku)


async def address_held_alerts(uow: UnitOfWork) -> int:
    """Write the alerts that were held if there is someone now; give up the old ones. Returns how many ended."""
    held = HeldAlertRepository(uow)
    ended = []
    for each in await held.take(most=HELD_AT_ONCE):
        alert = ALERTS[each.type].model_validate_json(each.data)
        if await write_to_staff(uow, alert, event_id=each.event_id):
            ended.append(each.event_id)
        elif each.give_up_at <= uow.now:
            LOG.warning("alert.given_up", event_id=str(each.event_id), sku=alert.object.sku)
            ended.append(each.event_id)
    if ended:
        await held.drop(ended)
    return len(ended)


async def write_message(uow: UnitOfWork, template: str, *, to: Reachable, about: About, **words: object) -> None:
    """Render a message, store it and queue its sending.

    For an address that none can be it is stored as failed, so that people find it where they look for it.
    Raises Permanent if what it is about would break out of the subject's line.
    """
    try:
        rendered = Resources.of(uow.database).renderer.render(template, **words)
    except UnsafeHeader as error:
        raise Permanent(f"{template}: {error}") from error
    recipient, trouble = _recipient(to.email)
    message = Message(
        id=uuid7(),
        channel=CHANNEL,
        template=template,
        recipient=recipient,
        recipient_name=one_line(to.name or "") or None,
        subject=rendered.subject,
        body_text=rendered.text,
        body_html=rendered.html,
        order_id=about.order_id,
        sku=about.sku,
        event_id=about.event_id,
        status="failed" if trouble else "queued",
        attempts=0,
        sent_at=None,
        error=trouble,
        created_at=uow.now,
    )
    if not await MessageRepository(uow).add(message):
        return
    if trouble:
        uow.publish(message.failed_event())
        LOG.warning("message.failed", message_id=str(message.id), template=template, attempts=0)
    else:
        uow.enqueue(SEND_MESSAGE, SendMessage(message_id=message.id))


def _recipient(email: str) -> tuple[str, str | None]:
    """Return the address as it is kept, and what is wrong with it, if anything is."""
    try:
        return mailable(email).readable, None
    except EmailNotValidError as error:
        return one_line(email)[:ADDRESS_SHOWN], f"No mail address: {one_line(str(error))}"
