"""What was sent, to whom, and what became of it."""

from dataclasses import asdict
from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import Depends

from common.http import Answer, PlainUow, Router, problems
from common.on_loop import on_loop
from common.pagination import Page, Paging
from common.problems import Forbidden, InvalidCursor
from notifications.dependencies import CanReadMessages
from notifications.mails.repository import MessageRepository
from notifications.mails.schemas import MessageFilters, MessageView

router = Router(prefix="/v1/messages", tags=["messages"])


@router.get("", responses=problems(InvalidCursor))
async def list_messages(
    page: Paging,
    wanted: Annotated[MessageFilters, Depends(on_loop(MessageFilters))],
    caller: CanReadMessages,
    uow: PlainUow,
) -> Answer[Page[MessageView]]:
    """List messages, newest first."""
    if wanted.filters.recipient is not None and not caller.personal_data:
        raise Forbidden("This role sees no personal data, so it cannot look for an e-mail address either.")
    filters = asdict(wanted.filters)
    position = page.position(datetime, UUID, filters=filters)
    messages = await MessageRepository(uow).page(wanted.filters, position=position, fetch=page.fetch)
    found = Page.of(messages, page.limit, lambda message: (message.created_at, message.id), filters=filters)
    return uow.answer(found.map(MessageView.seen_by(caller)))
