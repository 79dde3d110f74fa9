"""The one list of the service's own metrics."""

from common.telemetry import Metric

MAIL_ATTEMPTS = Metric(
    "mail_attempts_total",
    "counter",
    "Attempts to hand a mail over, by how they ended.",
    "Outcome postponed rising: is the mail server up, are login and sender right? Outcome failed: read the errors in "
    "/v1/messages?status=failed.",
    ("template", "outcome"),
)

OPEN_STREAMS = Metric(
    "event_streams_open",
    "gauge",
    "Event streams that readers hold open.",
    "Near NOTIFICATIONS_STREAM_LIMIT: start another process, or ask who opens so many.",
)
STREAMS_REFUSED = Metric(
    "event_streams_refused_total",
    "counter",
    "Event streams refused with 503 because as many were open as the process serves.",
    "Any: start another process, or raise NOTIFICATIONS_STREAM_LIMIT where memory allows.",
)
FEED_LAG = Metric(
    "event_log_lag_seconds",
    "gauge",
    "Age of the oldest event of the last batch when it got its place in the log that feed, stream and webhooks read.",
    "Above 30 for minutes: is the group notifications.feed paused or behind (consumer_lag_seconds), does the "
    "publisher's relay lead (outbox_oldest_unpublished_seconds)?",
)

WEBHOOK_ATTEMPTS = Metric(
    "webhook_attempts_total",
    "counter",
    "Calls of partners' endpoints, by how they ended.",
    "Any but delivered rising: one partner's (GET /v1/webhooks, failing_since), or everybody's: connect and timeout at "
    "all of them is our own way out, address our name servers or WEBHOOK_ALLOWED_TARGETS.",
    ("outcome",),
)
WEBHOOK_LAG = Metric(
    "webhook_oldest_due_seconds",
    "gauge",
    "How long the delivery waits that has been due for longest.",
    "Above 60 with webhook_endpoints failing at 0: does a process with the role jobs run, does its log say "
    "dispatch.failed? With an endpoint that hangs it is that one's own backlog.",
)
WEBHOOK_ENDPOINTS = Metric(
    "webhook_endpoints",
    "gauge",
    "Partners' endpoints: enabled, failing (enabled, and the last attempts failed), disabled.",
    "Failing rising: write to the owners before five days are over; several at once: look at our own way out.",
    ("state",),
)

METRICS = (
    MAIL_ATTEMPTS,
    OPEN_STREAMS,
    STREAMS_REFUSED,
    FEED_LAG,
    WEBHOOK_ATTEMPTS,
    WEBHOOK_LAG,
    WEBHOOK_ENDPOINTS,
)
