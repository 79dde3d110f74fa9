"""What time does to endpoints and deliveries."""

from datetime import timedelta

from common.scheduling import Sweep
from common.service import Runtime
from notifications.webhooks import handlers, service
from notifications.webhooks.repository import FORGOTTEN_AT_ONCE, Upkeep

KEPT_FOR = timedelta(days=30)


async def warn_failing(runtime: Runtime) -> int:
    """Warn the owners of endpoints to which nothing got through for three days."""
    async with runtime.database.uow() as uow:
        return await handlers.warn_owners(uow)


async def disable_failing(runtime: Runtime) -> int:
    """Disable endpoints to which nothing got through for five days."""
    async with runtime.database.uow() as uow:
        return await service.disable_failing(uow)


async def stop_strays(runtime: Runtime) -> int:
    """Stop deliveries that were queued in the moment in which their endpoint was disabled."""
    async with runtime.database.uow() as uow:
        return await Upkeep(uow).stop_strays()


async def forget_old_deliveries(runtime: Runtime) -> int:
    """Delete what is older than 30 days, a batch a transaction."""
    forgotten = 0
    while True:
        async with runtime.database.uow() as uow:
            batch = await Upkeep(uow).forget(uow.now - KEPT_FOR)
        forgotten += batch
        if batch < FORGOTTEN_AT_ONCE:
            return forgotten


SWEEPS = (
    Sweep("warn-failing-webhooks", every=timedelta(seconds=30), run=warn_failing),
    Sweep("disable-failing-webhooks", every=timedelta(seconds=10), run=disable_failing),
    Sweep("stop-stray-deliveries", every=timedelta(minutes=1), run=stop_strays),
    Sweep("forget-old-deliveries", every=timedelta(minutes=10), run=forget_old_deliveries),
)
