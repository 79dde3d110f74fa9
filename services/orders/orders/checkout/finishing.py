"""Checkouts whose driver has gone: each is finished or undone by whoever finds it, and never given up silently."""

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from common.problems import Problem
from common.telemetry import logger
from orders.checkout.models import Checkout
from orders.checkout.repository import FORGET_REFUSED, FREE_KEYS, CheckoutRepository
from orders.checkout.saga import CHECKOUT, Run, ask_for_charge, confirm_reservation, void_payment
from orders.checkout.service import Desk, place_order, turn_round, undo
from orders.settings import Settings

if TYPE_CHECKING:
    from common.service import Runtime

LOG = logger(__name__)

AT_ONCE: Final = 20  # checkouts, taken again and again until none is due
TOGETHER: Final = 3  # connections that they may use of the pool
KEYS_KEPT_FOR: Final = timedelta(hours=24)
KEYS_AT_ONCE: Final = 500


def desk_of(runtime: "Runtime") -> Desk:
    """Take what checkouts are driven with out of the process's runtime."""
    if not isinstance(runtime.settings, Settings):
        raise TypeError("orders runs on its own settings")
    return Desk(database=runtime.database, resources=runtime.resources, settings=runtime.settings)


async def finish_checkouts(runtime: "Runtime") -> int:
    """Finish what is past its deadline. Who fails is looked at again, at longer and longer intervals up to a minute."""
    desk = desk_of(runtime)
    places = asyncio.Semaphore(TOGETHER)
    total = 0

    async def one(checkout: Checkout) -> None:
        async with places:
            await _look_after(desk, checkout)

    while due := await CheckoutRepository(await desk.uow()).take_due(AT_ONCE):
        await asyncio.gather(*(one(checkout) for checkout in due))
        total += len(due)
    return total


async def _look_after(desk: Desk, checkout: Checkout) -> None:
    try:
        run = desk.run_of(checkout)
        match checkout.state, checkout.step:
            case "undone", "undoing":
                await undo(desk, run, CHECKOUT)
            case "undone", "watching":
                await give_back_late_payment(desk, run)
            case _:
                await finish(desk, run)
    except Problem as problem:  # somebody is away: the row says when to try again
        LOG.warning(
            "checkout.unfinished", checkout_id=str(checkout.id), attempts=checkout.attempts, error=problem.detail
        )


async def finish(desk: Desk, run: Run) -> None:
    """Go on from what the provider says: charged and still held becomes an order, all else is undone."""
    charge = await ask_for_charge(run)
    if charge is not None and charge.state == "authorised":
        try:
            await confirm_reservation(run)
        except Problem as problem:
            if problem.status >= 500:  # noqa: PLR2004 - inventory is away: neither confirmed nor lost
                raise
        else:
            await place_order(desk, run.checkout)
            return
    if await turn_round(desk, run, CHECKOUT, None):
        LOG.info("checkout.undone", checkout_id=str(run.checkout.id))


async def give_back_late_payment(desk: Desk, run: Run) -> None:
    """Look once more at an undone checkout's payment; one that went through after its undo is given back."""
    charge = await ask_for_charge(run)
    if charge is not None and charge.state == "authorised":
        LOG.warning("checkout.paid_after_undo", checkout_id=str(run.checkout.id))
        await void_payment(run)
    uow = await desk.uow()
    await CheckoutRepository(uow).note_step(run.checkout.id, "over", due_at=uow.now)


async def free_keys(runtime: "Runtime") -> int:
    """Let keys go that are older than a day, and forget the refusals that were kept for them."""
    async with runtime.database.uow() as uow:
        rows = await uow.fetch(FREE_KEYS, uow.now - KEYS_KEPT_FOR, KEYS_AT_ONCE)
        await uow.execute(FORGET_REFUSED, [row["id"] for row in rows])
    return len(rows)
