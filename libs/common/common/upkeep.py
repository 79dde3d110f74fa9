"""What every service's database needs now and then: old keys, inbox rows and published events go."""

from datetime import timedelta
from typing import TYPE_CHECKING

from common.idempotency import DELETE_OLD, KEPT_FOR
from common.inbox import delete_old_claims
from common.scheduling import Sweep

if TYPE_CHECKING:
    from common.service import Runtime


async def forget_old_keys(runtime: "Runtime") -> int:
    """Delete idempotency keys past their 24 hours, 5,000 at a time; returns how many went."""
    async with runtime.database.uow() as uow:
        tag = await uow.execute(DELETE_OLD, uow.now - KEPT_FOR)
    return int(tag.split()[-1])


async def forget_old_claims(runtime: "Runtime") -> int:
    """Delete what the inbox has remembered for longer than any topic keeps events."""
    return await delete_old_claims(runtime.database)


UPKEEP = (
    Sweep("forget-old-keys", every=timedelta(minutes=5), run=forget_old_keys),
    Sweep("forget-old-claims", every=timedelta(hours=1), run=forget_old_claims),
)
