"""What an endpoint's owner is told by mail. The event and the log tell everybody else."""

from datetime import timedelta

from common.database import UnitOfWork, uuid7
from common.events import Event
from common.events.contracts.notifications import WebhookDisabled
from notifications.contacts import service as contacts
from notifications.mails.writing import About, write_message
from notifications.webhooks import service


async def tell_owner(event: Event[WebhookDisabled], uow: UnitOfWork) -> None:
    """Tell the owner that an endpoint gets nothing any more, unless that was the owner's own doing."""
    webhook = event.data.object
    if webhook.disabled_reason == "owner" or (owner := await contacts.login(uow, webhook.owner)) is None:
        return
    await write_message(
        uow,
        "webhook-disabled",
        to=owner,
        about=About(event_id=event.id),
        name=owner.name,
        host=webhook.host,
        description=webhook.description,
        webhook_id=webhook.id,
        reason=webhook.disabled_reason,
    )


async def warn_owners(uow: UnitOfWork) -> int:
    """Tell owners whose endpoints took nothing for three days what will come of it; returns how many endpoints."""
    failing = await service.take_to_warn(uow)
    for webhook, left in failing:
        owner = await contacts.login(uow, webhook.owner)
        if owner is None:
            continue
        await write_message(
            uow,
            "webhook-failing",
            to=owner,
            about=About(event_id=uuid7()),  # no event says so: the mark on the endpoint makes it one mail
            name=owner.name,
            host=webhook.host,
            description=webhook.description,
            webhook_id=webhook.id,
            failing_since=webhook.failing_since,
            hours_left=max(1, left // timedelta(hours=1)),
        )
    return len(failing)
