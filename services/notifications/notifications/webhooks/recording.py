"""What became of attempts: written down, announced where it is the end, told to nobody else."""

import time
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from uuid import UUID

from common.database import UnitOfWork
from common.telemetry import logger
from notifications.webhooks import service
from notifications.webhooks.models import Outcome, Webhook
from notifications.webhooks.queue import DeliveryQueue
from notifications.webhooks.repository import WebhookRepository
from notifications.webhooks.rules import GONE, LONGEST_PAUSE, LONGEST_REST, OWN_TYPES, rest_before

LOG = logger(__name__)

SUCCESS_NOTED_EVERY = timedelta(minutes=1)  # else a busy endpoint's row would be written with each of its deliveries


async def record(
    uow: UnitOfWork, queue: DeliveryQueue, outcomes: Sequence[Outcome], *, random: Callable[[], float]
) -> None:
    """Write down how attempts ended, all in the unit of work's one transaction.

    May be called again with the same outcomes when nobody knows whether it committed: each is written once.
    """
    endpoints = await WebhookRepository(uow).lock_several(
        sorted({outcome.delivery.endpoint_id for outcome in outcomes})
    )
    await queue.mark_delivered([outcome for outcome in outcomes if outcome.failure is None])
    failed = [(outcome, _next_attempt(outcome, uow.now, random)) for outcome in outcomes if outcome.failure is not None]
    ours = await queue.mark_failed(failed)
    elapsed = time.monotonic()
    await queue.add_attempts(
        [(outcome, uow.now - timedelta(seconds=max(0.0, elapsed - outcome.started))) for outcome in outcomes]
    )
    await _note_health(queue, endpoints, [each for each in outcomes if not each.delivery.test], now=uow.now)
    gone = {outcome.delivery.endpoint_id for outcome in outcomes if outcome.status == GONE}
    _announce_exhausted(uow, endpoints, (outcome for outcome, _ in failed if outcome.delivery.id in ours), gone)
    for endpoint_id in sorted(gone & endpoints.keys()):
        await service.disable(uow, endpoints[endpoint_id], "gone")


def _next_attempt(outcome: Outcome, now: datetime, random: Callable[[], float]) -> datetime:
    if outcome.delivery.last:
        return now
    rest = rest_before(outcome.delivery.attempt + 1, random=random)
    asked = min(outcome.rest or timedelta(0), LONGEST_REST)
    return now + max(rest, asked)


async def _note_health(
    queue: DeliveryQueue, endpoints: dict[UUID, Webhook], outcomes: Sequence[Outcome], *, now: datetime
) -> None:
    """One success says that an endpoint is well, whatever else failed beside it."""
    well = {outcome.delivery.endpoint_id for outcome in outcomes if outcome.failure is None} & endpoints.keys()
    await queue.note_success([each for each in sorted(well) if _worth_noting(endpoints[each], now)])
    rests: dict[UUID, datetime | None] = {}
    for outcome in outcomes:
        endpoint = endpoints.get(outcome.delivery.endpoint_id)
        if endpoint is None or endpoint.id in well or outcome.failure is None:
            continue
        if outcome.rest is not None:
            until = now + min(outcome.rest, LONGEST_PAUSE)
            endpoint.rest_until = max(endpoint.rest_until or until, until)
        if endpoint.failing_since is None or outcome.rest is not None:
            rests[endpoint.id] = endpoint.rest_until
    for endpoint_id in rests:
        endpoints[endpoint_id].failing_since = endpoints[endpoint_id].failing_since or now
    await queue.note_failure(rests)


def _worth_noting(webhook: Webhook, now: datetime) -> bool:
    known = webhook.last_success_at is not None and webhook.last_success_at > now - SUCCESS_NOTED_EVERY
    return not known or webhook.failing_since is not None or webhook.rest_until is not None


def _announce_exhausted(
    uow: UnitOfWork, endpoints: dict[UUID, Webhook], outcomes: Iterable[Outcome], gone: set[UUID]
) -> None:
    """Tell of each delivery whose last attempt failed.

    Tests are nobody else's business. An event about endpoints that cannot be delivered makes no other one: two
    endpoints that are both away would tell each other so for ever.
    """
    for outcome in outcomes:
        delivery = outcome.delivery
        endpoint = endpoints.get(delivery.endpoint_id)
        if not delivery.last or delivery.test or endpoint is None or delivery.endpoint_id in gone:
            continue
        LOG.warning("delivery.exhausted", delivery_id=str(delivery.id), webhook_id=str(endpoint.id), type=delivery.type)
        if not delivery.type.startswith(OWN_TYPES):
            uow.publish(endpoint.exhausted_event(outcome))
