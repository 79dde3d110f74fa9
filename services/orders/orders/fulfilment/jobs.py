"""Taking the money for a parcel that left: a durable job, since the provider may be away."""

from uuid import UUID

from pydantic import BaseModel

from common.events.contracts.orders import OrderPaid
from common.money import Money
from common.scheduling import Job, JobRun
from orders.fulfilment.repository import READ_CAPTURE, ShipmentRepository
from orders.ordering.repository import OrderRepository
from orders.resources import Resources


class CaptureParcel(BaseModel):
    """The parcel that is to be paid."""

    shipment_id: UUID


async def capture_parcel(payload: CaptureParcel, run: JobRun) -> None:
    """Capture a parcel's amount under the parcel's id, then count it; both may be repeated."""
    capture = await run.uow().single_row(READ_CAPTURE, payload.shipment_id)
    if capture is None or capture["captured_at"] is not None:
        return
    order_id: UUID = capture["order_id"]
    resources: Resources = run.runtime.resources
    if capture["amount"]:
        amount = Money(amount=capture["amount"], currency=capture["currency"])
        await resources.payments.capture(payload.shipment_id, order_id, amount)
    async with run.uow() as uow:
        orders = OrderRepository(uow)
        order = await orders.lock(order_id)
        taken = await ShipmentRepository(uow).note_captured(payload.shipment_id, order_id)
        if taken is None:
            return
        order.capture(taken)
        if not order.changed:
            return
        await orders.save(order)
        if order.payment_status == "paid":
            captured = order.money(order.captured)
            uow.publish(OrderPaid(object=order.snapshot(), changed=order.changed, captured=captured))


CAPTURE_PARCEL = Job("capture-parcel", capture_parcel, CaptureParcel, max_attempts=50)  # five minutes apart: four hours
