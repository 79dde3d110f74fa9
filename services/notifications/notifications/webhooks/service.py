"""Use cases of endpoints and deliveries. What calls an endpoint is in ``dispatching``."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

from common.auth import Caller
from common.database import UnitOfWork, uuid7
from common.events import Event, contract_for, dataschema_of, serialise, source_of
from common.http import check_version
from common.telemetry import logger
from notifications.clients.egress import Guard, UrlRefused
from notifications.feed.models import LoggedEvent
from notifications.webhooks.models import Delivery, DisabledReason, Webhook, sees_all
from notifications.webhooks.problems import (
    DeliveryNotFound,
    EventNotKept,
    PersonalDataNotGranted,
    ReplayTooLarge,
    TooManyWebhooks,
    WebhookIsDisabled,
    WebhookNotFound,
    wrong,
)
from notifications.webhooks.repository import DeliveryRepository, WebhookRepository
from notifications.webhooks.rules import DISABLE_AFTER, TYPES, WARN_AFTER, matches, unknown_patterns
from notifications.webhooks.signing import Secret

LOG = logger(__name__)

WEBHOOKS_EACH = 50
REPLAY_EVENTS = 50_000  # some two seconds of insertion
PII_SCOPE = "events:pii"
TEST_ATTRIBUTE = b'{"test":true,'


@dataclass(frozen=True, slots=True, kw_only=True)
class NewWebhook:
    """What an endpoint is registered with."""

    url: str = field(repr=False)
    description: str | None
    types: list[str]
    personal_data: bool


async def register(uow: UnitOfWork, wanted: NewWebhook, guard: Guard, *, by: Caller) -> Webhook:
    """Add an endpoint. Raises InvalidInput, PersonalDataNotGranted and TooManyWebhooks."""
    if wanted.personal_data and not by.has(PII_SCOPE):
        raise PersonalDataNotGranted
    webhook = Webhook(
        id=uuid7(),
        owner=by.subject or "",
        url=_checked_url(wanted.url, guard),
        description=wanted.description,
        types=_checked_types(wanted.types),
        personal_data=wanted.personal_data,
        secret=Secret.new(),
        subscribed_at=uow.now,
        created_at=uow.now,
        updated_at=uow.now,
    )
    if not await WebhookRepository(uow).add(webhook, most=WEBHOOKS_EACH):
        raise TooManyWebhooks(f"A login may have {WEBHOOKS_EACH} webhooks; delete one, or give one more types.")
    LOG.info("webhook.registered", webhook_id=str(webhook.id), owner=webhook.owner, host=webhook.host)
    return webhook


async def find(uow: UnitOfWork, webhook_id: UUID, *, by: Caller) -> Webhook:
    """Read an endpoint. Raises WebhookNotFound, also if it is another's."""
    webhook = await WebhookRepository(uow).find(webhook_id, owner=owner_seen_by(by))
    if webhook is None:
        raise WebhookNotFound(webhook_id)
    return webhook


async def lock(uow: UnitOfWork, webhook_id: UUID, *, by: Caller) -> Webhook:
    """Read an endpoint and lock its row. Raises WebhookNotFound, also if it is another's."""
    webhook = await WebhookRepository(uow).lock(webhook_id, owner=owner_seen_by(by))
    if webhook is None:
        raise WebhookNotFound(webhook_id)
    return webhook


def owner_seen_by(caller: Caller) -> str | None:
    """Whose endpoints the caller may see; None: everybody's."""
    return None if sees_all(caller) else caller.subject or ""


async def change(
    uow: UnitOfWork, webhook_id: UUID, given: dict[str, object], guard: Guard, *, version: int, by: Caller
) -> Webhook:
    """Change what ``given`` names. Raises WebhookNotFound, PreconditionFailed, InvalidInput, PersonalDataNotGranted."""
    webhook = await lock(uow, webhook_id, by=by)
    check_version(version, webhook.version)
    before = _editable(webhook)
    wanted = before | given
    if wanted == before:
        return webhook
    if wanted["personal_data"] and not webhook.personal_data and not by.has(PII_SCOPE):
        raise PersonalDataNotGranted
    if wanted["url"] != webhook.url:
        webhook.url = _checked_url(str(wanted["url"]), guard)
    if wanted["types"] != webhook.types:
        webhook.types, webhook.subscribed_at = _checked_types(wanted["types"]), uow.now
    webhook.description = str(wanted["description"]) if wanted["description"] is not None else None
    webhook.personal_data = bool(wanted["personal_data"])
    if wanted["status"] == "disabled" and webhook.status == "enabled":
        await disable(uow, webhook, "owner")
        return webhook
    if wanted["status"] == "enabled":
        webhook.enable(at=uow.now)
    await WebhookRepository(uow).save(webhook)
    LOG.info("webhook.changed", webhook_id=str(webhook.id), by=by.subject, fields=sorted(given))
    return webhook


