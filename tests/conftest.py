"""One shop for all journeys, and a note of every event type that the run has announced.

``SEEN_EVENTS_FILE`` names a file into which the types are written at the end, one a line.
"""

import fcntl
import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio

from common.testing import Keyring, Platform
from tests.support.shop import Shop, open_shop


@pytest.fixture(scope="session")
def seen_events() -> Iterator[set[str]]:
    """Collects the types that reached the broker; written down when every shop is closed."""
    seen: set[str] = set()
    yield seen
    if target := os.environ.get("SEEN_EVENTS_FILE"):
        with Path(target).open("a+", encoding="utf-8") as file:
            fcntl.flock(file, fcntl.LOCK_EX)  # the workers of a parallel run end beside each other
            file.seek(0)
            known = set(file.read().split())
            file.writelines(f"{each}\n" for each in sorted(seen - known))


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep all that walks through one shop on one worker, and begin with it: it takes longest."""
    for item in items:
        fixtures = getattr(item, "fixturenames", ())
        if "seen_events" in fixtures:
            item.add_marker(pytest.mark.xdist_group("frail shop" if "frail_shop" in fixtures else "shop"))
    items.sort(key=lambda item: item.get_closest_marker("xdist_group") is None)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def shop(
    platform: Platform, keyring: Keyring, tmp_path_factory: pytest.TempPathFactory, seen_events: set[str]
) -> AsyncIterator[Shop]:
    """A shop that every journey walks through; nothing in it is stopped for longer than one test."""
    settings = {"ORDERS_PAYMENT_TIMEOUT_SECONDS": "2"}
    async with open_shop(platform, keyring, tmp_path_factory.mktemp("shop"), seen_events, settings=settings) as opened:
        yield opened
