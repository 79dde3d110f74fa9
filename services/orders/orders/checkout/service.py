"""Checking out: T1, the steps outside, T2; or the way back.

What a request leaves unfinished, ``finishing`` picks up: nobody needs to be alive for a checkout to come to its end.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any, Final
from uuid import UUID

import asyncpg
import orjson

from common.auth import Caller
from common.context import current_context, use_context
from common.database import Database, UnitOfWork, uuid7
from common.events.contracts.orders import OrderPlaced
from common.http import Answer, answer_of, etag_of, problem_answer
from common.idempotency import STORED_PROBLEMS, IdempotencyScope, Replayed, StoredAnswer
from common.problems import KeyReused, Problem, RequestInProgress, Unavailable
from common.telemetry import logger
from orders.carts import service as carts
from orders.carts.models import Cart
from orders.carts.problems import CartChanged, CartCheckingOut
from orders.checkout.models import Checkout
from orders.checkout.problems import CheckoutInterrupted, UnknownPaymentToken
from orders.checkout.repository import CheckoutRepository
from orders.checkout.rules import freeze
from orders.checkout.saga import CHECKOUT, Run, Step
from orders.checkout.schemas import NewCheckout
from orders.clients.inventory import AlreadyAllocatedError
from orders.customers.service import ensure_customer
from orders.ordering.schemas import OrderView
from orders.resources import Resources
from orders.settings import Settings

LOG = logger(__name__)

GRACE: Final = timedelta(seconds=5)  # between a run's deadline and the moment when a sweep may take it
BESIDE_PAYMENT_SECONDS: Final = (
    5.0  # T1, T2 and the provider's word on a key; inventory's and its own limits come on top
)
WATCH_FOR: Final = timedelta(minutes=15)  # after which an undone payment is looked at once more
CART_LIVES: Final = timedelta(days=30)
STEP_ATTEMPTS: Final = 3  # of T1, when the cart changes between its read and its guard
PASSING: Final = (CartCheckingOut, CartChanged)  # refusals that a moment later may not hold any more: never kept


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """What a checkout is driven with, by a request or by a sweep."""

    database: Database
    resources: Resources
    settings: Settings

    def run_of(self, checkout: Checkout, token: str | None = None) -> Run:
        """Take a checkout in hand."""
        return Run(
            checkout=checkout,
            inventory=self.resources.inventory,
            payments=self.resources.payments,
            payment_timeout_seconds=self.settings.payment_timeout_seconds,
            token=token,
        )

    @property
    def allowed(self) -> timedelta:
        """How long a run may take: each step's own limit, added up."""
        seconds = 2 * self.settings.inventory_timeout_seconds + self.settings.payment_timeout_seconds
        return timedelta(seconds=seconds + BESIDE_PAYMENT_SECONDS)

    async def uow(self) -> UnitOfWork:
        """Make a unit of work that knows the time."""
        uow = self.database.uow()
        await uow.read_clock()
        return uow


async def check_out(
    desk: Desk, cart_id: UUID, command: NewCheckout, scope: IdempotencyScope, *, by: Caller
) -> Answer[OrderView]:
    """Turn a cart into an order, or say why not.

    The run goes on when the caller hangs up: what was begun with others is brought to its end.
    """
    uow = await desk.uow()
    checkout = await start(desk, uow, cart_id, command, scope, by=by)
    with use_context(replace(current_context(), deadline=None)):  # the caller's patience is not the run's limit
        task = asyncio.create_task(drive(desk, checkout, command.payment.token, scope), name=f"checkout {checkout.id}")
    desk.resources.running.add(task)
    task.add_done_callback(desk.resources.running.discard)
    task.add_done_callback(_report_unheard)
    return await asyncio.shield(task)


def _report_unheard(task: "asyncio.Task[Answer[OrderView]]") -> None:
    """Log what nobody else has mapped; reading the exception also keeps asyncio from complaining of it."""
    error = None if task.cancelled() else task.exception()
    if error is not None and not isinstance(error, Problem | Replayed):
        LOG.error("checkout.left_to_sweep", task=task.get_name(), exc_info=error)


# -- T1 --------------------------------------------------------------------------------------------------------------


async def start(
    desk: Desk, uow: UnitOfWork, cart_id: UUID, command: NewCheckout, scope: IdempotencyScope, *, by: Caller
) -> Checkout:
    """Take the cart and save the checkout with every id, before anything happens outside.

    Raises Replayed, RequestInProgress and KeyReused for a key that is in use, and whatever keeps the cart from being
    sold; such a refusal is kept under the key, unless it may pass by itself.
    """
    if not desk.resources.payments.understands(command.payment.token):
        raise UnknownPaymentToken(command.payment.method)
    try:
        return await _take_cart(desk, uow, cart_id, command, scope, by=by)
    except Problem as problem:
        await answer_by_key(uow, scope)
        if problem.status in STORED_PROBLEMS and not isinstance(problem, PASSING):
            await CheckoutRepository(uow).refuse(uuid7(), cart_id, scope, problem_answer(problem))
        raise
    except asyncpg.UniqueViolationError as error:
        await answer_by_key(uow, scope)
        raise CartCheckingOut(cart_id) from error


