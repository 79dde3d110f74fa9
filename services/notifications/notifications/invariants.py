"""What must always hold in the database of notifications."""

from common.invariants import invariant


@invariant
def every_open_message_is_driven() -> str:
    """A message that has not ended has a job, or a time at which it gets one that is not long past.

    Without either nobody will ever send it. Look for a parked `send-message` job of this message and requeue it; if
    there is none, set it to `queued` with `next_attempt_at` in the present, and the sweep takes it up. A time long past
    means that no process runs sweeps.
    """
    return """
    SELECT m.id, m.status, m.template, m.next_attempt_at FROM message AS m
    WHERE m.status IN ('queued', 'sending') AND (
        m.next_attempt_at < $1::timestamptz - interval '10 minutes'
        OR m.next_attempt_at IS NULL AND m.id::text NOT IN (
            SELECT convert_from(j.payload, 'UTF8')::jsonb ->> 'message_id' FROM pgqueuer AS j
            WHERE j.entrypoint = 'send-message' AND j.status IN ('queued', 'picked')
        )
    )
    """


@invariant
def every_ended_message_was_announced_once() -> str:
    """A message that was sent or failed has one event, of its own kind, and an open one has none.

    Otherwise others believe something else about it than we do. Compare the outbox rows of the message with its row; an
    event that is missing is announced again by hand, a wrong one means that an outcome was written outside
    `record_outcome`. Outbox rows are kept for a day, so older messages are judged by their count alone.
    """
    return """
    SELECT m.id, m.status, m.event_sequence, o.headers ->> 'ce_type' AS announced
    FROM message AS m LEFT JOIN outbox AS o ON o.topic = 'notifications.message.v1' AND o.key = m.id
    WHERE m.event_sequence <> (CASE WHEN m.status IN ('sent', 'failed') THEN 1 ELSE 0 END)
        OR o.headers ->> 'ce_type' <> 'message.' || m.status
        OR (m.status IN ('sent', 'failed') AND o.id IS NULL AND m.updated_at > $1::timestamptz - interval '12 hours')
    """


@invariant
def one_mail_for_one_event() -> str:
    """No event has two messages of one template for one recipient, however the address is written.

    Someone got the same mail twice. Look whether an event was redriven under another id, and whether the table's unique
    index is there.
    """
    return """
    SELECT event_id, template, lower(recipient) AS recipient, count(*) AS messages
    FROM message GROUP BY event_id, template, lower(recipient) HAVING count(*) > 1
    """


@invariant
def held_alerts_come_to_an_end() -> str:
    """No stock alert is held past the time at which it is told or given up.

    The sweep `address-held-alerts` does not run, or raises: read its log.
    """
    return (
        "SELECT event_id, type, give_up_at FROM held_alert WHERE give_up_at < $1::timestamptz - interval '10 minutes'"
    )


INVARIANTS = (
    every_open_message_is_driven,
    every_ended_message_was_announced_once,
    one_mail_for_one_event,
    held_alerts_come_to_an_end,
)
