"""Use cases of reservations: hold, confirm, release, expire. Each may be asked for twice, late, or out of order."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from uuid import UUID

from common.database import UnitOfWork
from common.events.contracts.inventory import (
    ReservationConfirmed,
    ReservationEvent,
    ReservationExpired,
    ReservationHeld,
    ReservationReleased,
    StockMovement,
)
from inventory.reservations.models import OVER, Reservation
from inventory.reservations.problems import OutOfStock, ReservationAllocated, ReservationDiffers, ReservationGone
from inventory.reservations.repository import ReservationRepository
from inventory.stock.announcing import announce
from inventory.stock.models import Change, Delta
from inventory.stock.repository import StockRepository

HELD_FIGURES = ("/reserved", "/available")
ENDINGS: dict[str, tuple[type[ReservationEvent], str]] = {
    "released": (ReservationReleased, "release"),
    "expired": (ReservationExpired, "expiry"),
}


async def reserve_stock(
    uow: UnitOfWork, reservation_id: UUID, wanted: dict[str, int], *, ttl: timedelta
) -> Reservation:
    """Hold every line or none. Asked again for the same, it answers the same.

    Raises OutOfStock, ReservationGone after an end, and ReservationDiffers or ReservationAllocated for other lines.
    """
    attempt = await ReservationRepository(uow).reserve(reservation_id, wanted, at=uow.now, until=uow.now + ttl)
    if attempt.short:
        raise OutOfStock(attempt.short)
    reservation = attempt.reservation
    if not attempt.is_new:
        return _same(reservation, wanted)
    uow.publish(ReservationHeld(object=reservation.snapshot(), changed=[]))
    changes = [
        Change(
            level=level,
            changed=HELD_FIGURES,
            movement=StockMovement(
                kind="reservation", quantity=line.quantity, reason=None, reference=str(reservation_id)
            ),
        )
        for level, line in zip(attempt.levels, reservation.lines, strict=True)
    ]
    await announce(uow, changes)
    return reservation


def _same(reservation: Reservation, wanted: dict[str, int]) -> Reservation:
    if reservation.state in OVER:
        raise ReservationGone(reservation.id, reservation.state)
    if reservation.holds() != wanted:
        raise (ReservationAllocated if reservation.state == "allocated" else ReservationDiffers)(reservation.id)
    return reservation


async def confirm_reservation(uow: UnitOfWork, reservation_id: UUID) -> None:
    """Take the time limit off a hold: from here it ends by an order or by a release alone.

    A unit of work of two single statements. A hold past its time that nobody has ended yet is still there, and is
    confirmed. Raises ReservationGone.
    """
    repository = ReservationRepository(uow)
    while (reservation := await repository.find(reservation_id)) is not None and reservation.state == "held":
        confirmed = replace(reservation, state="confirmed", expires_at=None)
        event = ReservationConfirmed(object=confirmed.snapshot(), changed=["/state", "/expires_at"])
        if await repository.confirm(event, at=uow.now):
            return  # else it was ended, or confirmed, between the two: look again
    state = reservation.state if reservation is not None else "unknown"
    if state not in {"confirmed", "allocated"}:
        raise ReservationGone(reservation_id, state)


async def release_reservation(uow: UnitOfWork, reservation_id: UUID) -> None:
    """Give a hold back. For an id that is unknown yet, a reserve that comes late is refused from here on.

    Raises ReservationAllocated.
    """
    repository = ReservationRepository(uow)
    state = await repository.lock_state(reservation_id)
    if state is None:
        await repository.bury([reservation_id], state="released", at=uow.now)
        state = await repository.lock_state(reservation_id)  # a reserve may have been faster
    if state == "allocated":
        raise ReservationAllocated(reservation_id)
    await end_holds(uow, [reservation_id], state="released")


async def end_holds(uow: UnitOfWork, reservation_ids: Sequence[UUID], *, state: str) -> int:
    """End the holds among these, whose rows the caller has locked; their units are for sale again."""
    ended = await ReservationRepository(uow).end(reservation_ids, state=state, at=uow.now)
    contract, kind = ENDINGS[state]
    for reservation in ended:
        uow.publish(contract(object=reservation.snapshot(), changed=["/state"]))
    held: dict[UUID, int] = {}
    for line in (line for reservation in ended for line in reservation.lines):
        held[line.level_id] = held.get(line.level_id, 0) + line.quantity
    if held:
        deltas = [Delta(level_id=level_id, reserved=-quantity) for level_id, quantity in held.items()]
        levels = await StockRepository(uow).apply(deltas, at=uow.now)
        reference = str(ended[0].id) if len(ended) == 1 else None
        await announce(
            uow,
            [
                Change(
                    level=level,
                    changed=HELD_FIGURES,
                    movement=StockMovement(kind=kind, quantity=held[level.id], reason=None, reference=reference),
                )
                for level in levels.values()
            ],
        )
    return len(ended)
