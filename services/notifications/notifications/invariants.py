"""What must always hold in the database of notifications."""

from common.events import CONTRACTS
from common.invariants import invariant
from notifications.webhooks import invariants as webhooks


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


@invariant
def every_event_that_came_is_in_the_log() -> str:
    """What the group `notifications.feed` has taken is in the log, unless it is a dead letter or past its 30 days.

    Partners will never be told of it. Was a type published that this build does not know (then deploy notifications
    before its publishers), or is `ON CONFLICT` of the append hit by a foreign row? Otherwise rows were deleted by hand.
    """
    return """
    SELECT i.event_id, i.received_at FROM inbox AS i CROSS JOIN event_log_floor AS f
    WHERE i.consumer = 'notifications.feed' AND i.received_at >= f.logged_before
        AND NOT EXISTS (SELECT FROM event_log AS e WHERE e.event_id = i.event_id)
        AND NOT EXISTS (
            SELECT FROM dead_letter AS d
            WHERE d.consumer = 'notifications.feed' AND d.event_id = i.event_id AND d.status <> 'redriven'
        )
    """


@invariant
def every_event_in_the_log_came() -> str:
    """Nothing is in the log that the group `notifications.feed` has not taken: partners would act on what never was.

    Someone wrote to the table by hand, or deleted from the inbox, whose rows outlive the log's.
    """
    return """
    SELECT e.position, e.event_id, e.type FROM event_log AS e
    WHERE NOT EXISTS (SELECT FROM inbox AS i WHERE i.consumer = 'notifications.feed' AND i.event_id = e.event_id)
    """


@invariant
def the_log_keeps_the_order_of_each_subject() -> str:
    """Events of one subject and topic stand in the order of their sequence, looked at for a day.

    A reader that takes the last one for the present state has an old one. Two processes appended one partition at a
    time without the inbox between them, or positions were given without the lock. Events that were dead letters come
    late and are left out.
    """
    topics = ", ".join(f"('{contract.type}', '{contract.topic.name}')" for contract in CONTRACTS)
    return f"""
    SELECT position, event_id, type, subject, sequence, before FROM (
        SELECT e.position, e.event_id, e.type, e.subject, e.sequence, max(e.sequence) OVER (
            PARTITION BY t.topic, e.subject ORDER BY e.position ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
        ) AS before
        FROM event_log AS e JOIN (VALUES {topics}) AS t(type, topic) USING (type)
        WHERE e.logged_at >= $1::timestamptz - interval '1 day' AND NOT EXISTS (
            SELECT FROM dead_letter AS d WHERE d.consumer = 'notifications.feed' AND d.event_id = e.event_id
        )
    ) AS seen WHERE sequence <= before
    """  # noqa: S608 - names of our own contracts


@invariant
def the_log_holds_what_it_says() -> str:
    """Nothing stands at or below the floor, and nothing is kept for a day longer than 30.

    Below the floor: a position was given a second time, so the table's identity was reset; readers that stand above it
    will never see these events. Older than 31 days: the sweep `forget-old-events` does not run or fails; read its log.
    """
    return """
    SELECT e.position, e.event_id, e.logged_at FROM event_log AS e CROSS JOIN event_log_floor AS f
    WHERE e.position <= f.position OR e.logged_at < $1::timestamptz - interval '31 days'
    """


INVARIANTS = (
    every_open_message_is_driven,
    every_ended_message_was_announced_once,
    one_mail_for_one_event,
    held_alerts_come_to_an_end,
    every_event_that_came_is_in_the_log,
    every_event_in_the_log_came,
    the_log_keeps_the_order_of_each_subject,
    the_log_holds_what_it_says,
    *webhooks.INVARIANTS,
)
