"""Notifications in one place: what it serves, consumes, publishes and must keep true."""

from common.database import Aggregate
from common.events import NOTIFICATIONS_MESSAGE, NOTIFICATIONS_WEBHOOK
from common.events.contracts.notifications import MessageFailed, MessageSent, WebhookDisabled, WebhookExhausted
from common.inbox.routes import dead_letter_routes
from common.service import Loop, Service
from notifications.consumers import CONSUMERS
from notifications.dependencies import dispatch_deliveries, open_resources
from notifications.feed.routes import STREAM_PATH
from notifications.feed.routes import router as events
from notifications.invariants import INVARIANTS
from notifications.jobs import JOBS, SWEEPS
from notifications.mails.routes import router as messages
from notifications.metrics import METRICS
from notifications.settings import Settings
from notifications.webhooks.routes import router as webhooks

SERVICE = Service(
    name="notifications",
    settings=Settings,
    migrations="notifications.migrations",
    routers=(messages, webhooks, events, dead_letter_routes("notifications", scope="messages:write")),
    publishes=(MessageSent, MessageFailed, WebhookExhausted, WebhookDisabled),
    aggregates={NOTIFICATIONS_MESSAGE: Aggregate("message"), NOTIFICATIONS_WEBHOOK: Aggregate("webhook")},
    consumers=CONSUMERS,
    jobs=JOBS,
    sweeps=SWEEPS,
    loops=(Loop("webhooks", "jobs", dispatch_deliveries),),
    invariants=INVARIANTS,
    resources=open_resources,
    streams=(STREAM_PATH,),
    extra_metrics=METRICS,
)