def _editable(webhook: Webhook) -> dict[str, object]:
    return {
        "url": webhook.url,
        "description": webhook.description,
        "types": webhook.types,
        "personal_data": webhook.personal_data,
        "status": webhook.status,
    }


async def delete(uow: UnitOfWork, webhook_id: UUID, *, version: int, by: Caller) -> None:
    """Forget an endpoint; what is under way to it stops. Raises WebhookNotFound and PreconditionFailed."""
    webhook = await lock(uow, webhook_id, by=by)
    check_version(version, webhook.version)
    await WebhookRepository(uow).delete(webhook.id)
    LOG.info("webhook.deleted", webhook_id=str(webhook.id), by=by.subject)


async def disable(uow: UnitOfWork, webhook: Webhook, reason: DisabledReason) -> None:
    """Stop an endpoint whose row is locked, and what is under way to it, and announce that."""
    if not webhook.disable(reason, at=uow.now):
        return
    await WebhookRepository(uow).save(webhook)
    await WebhookRepository(uow).stop_deliveries(webhook.id)
    uow.publish(webhook.disabled_event())
    LOG.warning("webhook.disabled", webhook_id=str(webhook.id), host=webhook.host, reason=reason)


async def enable(uow: UnitOfWork, webhook_id: UUID, *, by: Caller) -> Webhook:
    """Let an endpoint get events again. What happened meanwhile is fetched by a replay. Raises WebhookNotFound."""
    webhook = await lock(uow, webhook_id, by=by)
    if webhook.enable(at=uow.now):
        await WebhookRepository(uow).save(webhook)
        LOG.info("webhook.enabled", webhook_id=str(webhook.id), by=by.subject)
    return webhook


async def rotate_secret(uow: UnitOfWork, webhook_id: UUID, *, by: Caller) -> Webhook:
    """Give an endpoint a new secret; the one before signs beside it for a day. Raises WebhookNotFound."""
    webhook = await lock(uow, webhook_id, by=by)
    webhook.rotate(at=uow.now)
    await WebhookRepository(uow).save(webhook)
    LOG.info("webhook.secret_rotated", webhook_id=str(webhook.id), by=by.subject)
    return webhook


# -- deliveries -------------------------------------------------------------------------------------------------------


async def send_test(uow: UnitOfWork, webhook_id: UUID, event_type: str | None, *, by: Caller) -> Delivery:
    """Queue the example of a type, marked as a test; without one, of the first type that the endpoint gets.

    Raises WebhookNotFound, WebhookIsDisabled, and InvalidInput for a type that the endpoint does not get.
    """
    webhook = await _lock_enabled(uow, webhook_id, by=by)
    wanted = [each for each in TYPES if any(matches(pattern, each) for pattern in webhook.types)]
    chosen = event_type or wanted[0]
    if chosen not in wanted:
        raise wrong("/type", f"{chosen} is none of the types that this webhook gets.")
    event = _example(chosen, now=uow.now)
    body = event.body if webhook.personal_data else event.public_body
    delivery_id = uuid7()
    deliveries = DeliveryRepository(uow, webhook.id)
    await deliveries.add_test(delivery_id, event.event_id, event_type=chosen, body=TEST_ATTRIBUTE + body[1:])
    return await _known(deliveries, delivery_id)


