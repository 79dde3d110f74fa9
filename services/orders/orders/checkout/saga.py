"""The steps between T1 and T2, each with its undo. All go by the checkout's id and may be repeated.

Nothing is saved between them: a sweep can finish or undo all of it from the row that T1 left.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from common.money import Money
from common.problems import Unavailable
from orders.checkout.models import Checkout
from orders.checkout.problems import HoldLost, OutOfStock, PaymentDeclined, PaymentUnanswered
from orders.clients.inventory import HoldGoneError, Inventory, NotEnoughStockError, Wanted
from orders.payments.provider import Charge, PaymentProvider, PaymentUnansweredError

HOLD_FOR: Final = timedelta(minutes=15)
ASKING_SECONDS: Final = 3.0  # for the provider's word on what became of a key


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """A checkout in somebody's hands; ``token`` is None for a sweep, which never charges."""

    checkout: Checkout
    inventory: Inventory
    payments: PaymentProvider
    payment_timeout_seconds: float
    token: str | None

    @property
    def total(self) -> Money:
        """What is to be authorised."""
        return Money(amount=self.checkout.frozen.total, currency=self.checkout.frozen.currency)


async def reserve_stock(run: Run) -> None:
    """Hold every line or none. Raises OutOfStock: final, the saga turns round."""
    wanted = [Wanted(line.sku, line.quantity) for line in run.checkout.frozen.lines]
    try:
        await run.inventory.reserve(run.checkout.id, wanted, ttl=HOLD_FOR)
    except NotEnoughStockError as error:
        raise OutOfStock(error.shortages) from error
    except HoldGoneError as error:
        raise HoldLost from error


async def release_stock(run: Run) -> None:
    """Give the hold back, if there is one: the answer to ``reserve`` may never have reached us."""
    await run.inventory.release(run.checkout.id)


async def authorise_payment(run: Run) -> None:
    """Have the total authorised. An unanswered provider is asked by our key before anything is given up.

    Raises PaymentDeclined, and PaymentUnanswered when it was not charged or will not say.
    """
    if run.token is None:
        raise TypeError("a sweep has no token and charges nobody")
    try:
        async with asyncio.timeout(run.payment_timeout_seconds):
            charge: Charge | None = await run.payments.authorise(run.checkout.id, run.total, run.token)
    except (TimeoutError, PaymentUnansweredError, Unavailable):
        charge = await ask_for_charge(run)
    if charge is None or charge.state == "voided":
        raise PaymentUnanswered("The payment provider did not answer and nothing was charged; try again.")
    if charge.state == "declined":
        raise PaymentDeclined


async def ask_for_charge(run: Run) -> Charge | None:
    """Ask the provider what became of this checkout's payment. Raises PaymentUnanswered when it will not say."""
    try:
        async with asyncio.timeout(ASKING_SECONDS):
            return await run.payments.find(run.checkout.id)
    except (TimeoutError, PaymentUnansweredError) as error:
        raise PaymentUnanswered("The payment provider does not answer; whatever was charged is given back.") from error


async def void_payment(run: Run) -> None:
    """Give back what was authorised, known or not; an authorisation that comes later is refused."""
    try:
        async with asyncio.timeout(run.payment_timeout_seconds):
            await run.payments.void(run.checkout.id)
    except (TimeoutError, PaymentUnansweredError) as error:
        raise PaymentUnanswered("The payment provider does not answer.") from error


async def confirm_reservation(run: Run) -> None:
    """Make the hold last: from here it no longer expires by time. Raises HoldLost."""
    try:
        await run.inventory.confirm(run.checkout.id)
    except HoldGoneError as error:
        raise HoldLost from error


@dataclass(frozen=True, slots=True)
class Step:
    """A step and its opposite; what cannot be undone on its own is undone by an earlier step's."""

    name: str
    do: Callable[[Run], Awaitable[None]]
    undo: Callable[[Run], Awaitable[None]] | None = None


CHECKOUT: Final = (
    Step("reserve-stock", reserve_stock, release_stock),
    Step("authorise-payment", authorise_payment, void_payment),
    Step("confirm-reservation", confirm_reservation),  # a confirmed hold is released like any other
)
