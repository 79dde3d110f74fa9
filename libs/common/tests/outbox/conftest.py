"""A bus of its own for each test; the stoppable one is never shared with another run."""

from collections.abc import AsyncIterator

import pytest

from common.testing import Platform
from common.testing.bus import Bus, bus_on


@pytest.fixture
async def bus(platform: Platform) -> AsyncIterator[Bus]:
    async with bus_on(platform, platform.bootstrap) as made:
        yield made


@pytest.fixture
async def stoppable(platform: Platform) -> AsyncIterator[Bus]:
    """On a broker that the test may pause; it runs again afterwards."""
    async with bus_on(platform, platform.kafka_process.bootstrap) as made:
        yield made
    platform.kafka_process.resume()
