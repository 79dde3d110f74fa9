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

METRICS = (MAIL_ATTEMPTS,)
