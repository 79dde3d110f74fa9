"""What routes, handlers and jobs of notifications are given."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated

from fastapi import Depends

from common.auth import Caller, requires
from common.database import Database
from common.scheduling import Backoff
from notifications.clients.mailer import Mailer
from notifications.clients.smtp import SmtpMailer, SmtpServer
from notifications.rendering import Renderer
from notifications.settings import Settings

if TYPE_CHECKING:
    from common.service import Runtime

CanReadMessages = Annotated[Caller, Depends(requires("messages:read"))]

LONGEST_REST = timedelta(hours=4)  # a mail server that was away for a night is asked again before breakfast


@dataclass(frozen=True, slots=True, kw_only=True)
class Resources:
    """What a process of notifications has beside its database."""

    renderer: Renderer
    mailer: Mailer
    send_attempts: int
    backoff: Backoff
    alert_hold: timedelta

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
    yield Resources(
        renderer=Renderer(locale=settings.locale, time_zone=settings.shop_time_zone, shop_name=settings.shop_name),
        mailer=SmtpMailer(
            SmtpServer.parse(settings.smtp_url.get_secret_value()),
            sender=settings.sender,
            timeout_seconds=settings.smtp_timeout_seconds,
        ),
        send_attempts=settings.send_attempts,
        backoff=Backoff(first=timedelta(seconds=settings.first_retry_seconds), longest=LONGEST_REST),
        alert_hold=timedelta(minutes=settings.alert_hold_minutes),
    )
