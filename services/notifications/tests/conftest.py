"""A mail server of the test's own, and events that differ from the ordinary ones in what a test says."""

import socket
from collections.abc import AsyncIterator, Mapping

import pytest
import pytest_asyncio

from common.service import Service
from notifications.app import SERVICE
from notifications.testing import MailServer


@pytest.fixture(scope="session")
def service() -> Service:
    """The service under test."""
    return SERVICE


@pytest.fixture(scope="session")
def smtp_port() -> int:
    """A port that nobody listens on until a test starts its server."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port


@pytest.fixture(scope="session")
def service_environment(smtp_port: int) -> Mapping[str, str]:
    """A shop whose mails give up early."""
    return {
        "NOTIFICATIONS_SMTP_URL": f"smtp://127.0.0.1:{smtp_port}",
        "NOTIFICATIONS_MAIL_FROM": "The Mug Shop <shop@example.com>",
        "NOTIFICATIONS_SHOP_NAME": "The Mug Shop",
        "NOTIFICATIONS_SEND_ATTEMPTS": "3",
        "NOTIFICATIONS_SMTP_TIMEOUT_SECONDS": "5",
        "WEBHOOK_ALLOWED_TARGETS": "127.0.0.0/8",  # where tests have their receivers
    }


@pytest_asyncio.fixture(loop_scope="session")
async def mail_server(smtp_port: int) -> AsyncIterator[MailServer]:
    """A mail server that is up; ``stop`` and ``start`` take it away and bring it back."""
    server = MailServer(smtp_port)
    await server.start()
    yield server
    await server.stop()
