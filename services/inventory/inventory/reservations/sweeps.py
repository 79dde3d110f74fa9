"""Holds that time ends, and holds that only orders can tell about."""

from datetime import timedelta
from typing import TYPE_CHECKING, cast
from uuid import UUID

from common.database import retry_conflicts
from common.problems import Unavailable
from common.telemetry import logger
from inventory.dependencies import Resources
from inventory.reservations import service
from inventory.reservations.repository import ReservationRepository

if TYPE_CHECKING:
    from common.service import Runtime

LOG = logger(__name__)

EXPIRED_AT_ONCE = 100  # in one transaction, which locks every level that they hold
UNANSWERED_AFTER = timedelta(minutes=30)  # an order's event is seconds away; a consumer may be down for longer
ASKED_AGAIN_AFTER = timedelta(minutes=5)
ASKED_AT_ONCE = 50


async def expire_reservations(runtime: "Runtime") -> int:
    """End holds past their time; returns how many."""
    total = 0
    while expired := await retry_conflicts(lambda: _expire_some(runtime)):
        total += expired
    return total


async def _expire_some(runtime: "Runtime") -> int:
    async with runtime.database.uow() as uow:
        due = await ReservationRepository(uow).due(at=uow.now, limit=EXPIRED_AT_ONCE)
        return await service.end_holds(uow, due, state="expired") if due else 0


async def ask_about_confirmed_holds(runtime: "Runtime") -> int:
    """Release confirmed holds whose checkout was undone or never was; returns how many.

    A hold whose order is placed waits for the event. What orders does not answer is asked again.
    """
    checkouts = cast("Resources", runtime.resources).checkouts
    uow = runtime.database.uow()
    await uow.read_clock()
    waiting = await ReservationRepository(uow).unanswered(
        confirmed_before=uow.now - UNANSWERED_AFTER, asked_before=uow.now - ASKED_AGAIN_AFTER, limit=ASKED_AT_ONCE
    )
    released = 0
    for reservation_id in waiting:
        try:
            state = await checkouts.state_of(reservation_id)
        except Unavailable as error:
            LOG.warning("checkout.not_asked", reservation_id=str(reservation_id), error=str(error))
            break
        if state in {"unknown", "undone", "failed"}:
            LOG.info("reservation.given_up", reservation_id=str(reservation_id), checkout=state)
            released += await retry_conflicts(lambda: _release(runtime, reservation_id))  # noqa: B023 - awaited here
        else:
            await _note_asked(runtime, reservation_id)
    return released


async def _release(runtime: "Runtime", reservation_id: UUID) -> int:
    async with runtime.database.uow() as uow:
        if await ReservationRepository(uow).lock_state(reservation_id) != "confirmed":
            return 0  # its order came while we asked
        return await service.end_holds(uow, [reservation_id], state="released")


async def _note_asked(runtime: "Runtime", reservation_id: UUID) -> None:
    async with runtime.database.uow() as uow:
        await ReservationRepository(uow).note_asked([reservation_id], at=uow.now)
