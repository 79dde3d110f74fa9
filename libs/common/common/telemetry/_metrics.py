"""The numbers that a service tells about itself, each with its meaning and the reaction it calls for."""

from dataclasses import dataclass
from typing import Literal

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

LATENCY_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


@dataclass(frozen=True, slots=True)
class Metric:
    """One line of the list: what it is called, what it says, what to do about it."""

    name: str
    kind: Literal["counter", "gauge", "histogram"]
    meaning: str
    reaction: str
    labels: tuple[str, ...] = ()


HTTP_REQUESTS = Metric(
    "http_server_requests_total",
    "counter",
    "Requests answered.",
    "A rise of status_class 5xx: read the error log.",
    ("method", "route", "status_class"),
)
HTTP_DURATION = Metric(
    "http_server_request_duration_seconds",
    "histogram",
    "Time from the request's head to the end of its answer; of an endless one to its beginning.",
    "p99 above the route class's limit: look at pool and loop lag first.",
    ("method", "route"),
)
HTTP_IN_FLIGHT = Metric(
    "http_server_in_flight", "gauge", "Requests being answered.", "At 64 for long: start another process."
)
HTTP_REFUSED = Metric(
    "http_server_refused_total",
    "counter",
    "Requests refused with 503 because the queue was full.",
    "Any: start another process.",
)
POOL_IN_USE = Metric(
    "db_pool_in_use", "gauge", "Connections in use.", "At the pool's size for long: find the slow transaction."
)
LOOP_LAG = Metric(
    "event_loop_lag_seconds",
    "gauge",
    "How late a timer of 0.5 s fired.",
    "Above 0.05: something computes on the loop; move it to a thread.",
)
OUTBOX_PENDING = Metric(
    "outbox_pending", "gauge", "Committed events not yet at the broker.", "Rising: is the broker up?"
)
OUTBOX_AGE = Metric(
    "outbox_oldest_unpublished_seconds",
    "gauge",
    "Age of the oldest committed event that is not at the broker.",
    "Above 30: is the broker up, does a relay lead?",
)
OUTBOX_PUBLISHED = Metric(
    "outbox_published_total", "counter", "Events handed to the broker.", "Flat under load: see outbox age."
)
EVENTS_PROCESSED = Metric(
    "event_process_total",
    "counter",
    "Events handled, by outcome.",
    "Outcome dead: look at dead letters.",
    ("consumer", "type", "outcome"),
)
EVENT_DELAY = Metric(
    "event_end_to_end_seconds",
    "histogram",
    "From the event's creation to its effect.",
    "p99 above 2 s: see lag.",
    ("consumer",),
)
LAG_RECORDS = Metric(
    "consumer_lag_records", "gauge", "Records not yet handled.", "Rising: see lag in seconds.", ("consumer", "topic")
)
LAG_SECONDS = Metric(
    "consumer_lag_seconds",
    "gauge",
    "Age of the oldest record not yet handled.",
    "Above 30: is the consumer paused by errors?",
    ("consumer",),
)
DEAD_LETTERS = Metric("dead_letters_total", "counter", "Events put aside.", "Any: list, mend, redrive.", ("consumer",))
DEAD_LETTERS_OPEN = Metric(
    "dead_letters_open", "gauge", "Events put aside and not yet dealt with.", "Above 0 for 15 min: deal with them."
)
CONSUMER_PAUSED = Metric(
    "consumer_paused",
    "gauge",
    "1 while a group is paused because too many events failed.",
    "1: the last deploy broke a handler; roll back or mend.",
    ("consumer",),
)
INBOX_DUPLICATES = Metric(
    "inbox_duplicates_total", "counter", "Events that came again and were skipped.", "None.", ("consumer",)
)
JOBS_FAILED = Metric(
    "jobs_failed_total", "counter", "Attempts of jobs that raised.", "Rising: read the error log.", ("job",)
)
JOBS_PARKED = Metric(
    "jobs_parked",
    "gauge",
    "Jobs given up after their last attempt; each is work that nobody does.",
    "Above 0: read the parked job's error, mend the cause, requeue it.",
    ("job",),
)
SWEEPS_FAILED = Metric(
    "sweeps_failed_total", "counter", "Runs of sweeps that raised.", "Rising: read the error log.", ("sweep",)
)

UPSTREAM_CALLS = Metric(
    "http_client_calls_total",
    "counter",
    "Calls of other services, retries included, by how they ended.",
    "Outcome failed or refused for long: look at that service.",
    ("upstream", "outcome"),
)
UPSTREAM_BREAKER_OPEN = Metric(
    "http_client_breaker_open",
    "gauge",
    "1 while calls of a service are refused at once because it failed.",
    "1: look at that service; calls are tried again by themselves.",
    ("upstream",),
)

COMMON_METRICS = (
    HTTP_REQUESTS, HTTP_DURATION, HTTP_IN_FLIGHT, HTTP_REFUSED, POOL_IN_USE, LOOP_LAG, OUTBOX_PENDING, OUTBOX_AGE,
    OUTBOX_PUBLISHED, EVENTS_PROCESSED, EVENT_DELAY, LAG_RECORDS, LAG_SECONDS, DEAD_LETTERS, DEAD_LETTERS_OPEN,
    CONSUMER_PAUSED, INBOX_DUPLICATES, JOBS_FAILED, JOBS_PARKED, SWEEPS_FAILED,
    UPSTREAM_CALLS, UPSTREAM_BREAKER_OPEN,
)  # fmt: skip


class Metrics:
    """A process's metrics, on a registry of their own: six services can live in one test process."""

    def __init__(self, service: str, metrics: tuple[Metric, ...] = COMMON_METRICS) -> None:
        self.registry = CollectorRegistry()
        self.service = service
        self._counters: dict[str, Counter] = {}
        self._gauges: dict[str, Gauge] = {}
        self._histograms: dict[str, Histogram] = {}
        for metric in metrics:
            self._add(metric)

    def _add(self, metric: Metric) -> None:
        match metric.kind:
            case "counter":
                self._counters[metric.name] = Counter(
                    metric.name, metric.meaning, metric.labels, registry=self.registry
                )
            case "gauge":
                self._gauges[metric.name] = Gauge(metric.name, metric.meaning, metric.labels, registry=self.registry)
            case "histogram":
                self._histograms[metric.name] = Histogram(
                    metric.name, metric.meaning, metric.labels, registry=self.registry, buckets=LATENCY_BUCKETS
                )

    def count(self, metric: Metric, *labels: str, by: float = 1) -> None:
        """Raise a counter."""
        counter = self._counters[metric.name]
        (counter.labels(*labels) if labels else counter).inc(by)

    def set(self, metric: Metric, value: float, *labels: str) -> None:
        """Set a gauge."""
        gauge = self._gauges[metric.name]
        (gauge.labels(*labels) if labels else gauge).set(value)

    def observe(self, metric: Metric, value: float, *labels: str) -> None:
        """Add a measurement to a histogram."""
        histogram = self._histograms[metric.name]
        (histogram.labels(*labels) if labels else histogram).observe(value)

    def exposition(self) -> bytes:
        """Return all of it in Prometheus' text format."""
        return generate_latest(self.registry)
