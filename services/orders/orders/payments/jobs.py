"""What is asked of the provider after an order was placed: durable jobs, since the provider may be away."""

from uuid import UUID

from pydantic import BaseModel

from common.database import UnitOfWork
from common.scheduling import Job, JobRun
from orders.resources import Resources

ASK = "UPDATE payment SET void_asked_at = $2, updated_at = $2 WHERE order_id = $1 AND void_asked_at IS NULL"
NOTE_VOIDED = "UPDATE payment SET voided_at = $2, updated_at = $2 WHERE order_id = $1 AND voided_at IS NULL"


class VoidPayment(BaseModel):
    """The order whose authorisation is given back."""

    order_id: UUID


async def void_payment(payload: VoidPayment, run: JobRun) -> None:
    """Give back what was authorised for a cancelled order, then note it; both may be repeated."""
    resources: Resources = run.runtime.resources
    await resources.payments.void(payload.order_id)
    async with run.uow() as uow:
        await uow.execute(NOTE_VOIDED, payload.order_id, uow.now)


VOID_PAYMENT = Job("void-payment", void_payment, VoidPayment, max_attempts=50)  # five minutes apart: four hours


async def ask_for_void(uow: UnitOfWork, order_id: UUID) -> None:
    """Have the order's authorisation given back once this commits."""
    await uow.execute(ASK, order_id, uow.now)
    uow.enqueue(VOID_PAYMENT, VoidPayment(order_id=order_id))
