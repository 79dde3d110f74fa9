"""From a stored message to the mail server, at least once.

An attempt is claimed in one transaction, the mail is handed over in none, the outcome is written in another. A process
that dies between the last two leaves the message ``sending``; its job runs again and the mail goes out a second time,
with the same Message-ID, by which the second can be told. Nothing can close that gap: the mail server is no part of our
transaction. It is as narrow as one round trip to the database.
"""

from uuid import UUID

from pydantic import BaseModel

from common.database import UnitOfWork
from common.scheduling import Backoff, Job, JobRun
from common.telemetry import logger
from notifications.clients.mailer import Accepted, NotNow, Outcome, Refused
from notifications.dependencies import Resources
from notifications.mails.models import Message
from notifications.mails.repository import MessageRepository
from notifications.metrics import MAIL_ATTEMPTS

LOG = logger(__name__)

DUE_AT_ONCE = 200
CUT_SHORT = "The last attempt was cut short; the mail may have gone out all the same."


class SendMessage(BaseModel):
    """Which message to send."""

    message_id: UUID


async def send_message(payload: SendMessage, run: JobRun) -> None:
    """Make one attempt. A message that has ended meanwhile, or rests, is left alone."""
    resources = Resources.of(run.database)
    async with run.uow() as uow:
        message = await claim_message(uow, payload.message_id, send_attempts=resources.send_attempts)
    if message is None:
        return
    outcome = await resources.mailer.send(message.as_mail())
    async with run.uow() as uow:
        status = await record_outcome(uow, message, outcome, resources=resources)
    run.runtime.metrics.count(MAIL_ATTEMPTS, message.template, status)


async def claim_message(uow: UnitOfWork, message_id: UUID, *, send_attempts: int) -> Message | None:
    """Begin an attempt; None if there is nothing to do. A message whose attempts were all cut short has failed."""
    message = await MessageRepository(uow).claim(message_id)
    if message is not None and message.attempts > send_attempts:
        await _fail(uow, message, CUT_SHORT)
        return None
    return message


async def record_outcome(uow: UnitOfWork, message: Message, outcome: Outcome, *, resources: Resources) -> str:
    """Write down what became of an attempt, announce it where it is the end, and return it in one word."""
    match outcome:
        case Accepted():
            sent = await MessageRepository(uow).mark_sent(message.id)
            if sent is not None:
                uow.publish(sent.sent_event())
                LOG.info("message.sent", message_id=str(sent.id), template=sent.template, attempts=sent.attempts)
            return "sent"
        case Refused(reason):
            await _fail(uow, message, reason)
            return "failed"
        case NotNow(reason) if message.attempts >= resources.send_attempts:
            await _fail(uow, message, reason)
            return "failed"
        case NotNow(reason):
            until = uow.now + resources.backoff.delay(message.attempts)
            await MessageRepository(uow).postpone(message, until=until, error=reason)
            LOG.warning("message.postponed", message_id=str(message.id), attempts=message.attempts, until=str(until))
            return "postponed"


async def _fail(uow: UnitOfWork, message: Message, reason: str) -> None:
    failed = await MessageRepository(uow).mark_failed(message.id, reason)
    if failed is not None:
        uow.publish(failed.failed_event())
        LOG.warning("message.failed", message_id=str(failed.id), template=failed.template, attempts=failed.attempts)


async def queue_due_messages(uow: UnitOfWork) -> int:
    """Give each message whose rest is over a job again. Returns how many."""
    due = await MessageRepository(uow).take_due(most=DUE_AT_ONCE)
    for message_id in due:
        uow.enqueue(SEND_MESSAGE, SendMessage(message_id=message_id))
    return len(due)


# Failures of the mail server are outcomes and never reach the queue's own retries: those are for a database that is
# away and for processes that die, and are many so that neither parks a mail.
SEND_MESSAGE = Job("send-message", send_message, SendMessage, max_attempts=100, backoff=Backoff())
