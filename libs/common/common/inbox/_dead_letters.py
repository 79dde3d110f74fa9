"""Dead letters for people: list, look, redrive once the cause is mended, or discard.

Functions for the command line and the API; whoever offers them checks rights. Who redrove or discarded what is told in
the log, whatever came of it.
"""

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

import orjson
import structlog

from common.database import Database, UnitOfWork
from common.events import Topic, UnknownEvent, decode_record, encode_key
from common.inbox._consumer import Consumer
from common.inbox._delivery import apply_one
from common.inbox._verdicts import described
from common.problems import Conflict, NotFound

log = structlog.get_logger()

Status = Literal["open", "redriven", "discarded"]

COLUMNS = """id, consumer, event_id, type, topic, partition, "offset", key, headers, value, error, attempts, status,
    created_at, closed_at"""
LETTERS = f"SELECT {COLUMNS} FROM dead_letter"  # noqa: S608 - our own constant
LIST = f"""
{LETTERS}
WHERE ($1::text IS NULL OR status = $1) AND ($2::text IS NULL OR consumer = $2) AND ($3::uuid IS NULL OR id > $3)
ORDER BY id LIMIT $4
"""
SHOW = f"{LETTERS} WHERE id = $1"
LOCK = f"{SHOW} FOR NO KEY UPDATE"
CLOSE = "UPDATE dead_letter SET status = $2, closed_at = $3 WHERE id = $1"
FAILED_AGAIN = f"""
UPDATE dead_letter SET attempts = attempts + 1, error = $2 WHERE id = $1 AND status = 'open' RETURNING {COLUMNS}
"""  # noqa: S608 - our own constant


class DeadLetterNotFound(NotFound):
    """There is no dead letter of this id. List the open ones to find it."""

    slug, title = "dead-letter-not-found", "No such dead letter"


class DeadLetterClosed(Conflict):
    """The dead letter was redriven or discarded before; its event is not applied a second time."""

    slug, title = "dead-letter-closed", "The dead letter is closed"


class DeadLetterStillFails(Conflict):
    """The handler failed on the event again, or is gone. Mend the cause first, or discard the letter."""

    slug, title = "dead-letter-still-fails", "The event fails again"

    def __init__(self, letter_id: UUID, cause: Exception) -> None:
        self.error = described(cause).replace("\x00", "\ufffd")
        super().__init__(f"The dead letter {letter_id} failed again: {self.error}", error=self.error)


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """An event that its consumer could not apply, as it came."""

    id: UUID
    consumer: str
    event_id: UUID
    type: str
    topic: str
    partition: int
    offset: int
    key: UUID
    headers: dict[str, str]
    value: bytes | None
    error: str
    attempts: int
    status: Status
    created_at: datetime
    closed_at: datetime | None


async def list_dead_letters(
    database: Database,
    *,
    status: Status | None = "open",
    consumer: str | None = None,
    after: UUID | None = None,
    limit: int = 100,
) -> list[DeadLetter]:
    """List letters, oldest first, as keyset pages by id."""
    return [_letter(row) for row in await database.uow().single(LIST, status, consumer, after, limit)]


async def show_dead_letter(database: Database, letter_id: UUID) -> DeadLetter:
    """Return one letter with its headers and value. Raises DeadLetterNotFound."""
    row = await database.uow().single_row(SHOW, letter_id)
    if row is None:
        raise DeadLetterNotFound(f"No dead letter has the id {letter_id}.")
    return _letter(row)


