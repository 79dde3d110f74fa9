"""Ending tasks: they get some time to finish what they have in hand, then are cancelled."""

import asyncio
from collections.abc import Iterable
from datetime import timedelta
from typing import Any


async def finish_in_hand(tasks: Iterable[asyncio.Task[Any]], *, grace: timedelta) -> None:
    """Wait for ``tasks`` up to ``grace``, then cancel those still running and wait for them to end.

    Being cancelled oneself meanwhile ends the grace. Results and errors stay in the tasks.
    """
    running = set(tasks)
    if not running:
        return
    try:
        await asyncio.wait(running, timeout=grace.total_seconds())
    finally:
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
