"""What routes, handlers and jobs of notifications are given."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated

from fastapi import Depends, Request

from common.auth import Caller, requires
from common.database import Database
from common.http import runtime_of
from common.scheduling import Backoff
from common.telemetry import Metrics
from notifications.clients.courier import Courier
from notifications.clients.egress import Guard, Lookups, networks_from
from notifications.clients.mailer import Mailer
from notifications.clients.smtp import SmtpMailer, SmtpServer
from notifications.feed.bell import Bell
from notifications.feed.hub import Hub, StreamTimes
from notifications.rendering import Renderer
from notifications.settings import Settings
from notifications.webhooks.dispatching import Dispatcher

if TYPE_CHECKING:
    from common.service import Runtime

CanReadMessages = Annotated[Caller, Depends(requires("messages:read"))]
CanSubscribe = Annotated[Caller, Depends(requires("events:subscribe"))]

LONGEST_REST = timedelta(hours=4)  # a mail server that was away for a night is asked again before breakfast


@dataclass(frozen=True, slots=True, kw_only=True)
class Resources:
    """What a process of notifications has beside its database."""

    renderer: Renderer
    mailer: Mailer
    send_attempts: int
    backoff: Backoff
    alert_hold: timedelta
    bell: Bell
    hub: Hub
    guard: Guard
    dispatcher: Dispatcher
    metrics: Metrics

    @classmethod
    def of(cls, database: Database) -> "Resources":
        """Return those of the process that ``database`` belongs to."""
        resources = database.resources
        if not isinstance(resources, cls):
            raise TypeError("this database was opened outside a process of notifications")
        return resources


@asynccontextmanager
async def open_resources(runtime: "Runtime") -> AsyncIterator[Resources]:
    """Build them from the settings; nothing connects before the first mail."""
    settings = runtime.settings
    if not isinstance(settings, Settings):
        raise TypeError("notifications runs on its own settings")
    bell = Bell(runtime.database)
    lookups = Lookups()
    guard = Guard(networks_from(settings.webhook_allowed_targets), lookups)
    courier = Courier(guard)
    async with Hub.open(
        runtime.database,
        leaving=runtime.leaving,
        metrics=runtime.metrics,
        most_streams=settings.stream_limit,
        times=StreamTimes(longest=settings.stream_minutes * 60),
    ) as hub:
        try:
            yield _resources(runtime, settings, bell=bell, hub=hub, guard=guard, courier=courier)
        finally:
            await bell.close()
            await courier.close()
            lookups.close()


def _resources(
    runtime: "Runtime", settings: Settings, *, bell: Bell, hub: Hub, guard: Guard, courier: Courier
) -> Resources:
    return Resources(
        renderer=Renderer(locale=settings.locale, time_zone=settings.shop_time_zone, shop_name=settings.shop_name),
        mailer=SmtpMailer(
            SmtpServer.parse(settings.smtp_url.get_secret_value()),
            sender=settings.sender,
            timeout_seconds=settings.smtp_timeout_seconds,
        ),
        send_attempts=settings.send_attempts,
        backoff=Backoff(first=timedelta(seconds=settings.first_retry_seconds), longest=LONGEST_REST),
        alert_hold=timedelta(minutes=settings.alert_hold_minutes),
        bell=bell,
        hub=hub,
        guard=guard,
        dispatcher=Dispatcher(runtime.database, courier, instance=settings.instance, metrics=runtime.metrics),
        metrics=runtime.metrics,
    )


async def dispatch_deliveries(runtime: "Runtime") -> None:
    """Call partners' endpoints until cancelled."""
    await Resources.of(runtime.database).dispatcher.run()


async def stream_hub(request: Request) -> Hub:
    """Return what the process's streams share."""
    return Resources.of(runtime_of(request).database).hub


StreamHub = Annotated[Hub, Depends(stream_hub)]