@asynccontextmanager
async def redriving(
    uow: UnitOfWork, consumers: Iterable[Consumer], letter_id: UUID, *, by: str
) -> AsyncIterator[DeadLetter]:
    """Run the consumer's handler, close the letter, then run the block: one transaction, which begins and ends here.

    Raises DeadLetterNotFound, DeadLetterClosed, and DeadLetterStillFails when the handler fails again or this service
    has no such consumer any more: the letter then stays open, with the new error.
    """
    entered = False
    try:
        async with uow:
            entered = True
            letter = await _open_letter(uow, letter_id)
            await _apply(letter, consumers, uow)
            yield await _close(uow, letter, "redriven")
    except Exception as error:
        if not entered or isinstance(error, (DeadLetterNotFound, DeadLetterClosed)):
            raise
        failure = error if isinstance(error, DeadLetterStillFails) else DeadLetterStillFails(letter_id, error)
        row = await uow.database.uow().single_row(FAILED_AGAIN, letter_id, failure.error)
        said = _named(_letter(row) if row is not None else None, letter_id)
        log.warning("dead_letter.redriven", outcome="failed", error=failure.error, by=by, **said)
        raise failure from failure.__cause__ or error
    log.info("dead_letter.redriven", outcome="applied", by=by, **_named(letter, letter_id))


@asynccontextmanager
async def discarding(
    uow: UnitOfWork, letter_id: UUID, *, by: str, reason: str | None = None
) -> AsyncIterator[DeadLetter]:
    """Close a letter whose event shall have no effect, then run the block: one transaction, as in ``redriving``.

    Raises DeadLetterNotFound and DeadLetterClosed.
    """
    async with uow:
        letter = await _open_letter(uow, letter_id)
        yield await _close(uow, letter, "discarded")
    log.info("dead_letter.discarded", reason=reason, by=by, **_named(letter, letter_id))


async def _close(uow: UnitOfWork, letter: DeadLetter, status: Status) -> DeadLetter:
    closed_at = uow.database.clock.now()
    await uow.execute(CLOSE, letter.id, status, closed_at)
    return replace(letter, status=status, closed_at=closed_at)


async def _open_letter(uow: UnitOfWork, letter_id: UUID) -> DeadLetter:
    row = await uow.fetchrow(LOCK, letter_id)
    if row is None:
        raise DeadLetterNotFound(f"No dead letter has the id {letter_id}.")
    letter = _letter(row)
    if letter.status != "open":
        raise DeadLetterClosed(f"The dead letter {letter_id} was {letter.status} at {letter.closed_at}.")
    return letter


async def _apply(letter: DeadLetter, consumers: Iterable[Consumer], uow: UnitOfWork) -> None:
    """Run the handler. What it raises becomes the refusal that is kept under an Idempotency-Key."""
    try:
        await _handle(letter, consumers, uow)
    except Exception as error:
        raise DeadLetterStillFails(letter.id, error) from error


async def _handle(letter: DeadLetter, consumers: Iterable[Consumer], uow: UnitOfWork) -> None:
    consumer = next((each for each in consumers if each.group == letter.consumer), None)
    topic = next((each for each in _topics(consumer) if each.name == letter.topic), None)
    if consumer is None or topic is None:
        raise Conflict(f"No consumer {letter.consumer} listens to {letter.topic} here any more. Discard the letter.")
    message = decode_record(topic, letter.headers, encode_key(letter.key), letter.value)
    if isinstance(message, UnknownEvent) or not (letter.value is None or consumer.listens_to(letter.type)):
        raise Conflict(f"{letter.consumer} does not listen to {letter.type} any more. Discard the letter.")
    await apply_one(consumer, message, uow)


def _topics(consumer: Consumer | None) -> tuple[Topic, ...]:
    return consumer.topics if consumer is not None else ()


def _named(letter: DeadLetter | None, letter_id: UUID) -> dict[str, str]:
    """What a log line says of a letter; its id alone when somebody else has closed it meanwhile."""
    if letter is None:
        return {"id": str(letter_id)}
    return {
        "id": str(letter_id),
        "consumer": letter.consumer,
        "event_id": str(letter.event_id),
        "type": letter.type,
    }


def _letter(row: Any) -> DeadLetter:  # noqa: ANN401 - an asyncpg record
    values = dict(row)
    values["headers"] = orjson.loads(values["headers"])
    return DeadLetter(**values)
