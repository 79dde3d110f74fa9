"""What must always hold between events, endpoints and deliveries."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from common.database import UnitOfWork
from common.invariants import invariant

LAPSED_FOR = timedelta(minutes=10)
LAPSED = """
SELECT d.id, d.endpoint_id, d.lease_owner, d.lease_until
FROM delivery AS d JOIN webhook AS w ON w.id = d.endpoint_id AND w.status = 'enabled'
WHERE d.status = 'pending' AND d.lease_until < $1 AND (w.rest_until IS NULL OR w.rest_until < $2)
"""


@invariant
def every_event_has_its_deliveries() -> str:
    """Each event of the last day has a delivery to each endpoint that was enabled and asked for its type.

    The partner does not know what it does not know: replay the time for that endpoint, then look what wrote to
    `event_log` or deleted from `delivery` without `queue_deliveries`. Events that were logged within seconds of the
    endpoint's beginning may be on either side of it.
    """
    return """
    SELECT e.event_id, e.type, e.position, w.id AS endpoint_id
    FROM webhook AS w JOIN event_log AS e ON
        e.logged_at > greatest(w.subscribed_at + interval '15 seconds', $1::timestamptz - interval '1 day')
        AND w.types && ARRAY[e.type, split_part(e.type, '.', 1) || '.*', '*']
        AND NOT (e.subject = w.id AND starts_with(e.type, 'webhook.'))
    WHERE w.status = 'enabled' AND NOT EXISTS (
        SELECT FROM delivery AS d WHERE d.endpoint_id = w.id AND d.event_id = e.event_id AND d.replay_no = 0
    )
    """


@invariant
async def every_lease_is_taken_up(uow: UnitOfWork) -> Sequence[Mapping[str, Any]]:
    """No delivery lies ten minutes with a lease that has lapsed: whoever held it died, and nobody took it up.

    No process runs the role jobs, or its rounds fail: look for `dispatch.failed` in the log.
    """
    rows = await uow.fetch(LAPSED, uow.database.clock.now() - LAPSED_FOR, uow.now)
    return [dict(row) for row in rows]


@invariant
def every_delivery_ends_as_the_schedule_says() -> str:
    """A delivery that was taken had an attempt, one that was given up had ten (a test: one), one that waits had fewer.

    An outcome was written outside `record`. Retry the delivery; the partner drops what it has by its id.
    """
    return """
    SELECT id, endpoint_id, status, attempt FROM delivery
    WHERE (status = 'delivered' AND attempt = 0)
        OR (status = 'exhausted' AND attempt <> CASE WHEN test_body IS NULL THEN 10 ELSE 1 END)
        OR (status = 'pending' AND attempt >= CASE WHEN test_body IS NULL THEN 10 ELSE 1 END)
    """


@invariant
def nothing_waits_for_a_disabled_endpoint() -> str:
    """No delivery is pending for an endpoint that is disabled or deleted.

    It would go out when the endpoint is enabled, in front of what the owner then asks for. The sweep
    `stop-stray-deliveries` ends what was queued in the very moment: does it run?
    """
    return """
    SELECT d.id, d.endpoint_id, d.created_at FROM delivery AS d JOIN webhook AS w ON w.id = d.endpoint_id
    WHERE d.status = 'pending' AND w.status <> 'enabled' AND d.created_at < $1::timestamptz - interval '5 minutes'
        AND w.updated_at < $1::timestamptz - interval '5 minutes'
    """


@invariant
def every_delivery_has_its_endpoint() -> str:
    """No delivery is without the endpoint that it is for: an endpoint's row goes after its last delivery.

    Somebody deleted a row by hand. What is left of its deliveries can be deleted as well.
    """
    return """
    SELECT d.id, d.endpoint_id FROM delivery AS d
    WHERE NOT EXISTS (SELECT FROM webhook AS w WHERE w.id = d.endpoint_id)
    """


@invariant
def every_disabled_endpoint_was_announced() -> str:
    """An endpoint that was disabled has its event; looked at for half a day, while the outbox keeps it.

    Its owner and staff were not told. Write to the owner; the state was changed outside `disable`.
    """
    return """
    SELECT w.id, w.owner, w.disabled_reason, w.disabled_at FROM webhook AS w
    WHERE w.status = 'disabled' AND w.disabled_at > $1::timestamptz - interval '12 hours' AND NOT EXISTS (
        SELECT FROM outbox AS o WHERE o.topic = 'notifications.webhook.v1' AND o.key = w.id
            AND o.headers ->> 'ce_type' = 'webhook.disabled'
    )
    """


INVARIANTS = (
    every_event_has_its_deliveries,
    every_lease_is_taken_up,
    every_delivery_ends_as_the_schedule_says,
    nothing_waits_for_a_disabled_endpoint,
    every_delivery_has_its_endpoint,
    every_disabled_endpoint_was_announced,
)
