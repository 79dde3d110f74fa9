"""Partners' endpoints over HTTP: each partner sees its own, staff who look after them see all.

The routes that answer with a secret take no Idempotency-Key: a stored answer would keep the secret for whoever comes
with the key.
"""

from typing import Annotated
from uuid import UUID

from fastapi import Depends

from common.http import Answer, PlainUow, RequiredIfMatch, Router, Uow, etag_of, problems
from common.on_loop import on_loop
from common.pagination import Page, Paging
from common.problems import InvalidCursor, PreconditionFailed, PreconditionRequired, RequestInProgress
from notifications.dependencies import CanSubscribe, Resources
from notifications.webhooks import service
from notifications.webhooks.models import Webhook
from notifications.webhooks.problems import (
    DeliveryNotFound,
    EventNotKept,
    PersonalDataNotGranted,
    ReplayTooLarge,
    TooManyWebhooks,
    WebhookIsDisabled,
    WebhookNotFound,
)
from notifications.webhooks.repository import DeliveryRepository, WebhookRepository
from notifications.webhooks.schemas import (
    DeliveryFilterParams,
    DeliveryView,
    DeliveryWithAttempts,
    ReplayBody,
    ReplayView,
    TestBody,
    WebhookBody,
    WebhookPatch,
    WebhookView,
    WebhookWithSecret,
)

router = Router(prefix="/v1/webhooks", tags=["webhooks"])


def _versioned(webhook: Webhook) -> dict[str, str]:
    return {"ETag": etag_of(webhook.version)}


@router.get("", responses=problems(InvalidCursor))
async def list_webhooks(page: Paging, caller: CanSubscribe, uow: PlainUow) -> Answer[Page[WebhookView]]:
    """List webhooks, newest first."""
    rows = await WebhookRepository(uow).page(
        owner=service.owner_seen_by(caller), position=page.position(UUID), fetch=page.fetch
    )
    return uow.answer(Page.of(rows, page.limit, lambda webhook: (webhook.id,)).map(WebhookView.of))


@router.post("", status_code=201, responses=problems(TooManyWebhooks, PersonalDataNotGranted))
async def create_webhook(body: WebhookBody, caller: CanSubscribe, uow: PlainUow) -> Answer[WebhookWithSecret]:
    """Register a webhook.

    The answer holds its secret, this once. Events that happen from now on are posted to the URL, signed as Standard
    Webhooks 1.0 says. An Idempotency-Key is not looked at.
    """
    async with uow:
        webhook = await service.register(uow, body.wanted(), Resources.of(uow.database).guard, by=caller)
        headers = _versioned(webhook) | {"Location": f"/v1/webhooks/{webhook.id}"}
        return uow.answer(WebhookWithSecret.of(webhook), status=201, headers=headers)


@router.get("/{webhook_id}", responses=problems(WebhookNotFound))
async def read_webhook(webhook_id: UUID, caller: CanSubscribe, uow: PlainUow) -> Answer[WebhookView]:
    """Read a webhook."""
    webhook = await service.find(uow, webhook_id, by=caller)
    return uow.answer(WebhookView.of(webhook), headers=_versioned(webhook))


@router.patch(
    "/{webhook_id}",
    responses=problems(WebhookNotFound, PersonalDataNotGranted, PreconditionFailed, PreconditionRequired),
)
async def change_webhook(
    webhook_id: UUID, body: WebhookPatch, version: RequiredIfMatch, caller: CanSubscribe, uow: PlainUow
) -> Answer[WebhookView]:
    """Change a webhook.

    `{"status": "disabled"}` stops it: what is under way ends as `stopped`, and later events are not queued. A replay
    fetches both once it is enabled.
    """
    async with uow:
        guard = Resources.of(uow.database).guard
        webhook = await service.change(uow, webhook_id, body.given(), guard, version=version, by=caller)
        return uow.answer(WebhookView.of(webhook), headers=_versioned(webhook))


@router.delete(
    "/{webhook_id}",
    status_code=204,
    responses=problems(WebhookNotFound, PreconditionFailed, PreconditionRequired),
)
async def delete_webhook(
    webhook_id: UUID, version: RequiredIfMatch, caller: CanSubscribe, uow: PlainUow
) -> Answer[None]:
    """Delete a webhook."""
    async with uow:
        await service.delete(uow, webhook_id, version=version, by=caller)
        return uow.answer(None, status=204)


@router.post("/{webhook_id}/secret", responses=problems(WebhookNotFound))
async def rotate_webhook_secret(webhook_id: UUID, caller: CanSubscribe, uow: PlainUow) -> Answer[WebhookWithSecret]:
    """Give a webhook a new secret.

    The answer holds it, this once. For 24 hours deliveries carry two signatures, by the new secret and by the one
    before; a secret that is older yet ends at once. An Idempotency-Key is not looked at.
    """
    async with uow:
        webhook = await service.rotate_secret(uow, webhook_id, by=caller)
        return uow.answer(WebhookWithSecret.of(webhook), headers=_versioned(webhook))


