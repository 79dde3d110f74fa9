"""A service's dead letters over HTTP, under a literal path of its own.

Only whoever may change what the service owns sees them. What the event holds is shown to those with ``events:pii``
alone, since any field of it may be personal; its headers are ids, names and times.
"""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from fastapi import Depends, Query, Request
from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from common.auth import Caller, requires
from common.http import Answer, Router, Uow, answer_of, problems, runtime_of
from common.inbox._dead_letters import (
    DeadLetter,
    DeadLetterClosed,
    DeadLetterNotFound,
    DeadLetterStillFails,
    discarding,
    list_dead_letters,
    redriving,
    show_dead_letter,
)
from common.pagination import Page, Paging
from common.problems import RequestInProgress

PERSONAL = "events:pii"


class DeadLetterView(BaseModel):
    """An event that a consumer could not apply, and what became of it."""

    id: UUID
    consumer: str = Field(description="The consumer group in which the event has had no effect.")
    event_id: UUID
    type: str
    topic: str
    partition: int
    offset: int
    key: UUID = Field(description="The id of what the event is about.")
    error: str = Field(description="What the last attempt failed of, without the event's values.")
    attempts: int
    status: Literal["open", "redriven", "discarded"]
    created_at: datetime
    closed_at: datetime | None

    @classmethod
    def of(cls, letter: DeadLetter) -> "DeadLetterView":
        """Show all but headers and value."""
        return cls.model_validate(letter, from_attributes=True)


class WholeDeadLetterView(DeadLetterView):
    """A dead letter with the record as it came."""

    headers: dict[str, str]
    value: str | None = Field(
        description="The record's value as text, what is no UTF-8 replaced. Null for a delete, and where withheld."
    )
    withheld: bool = Field(description="Whether there is a value that is only shown with the scope `events:pii`.")

    @classmethod
    def for_caller(cls, letter: DeadLetter, caller: Caller) -> "WholeDeadLetterView":
        """Show the value to whoever may see personal data."""
        shown = letter.value if caller.has(PERSONAL) else None
        return cls(
            **DeadLetterView.of(letter).model_dump(),
            headers=letter.headers,
            value=shown.decode(errors="replace") if shown is not None else None,
            withheld=letter.value is not None and shown is None,
        )


class Discard(BaseModel):
    """Why a letter is discarded."""

    model_config = ConfigDict(extra="forbid")

    reason: Annotated[str, StringConstraints(min_length=1, max_length=500, pattern=r"^[^\x00]*$")] | None = Field(
        None, description="Goes to the log, with who discarded it."
    )


Group = Annotated[
    str | None, Query(max_length=100, pattern=r"^[a-z][a-z0-9.-]*$", description="Those of one consumer group.")
]
WithStatus = Annotated[Literal["open", "redriven", "discarded"] | None, Query(description="All, when absent.")]


def dead_letter_routes(service: str, *, scope: str) -> Router:
    """Make the routes of ``service``; ``scope`` is the one by which its own data is changed."""
    router = Router(prefix=f"/v1/dead-letters/{service}", tags=["dead letters"])
    allowed = Annotated[Caller, Depends(requires(scope))]

    @router.get("", name=f"list_{service}_dead_letters")
    async def list_letters(
        request: Request, page: Paging, caller: allowed, status: WithStatus = None, consumer: Group = None
    ) -> Answer[Page[DeadLetterView]]:
        """List events that could not be applied, oldest first."""
        filters = {"status": status, "consumer": consumer}
        position = page.position(UUID, filters=filters)
        found = await list_dead_letters(
            runtime_of(request).database,
            status=status,
            consumer=consumer,
            after=position[0] if position else None,
            limit=page.fetch,
        )
        view = Page.of(found, page.limit, lambda letter: (letter.id,), filters=filters).map(DeadLetterView.of)
        return answer_of(view, status=200)

    @router.get("/{letter_id}", name=f"read_{service}_dead_letter", responses=problems(DeadLetterNotFound))
    async def read_letter(request: Request, letter_id: UUID, caller: allowed) -> Answer[WholeDeadLetterView]:
        """Read one with its headers; with the scope `events:pii` its value too."""
        letter = await show_dead_letter(runtime_of(request).database, letter_id)
        return answer_of(WholeDeadLetterView.for_caller(letter, caller), status=200)

    @router.post(
        "/{letter_id}/redrive",
        name=f"redrive_{service}_dead_letter",
        responses=problems(DeadLetterNotFound, DeadLetterClosed, DeadLetterStillFails, RequestInProgress),
    )
    async def redrive_letter(request: Request, letter_id: UUID, caller: allowed, uow: Uow) -> Answer[DeadLetterView]:
        """Apply the event now that its cause is mended.

        The consumer's handler runs, and the letter is closed in the same transaction. If it fails again, the letter
        stays open with the new error.
        """
        consumers = runtime_of(request).service.consumers
        async with redriving(uow, consumers, letter_id, by=str(caller.subject)) as letter:
            return uow.answer(DeadLetterView.of(letter))

    @router.post(
        "/{letter_id}/discard",
        name=f"discard_{service}_dead_letter",
        responses=problems(DeadLetterNotFound, DeadLetterClosed, RequestInProgress),
    )
    async def discard_letter(
        letter_id: UUID, caller: allowed, uow: Uow, body: Discard | None = None
    ) -> Answer[DeadLetterView]:
        """Close one whose event shall have no effect."""
        reason = body.reason if body is not None else None
        async with discarding(uow, letter_id, by=str(caller.subject), reason=reason) as letter:
            return uow.answer(DeadLetterView.of(letter))

    return router
