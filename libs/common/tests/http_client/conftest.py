"""The other service, as each test wants it."""

from collections.abc import AsyncIterator

import pytest

from common.testing.upstream import Upstream, upstream


@pytest.fixture(name="upstream")
async def _upstream() -> AsyncIterator[Upstream]:
    async with upstream() as made:
        yield made