@router.post("/{webhook_id}/enable", responses=problems(WebhookNotFound, RequestInProgress))
async def enable_webhook(webhook_id: UUID, caller: CanSubscribe, uow: Uow) -> Answer[WebhookView]:
    """Enable a webhook.

    It gets the events that happen from now on; what happened while it was disabled is fetched by a replay.
    """
    async with uow:
        webhook = await service.enable(uow, webhook_id, by=caller)
        return uow.answer(WebhookView.of(webhook), headers=_versioned(webhook))


@router.post(
    "/{webhook_id}/test",
    status_code=202,
    responses=problems(WebhookNotFound, WebhookIsDisabled, RequestInProgress),
)
async def send_test_event(
    webhook_id: UUID, caller: CanSubscribe, uow: Uow, body: TestBody | None = None
) -> Answer[DeliveryView]:
    """Send a test event.

    It is the example of a type, with `"test": true` beside its attributes and an id of its own, signed like any other.
    It is tried once; what came of it is read at the delivery.
    """
    async with uow:
        delivery = await service.send_test(uow, webhook_id, body.type if body else None, by=caller)
        uow.on_commit(Resources.of(uow.database).dispatcher.wake)
        return uow.answer(DeliveryView.of(delivery), status=202, headers=_location(webhook_id, delivery.id))


@router.post(
    "/{webhook_id}/replay",
    status_code=202,
    responses=problems(WebhookNotFound, WebhookIsDisabled, ReplayTooLarge, RequestInProgress),
)
async def replay_webhook(webhook_id: UUID, body: ReplayBody, caller: CanSubscribe, uow: Uow) -> Answer[ReplayView]:
    """Send past events again.

    By when they happened, as far back as 30 days; whether they got through the first time does not matter. They carry
    the ids that they had, in the order in which they were logged, and neither wait for new events nor hold them up.
    """
    async with uow:
        number, count = await service.replay(
            uow, webhook_id, since=body.since, until=body.until, types=body.types, by=caller
        )
        uow.on_commit(Resources.of(uow.database).dispatcher.wake)
        return uow.answer(ReplayView(replay_no=number, deliveries=count), status=202)


@router.get("/{webhook_id}/deliveries", responses=problems(InvalidCursor, WebhookNotFound))
async def list_deliveries(
    webhook_id: UUID,
    page: Paging,
    wanted: Annotated[DeliveryFilterParams, Depends(on_loop(DeliveryFilterParams))],
    caller: CanSubscribe,
    uow: PlainUow,
) -> Answer[Page[DeliveryView]]:
    """List a webhook's deliveries, newest first."""
    filters = {"webhook": webhook_id, "status": wanted.filters.status, "type": wanted.filters.type}
    position = page.position(int, filters=filters)
    webhook = await service.find(uow, webhook_id, by=caller)
    rows = await DeliveryRepository(uow, webhook.id).page(wanted.filters, position=position, fetch=page.fetch)
    found = Page.of(rows, page.limit, lambda delivery: (delivery.place,), filters=filters)
    return uow.answer(found.map(DeliveryView.of))


@router.get("/{webhook_id}/deliveries/{delivery_id}", responses=problems(WebhookNotFound, DeliveryNotFound))
async def read_delivery(
    webhook_id: UUID, delivery_id: UUID, caller: CanSubscribe, uow: PlainUow
) -> Answer[DeliveryWithAttempts]:
    """Read a delivery, with each attempt: when, how long, what was answered."""
    webhook = await service.find(uow, webhook_id, by=caller)
    deliveries = DeliveryRepository(uow, webhook.id)
    delivery = await deliveries.find(delivery_id)
    if delivery is None:
        raise DeliveryNotFound(delivery_id)
    return uow.answer(DeliveryWithAttempts.with_log(delivery, await deliveries.attempts(delivery_id)))


@router.post(
    "/{webhook_id}/deliveries/{delivery_id}/retry",
    status_code=202,
    responses=problems(WebhookNotFound, DeliveryNotFound, WebhookIsDisabled, EventNotKept, RequestInProgress),
)
async def retry_delivery(webhook_id: UUID, delivery_id: UUID, caller: CanSubscribe, uow: Uow) -> Answer[DeliveryView]:
    """Make a delivery again.

    Whatever came of it. One that waits for its next attempt is made now; one that has ended begins the schedule anew.
    """
    async with uow:
        delivery = await service.retry(uow, webhook_id, delivery_id, by=caller)
        uow.on_commit(Resources.of(uow.database).dispatcher.wake)
        return uow.answer(DeliveryView.of(delivery), status=202, headers=_location(webhook_id, delivery.id))


def _location(webhook_id: UUID, delivery_id: UUID) -> dict[str, str]:
    return {"Location": f"/v1/webhooks/{webhook_id}/deliveries/{delivery_id}"}
