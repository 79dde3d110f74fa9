"""A second shop, on a platform of its own, in which anything may be killed."""

from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio

from common.testing import Keyring, Platform
from tests.support.shop import Shop, open_shop

SHORT_DEADLINES = {"ORDERS_PAYMENT_TIMEOUT_SECONDS": "2", "ORDERS_INVENTORY_TIMEOUT_SECONDS": "2"}


@pytest.fixture(scope="session")
def own_platform() -> Iterator[Platform]:
    """PostgreSQL and Kafka that nobody else needs."""
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("TEST_PLATFORM", raising=False)
        platform = Platform(durable=True)
    yield platform
    platform.close()


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def frail_shop(
    own_platform: Platform, keyring: Keyring, tmp_path_factory: pytest.TempPathFactory, seen_events: set[str]
) -> AsyncIterator[Shop]:
    """A shop for drills: whoever breaks something mends it before the test ends."""
    folder = tmp_path_factory.mktemp("frail-shop")
    async with open_shop(own_platform, keyring, folder, seen_events, settings=SHORT_DEADLINES) as opened:
        yield opened
