"""Dead letters for people: list, look, redrive once the cause is mended, or discard.

Functions for the command line and the API; whoever offers them checks rights and writes the audit row.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

import orjson

from common.database import Database, UnitOfWork
from common.events import Topic, UnknownEvent, decode_record, encode_key
from common.inbox._consumer import Consumer
from common.inbox._delivery import apply_one
from common.inbox._verdicts import described
from common.problems import Conflict, NotFound

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
FAILED_AGAIN = "UPDATE dead_letter SET attempts = attempts + 1, error = $2 WHERE id = $1 AND status = 'open'"


class DeadLetterNotFound(NotFound):
    """There is no dead letter of this id. List the open ones to find it."""

    slug, title = "dead-letter-not-found", "No such dead letter"


class DeadLetterClosed(Conflict):
    """The dead letter was redriven or discarded before; its event is not applied a second time."""

    slug, title = "dead-letter-closed", "The dead letter is closed"


class DeadLetterStillFails(Conflict):
    """The handler failed on the event again, or is gone. Mend the cause first, or discard the letter."""

    slug, title = "dead-letter-still-fails", "The event fails again"


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


async def redrive_dead_letter(database: Database, consumers: Iterable[Consumer], letter_id: UUID) -> DeadLetter:
    """Run the consumer's handler and close the letter, in one transaction. Returns the closed letter.

    Raises DeadLetterNotFound, DeadLetterClosed, and DeadLetterStillFails when the handler fails again or this service
    has no such consumer any more: the letter then stays open, with the new error.
    """
    try:
        async with database.uow() as uow:
            letter = await _open_letter(uow, letter_id)
            await _apply(letter, consumers, uow)
            return await _close(uow, letter, "redriven")
    except (DeadLetterNotFound, DeadLetterClosed):
        raise
    except Exception as error:
        await database.uow().single(FAILED_AGAIN, letter_id, described(error).replace("\x00", "\ufffd"))
        raise DeadLetterStillFails(f"The dead letter {letter_id} failed again: {described(error)}") from error


async def discard_dead_letter(database: Database, letter_id: UUID) -> DeadLetter:
    """Close a letter whose event shall have no effect. Raises DeadLetterNotFound and DeadLetterClosed."""
    async with database.uow() as uow:
        letter = await _open_letter(uow, letter_id)
        return await _close(uow, letter, "discarded")


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


def _letter(row: Any) -> DeadLetter:  # noqa: ANN401 - an asyncpg record
    values = dict(row)
    values["headers"] = orjson.loads(values["headers"])
    return DeadLetter(**values)
