"""Notifications in one place: what it serves, consumes, publishes and must keep true."""

from fastapi import FastAPI

from common.database import Aggregate
from common.events import NOTIFICATIONS_MESSAGE, NOTIFICATIONS_WEBHOOK
from common.events.contracts.notifications import MessageFailed, MessageSent, WebhookDisabled, WebhookExhausted
from common.http.app import create_app as build_app
from common.service import Runtime, Service
from notifications.consumers import CONSUMERS
from notifications.dependencies import open_resources
from notifications.invariants import INVARIANTS
from notifications.jobs import JOBS, SWEEPS
from notifications.mails.routes import router as messages
from notifications.metrics import METRICS
from notifications.settings import Settings

SERVICE = Service(
    name="notifications",
    settings=Settings,
    migrations="notifications.migrations",
    routers=(messages,),
    publishes=(MessageSent, MessageFailed, WebhookExhausted, WebhookDisabled),
    aggregates={NOTIFICATIONS_MESSAGE: Aggregate("message"), NOTIFICATIONS_WEBHOOK: Aggregate("webhook")},
    consumers=CONSUMERS,
    jobs=JOBS,
    sweeps=SWEEPS,
    invariants=INVARIANTS,
    resources=open_resources,
    extra_metrics=METRICS,
)


def create_app(runtime: Runtime | None = None) -> FastAPI:
    """Build the app around an open runtime; without one it can only describe itself."""
    return build_app(SERVICE, runtime)