def _example(event_type: str, *, now: datetime) -> LoggedEvent:
    """Return an event of a type as it could have happened, with an id of its own."""
    contract = contract_for(event_type)
    if contract is None:
        raise wrong("/type", f"{event_type} is no event type.")
    extra = contract.model_config["json_schema_extra"]
    data = contract.model_validate(extra["examples"][0])  # type: ignore[index] # every contract has one
    return LoggedEvent.of(
        Event(
            id=uuid7(),
            type=event_type,
            source=source_of(contract.topic.service),
            subject=data.subject,
            time=now,
            sequence=1,
            correlation_id=None,
            causation_id=None,
            traceparent=None,
            data=data,
            dataschema=dataschema_of(contract),
            value=serialise(data),
        )
    )


async def replay(
    uow: UnitOfWork, webhook_id: UUID, *, since: datetime, until: datetime, types: Sequence[str] | None, by: Caller
) -> tuple[int, int]:
    """Send what happened in a time once more; returns the replay's number and how many events it has.

    Only what the endpoint gets today is sent, and of that what ``types`` names.
    Raises WebhookNotFound, WebhookIsDisabled, InvalidInput and ReplayTooLarge.
    """
    if since >= until:
        raise wrong("/until", "until is later than since.")
    webhook = await _lock_enabled(uow, webhook_id, by=by)
    wanted = _checked_types(types) if types is not None else list(webhook.types)
    deliveries = DeliveryRepository(uow, webhook.id)
    found = await deliveries.count_replayed(
        since, until, wanted=wanted, subscribed=webhook.types, most=REPLAY_EVENTS + 1
    )
    if found > REPLAY_EVENTS:
        raise ReplayTooLarge(f"More than {REPLAY_EVENTS} events lie between; ask for a shorter time or fewer types.")
    number, count = await deliveries.replay(since, until, wanted=wanted, subscribed=webhook.types)
    LOG.info("webhook.replayed", webhook_id=str(webhook.id), replay_no=number, events=count, by=by.subject)
    return number, count


async def retry(uow: UnitOfWork, webhook_id: UUID, delivery_id: UUID, *, by: Caller) -> Delivery:
    """Make a delivery again, from now and from the start of the schedule.

    Raises WebhookNotFound, DeliveryNotFound, WebhookIsDisabled and EventNotKept.
    """
    webhook = await _lock_enabled(uow, webhook_id, by=by)
    deliveries = DeliveryRepository(uow, webhook.id)
    await _known(deliveries, delivery_id)
    if not await deliveries.retry(delivery_id):
        raise EventNotKept(f"The event of delivery {delivery_id} has left the log, which holds 30 days.")
    return await _known(deliveries, delivery_id)


async def _known(deliveries: DeliveryRepository, delivery_id: UUID) -> Delivery:
    delivery = await deliveries.get(delivery_id)
    if delivery is None:
        raise DeliveryNotFound(delivery_id)
    return delivery


async def _lock_enabled(uow: UnitOfWork, webhook_id: UUID, *, by: Caller) -> Webhook:
    webhook = await lock(uow, webhook_id, by=by)
    if webhook.status != "enabled":
        raise WebhookIsDisabled(webhook_id)
    return webhook


# -- what time brings -------------------------------------------------------------------------------------------------


async def disable_failing(uow: UnitOfWork) -> int:
    """Stop the endpoints to which nothing got through for five days; returns how many."""
    webhooks = await WebhookRepository(uow).lock_failing(uow.now - DISABLE_AFTER)
    for webhook in webhooks:
        await disable(uow, webhook, "failing")
    return len(webhooks)


async def take_to_warn(uow: UnitOfWork) -> list[tuple[Webhook, timedelta]]:
    """Mark those to which nothing got through for three days as warned, and return each with what is left to it."""
    webhooks = await WebhookRepository(uow).take_unwarned(uow.now - WARN_AFTER)
    return [(each, DISABLE_AFTER - (uow.now - each.failing_since)) for each in webhooks if each.failing_since]


# -- what may be said -------------------------------------------------------------------------------------------------


def _checked_url(url: str, guard: Guard) -> str:
    try:
        return guard.check_url(url).url
    except UrlRefused as error:
        raise wrong("/url", f"{error}.".capitalize()) from error


def _checked_types(types: object) -> list[str]:
    wanted = list(dict.fromkeys(str(each) for each in types)) if isinstance(types, Sequence) else []
    if unknown := unknown_patterns(wanted):
        raise wrong("/types", f"{', '.join(unknown)}: no event type is called so; GET /v1/event-types lists them.")
    return wanted
