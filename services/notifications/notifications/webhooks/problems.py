"""What can go wrong with endpoints and deliveries."""

from uuid import UUID

from common.problems import Conflict, FieldError, Forbidden, InvalidInput, NotFound


class WebhookNotFound(NotFound):
    """There is no endpoint of this id, or it is not the caller's."""

    slug, title = "webhook-not-found", "No such webhook"

    def __init__(self, webhook_id: UUID) -> None:
        super().__init__(f"There is no webhook {webhook_id}.")


class DeliveryNotFound(NotFound):
    """The endpoint has no delivery of this id, or not any more: they are kept for 30 days."""

    slug, title = "delivery-not-found", "No such delivery"

    def __init__(self, delivery_id: UUID) -> None:
        super().__init__(f"There is no delivery {delivery_id} of this webhook; they are kept for 30 days.")


class WebhookIsDisabled(Conflict):
    """Nothing is sent to an endpoint that is disabled. Enable it first."""

    slug, title = "webhook-disabled", "The webhook is disabled"

    def __init__(self, webhook_id: UUID) -> None:
        super().__init__(f"The webhook {webhook_id} is disabled; POST /v1/webhooks/{webhook_id}/enable first.")


class TooManyWebhooks(Conflict):
    """A login may have so many endpoints and no more. Delete one, or let one endpoint take more types."""

    slug, title = "too-many-webhooks", "Too many webhooks"


class ReplayTooLarge(Conflict):
    """The time asked for holds more events than one replay takes. Ask for a part of it, or read the feed."""

    slug, title = "replay-too-large", "Too many events for one replay"


class EventNotKept(Conflict):
    """The event has left the log, which holds 30 days; it cannot be sent again."""

    slug, title = "event-not-kept", "The event is not kept any more"


class PersonalDataNotGranted(Forbidden):
    """Only who has the scope events:pii may have events with the personal data in them."""

    slug, title = "personal-data-not-granted", "Personal data needs the scope events:pii"

    def __init__(self) -> None:
        super().__init__("personal_data needs the scope events:pii, which this credential does not have.")


def wrong(pointer: str, detail: str) -> InvalidInput:
    """Refuse one field of the body."""
    return InvalidInput(detail, errors=[FieldError(pointer, detail)])
