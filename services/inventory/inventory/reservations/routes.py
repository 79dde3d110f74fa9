"""Reservations over HTTP, for orders alone. All of it is idempotent by the reservation's id, without a key."""

from datetime import timedelta
from uuid import UUID

from common.database import retry_conflicts
from common.http import Answer, PlainUow, Router
from inventory.dependencies import FromOrders
from inventory.reservations import service
from inventory.reservations.schemas import ConfirmedView, NewReservation, ReleasedView, ReservationView

internal = Router(prefix="/internal/reservations", include_in_schema=False)


@internal.post("")
async def reserve_stock(body: NewReservation, caller: FromOrders, uow: PlainUow) -> Answer[ReservationView]:
    """Hold every line or none."""

    async def reserve() -> Answer[ReservationView]:
        async with uow:
            ttl = timedelta(seconds=body.ttl_seconds)
            reservation = await service.reserve_stock(uow, body.id, body.wanted(), ttl=ttl)
            return uow.answer(ReservationView.of(reservation))

    return await retry_conflicts(reserve)


@internal.post("/{reservation_id}/confirm")
async def confirm_reservation(reservation_id: UUID, caller: FromOrders, uow: PlainUow) -> Answer[ConfirmedView]:
    """Take the time limit off a hold."""

    async def confirm() -> Answer[ConfirmedView]:
        await service.confirm_reservation(uow, reservation_id)
        return uow.answer(ConfirmedView(id=reservation_id))

    return await retry_conflicts(confirm)


@internal.post("/{reservation_id}/release")
async def release_reservation(reservation_id: UUID, caller: FromOrders, uow: PlainUow) -> Answer[ReleasedView]:
    """Give a hold back, or refuse one that comes late."""

    async def release() -> Answer[ReleasedView]:
        async with uow:
            await service.release_reservation(uow, reservation_id)
            return uow.answer(ReleasedView(id=reservation_id))

    return await retry_conflicts(release)