async def _take_cart(
    desk: Desk, uow: UnitOfWork, cart_id: UUID, command: NewCheckout, scope: IdempotencyScope, *, by: Caller
) -> Checkout:
    for _ in range(STEP_ATTEMPTS):
        cart: Cart = await carts.open_cart(uow, cart_id, by=by)
        frozen = freeze(cart, command, by=by, rounding=desk.settings.tax_rounding)
        if frozen.customer_id != cart.customer_id:  # signed in after the cart was started
            await _make_known(desk, by)
        deadline_at = uow.now + desk.allowed
        checkout = await CheckoutRepository(uow).start(
            uuid7(),
            cart_id,
            frozen,
            scope,
            cart_version=cart.version,
            deadline_at=deadline_at,
            due_at=deadline_at + GRACE,
        )
        if checkout is not None:
            return checkout
    raise CartChanged


async def _make_known(desk: Desk, caller: Caller) -> None:
    async with desk.database.uow() as uow:
        await ensure_customer(uow, caller)


async def answer_by_key(uow: UnitOfWork, scope: IdempotencyScope) -> None:
    """Answer from what is under the key, if there is anything. Raises Replayed, RequestInProgress and KeyReused."""
    row = await CheckoutRepository(uow).look_up(scope)
    if row is None:
        return
    if row["fingerprint"] != scope.fingerprint:
        raise KeyReused(f"Idempotency-Key {scope.key} belongs to another request; send a new key for a new one.")
    if row["answer_body"] is None:
        raise RequestInProgress(f"The checkout with Idempotency-Key {scope.key} has not ended yet.")
    raise Replayed(
        StoredAnswer(
            status=row["answer_status"], headers=orjson.loads(row["answer_headers"]), body=bytes(row["answer_body"])
        )
    )


# -- between T1 and T2 -----------------------------------------------------------------------------------------------


async def drive(desk: Desk, checkout: Checkout, token: str, scope: IdempotencyScope) -> Answer[OrderView]:
    """Take each step, then place the order; at the first that fails, go back. Raises what it failed with.

    Where a sweep was faster, its outcome is the answer.
    """
    run = desk.run_of(checkout, token)
    begun: list[Step] = []
    try:
        for step in CHECKOUT:
            begun.append(step)
            await step.do(run)
    except Problem as problem:
        LOG.info("checkout.turned_round", checkout_id=str(checkout.id), step=begun[-1].name, slug=problem.slug)
        if await turn_round(desk, run, begun, problem):
            raise
    else:
        answer = await place_order(desk, checkout)
        if answer is not None:
            return answer
    await answer_by_key(await desk.uow(), scope)
    raise CheckoutInterrupted(checkout.id)


async def place_order(desk: Desk, checkout: Checkout) -> Answer[OrderView] | None:
    """T2, the pivot: order, payment, event, answer and the closed cart in one transaction.

    None where a sweep has undone the checkout meanwhile; what was charged, that sweep gives back.
    """
    uow = desk.database.uow()
    async with uow:
        order = checkout.order(uow.now)
        headers = {"Location": f"/v1/orders/{order.id}", "ETag": etag_of(order.version)}
        answer: Answer[OrderView] = answer_of(OrderView.of(order), status=201, headers=headers)
        if not await CheckoutRepository(uow).place(checkout.id, answer):
            return None
        uow.publish(OrderPlaced(object=order.snapshot(), changed=[]))
    LOG.info("order.placed", order_id=str(checkout.id), number=checkout.number)
    return answer


# -- the way back ----------------------------------------------------------------------------------------------------


async def turn_round(desk: Desk, run: Run, begun: Sequence[Step], problem: Problem | None) -> bool:
    """Close the door to T2, open the cart, keep the answer; then undo what was begun, the last step first.

    False where it was placed or undone by somebody else. What cannot be undone now, a sweep will.
    """
    uow = await desk.uow()
    keeps = problem is not None and problem.status in STORED_PROBLEMS
    answer: Answer[Any] | None = problem_answer(problem) if keeps and problem is not None else None
    closed = await CheckoutRepository(uow).turn_round(
        run.checkout.id, answer, cart_expires_at=uow.now + CART_LIVES, due_at=uow.now + GRACE + desk.allowed
    )
    if closed:
        try:
            await undo(desk, run, begun)
        except Unavailable as error:
            LOG.warning("checkout.undo_put_off", checkout_id=str(run.checkout.id), error=error.detail)
    return closed


async def undo(desk: Desk, run: Run, steps: Sequence[Step]) -> None:
    """Undo ``steps``, the last first, and note that it is done.

    Raises Unavailable when one of the others is away; the rest is undone all the same.
    """
    away: Unavailable | None = None
    for step in reversed(steps):
        try:
            if step.undo is not None:
                await step.undo(run)
        except Unavailable as error:
            away = error
        except AlreadyAllocatedError as error:
            LOG.exception("checkout.undone_but_allocated", checkout_id=str(run.checkout.id), exc_info=error)
    if away is not None:
        raise away
    uow = await desk.uow()
    await CheckoutRepository(uow).note_step(run.checkout.id, "watching", due_at=uow.now + WATCH_FOR)
