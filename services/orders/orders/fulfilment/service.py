"""Use cases of parcels."""

from collections import Counter
from datetime import timedelta
from uuid import UUID

from common.auth import Caller
from common.database import UnitOfWork, uuid7
from common.events.contracts.orders import OrderDelivered, OrderShipped
from orders.fulfilment.jobs import CAPTURE_PARCEL, CaptureParcel
from orders.fulfilment.models import Shipment, ShippedLine
from orders.fulfilment.problems import NothingLeftToShip, NotOfThisOrder, ScanInFuture, ShipmentNotFound
from orders.fulfilment.repository import ShipmentRepository
from orders.fulfilment.rules import DELIVERED, WAY, capture_for
from orders.fulfilment.schemas import NewParcel, NewScan
from orders.ordering.models import Order
from orders.ordering.repository import OrderRepository

CLOCKS_DIFFER_BY = timedelta(minutes=5)  # a carrier's clock that is a little fast is no mistake


async def ship_parcel(uow: UnitOfWork, order_id: UUID, command: NewParcel) -> tuple[Shipment, list[ShippedLine]]:
    """Record that a parcel left and announce it; its capture is a job queued in the same transaction.

    Returns the parcel and what is still to come. Raises OrderNotFound, OrderIsHistory, NotOfThisOrder,
    NothingLeftToShip and IllegalTransition.
    """
    orders, shipments = OrderRepository(uow), ShipmentRepository(uow)
    order = await orders.lock(order_id)
    order.refuse_history()
    units = units_of(order, command)
    amount = capture_for(
        order.lines,
        units,
        total=order.total,
        shipping=order.shipping + (0 if order.prices_include_tax else order.shipping_tax),
        captured_before=await shipments.captures_planned(order.id),
    )
    order.ship(units)
    shipment = _shipment(uow, order, units, command)
    await shipments.insert(shipment, capture=amount)
    await orders.save_shipped(order)
    await orders.save(order)
    remaining = [ShippedLine(line.id, line.sku, line.open_quantity) for line in order.lines if line.open_quantity]
    uow.enqueue(CAPTURE_PARCEL, CaptureParcel(shipment_id=shipment.id))
    uow.publish(
        OrderShipped(
            object=order.snapshot(),
            changed=order.changed,
            parcel=shipment.contract(),
            remaining=[line.contract() for line in remaining],
        )
    )
    return shipment, remaining


def units_of(order: Order, command: NewParcel) -> dict[UUID, int]:
    """Add up what is in the box, by line. Raises NotOfThisOrder and NothingLeftToShip."""
    by_name: dict[UUID | str, UUID] = {line.id: line.id for line in order.lines}
    by_name |= {line.sku: line.id for line in order.lines}
    units: Counter[UUID] = Counter()
    for place, wanted in enumerate(command.lines):
        if wanted.named not in by_name:
            raise NotOfThisOrder(f"/lines/{place}/{'sku' if wanted.line_id is None else 'line_id'}", str(wanted.named))
        units[by_name[wanted.named]] += wanted.quantity
    for line in order.lines:
        if units[line.id] > line.open_quantity:
            raise NothingLeftToShip(line.sku, asked=units[line.id], still_open=line.open_quantity)
    return {line_id: quantity for line_id, quantity in units.items() if quantity}


def _shipment(uow: UnitOfWork, order: Order, units: dict[UUID, int], command: NewParcel) -> Shipment:
    return Shipment(
        id=uuid7(),
        order_id=order.id,
        carrier=command.carrier,
        tracking_number=command.tracking_number,
        tracking_url=None if command.tracking_url is None else str(command.tracking_url),
        weight_grams=command.weight_grams,
        status=WAY[0],
        furthest=WAY[0],
        status_at=uow.now,
        shipped_at=uow.now,
        lines=[ShippedLine(line.id, line.sku, units[line.id]) for line in order.lines if line.id in units],
    )


async def list_shipments(uow: UnitOfWork, order_id: UUID, *, by: Caller) -> list[Shipment]:
    """Return an order's parcels, the first one first. Raises OrderNotFound, also where ``by`` may not see it."""
    await OrderRepository(uow).read(order_id, by=by)
    return await ShipmentRepository(uow).list(order_id)


async def track_parcel(uow: UnitOfWork, shipment_id: UUID, command: NewScan) -> Shipment:
    """Take a carrier's scan: kept in any case, news only if it tells of more than is known.

    With the last parcel of a wholly shipped order the order is delivered. Raises ShipmentNotFound and ScanInFuture.
    """
    if command.at > uow.now + CLOCKS_DIFFER_BY:
        raise ScanInFuture
    shipments, orders = ShipmentRepository(uow), OrderRepository(uow)
    order_id = await shipments.order_of(shipment_id)
    if order_id is None:
        raise ShipmentNotFound(shipment_id)
    order = await orders.lock(order_id)
    shipment = await shipments.read(shipment_id)
    if shipment is None:
        raise ShipmentNotFound(shipment_id)
    moved = shipment.scan(command.status, command.at)
    if await shipments.add_scan(shipment_id, command.status, command.at, moved=moved) and moved:
        await shipments.save(shipment)
        if shipment.status == DELIVERED:
            await _deliver(uow, order, shipment)
    return await shipments.read(shipment_id) or shipment


async def _deliver(uow: UnitOfWork, order: Order, last: Shipment) -> None:
    if order.fulfilment_status != "fulfilled" or not await ShipmentRepository(uow).all_delivered(order.id):
        return
    order.deliver()
    await OrderRepository(uow).save(order)
    uow.publish(OrderDelivered(object=order.snapshot(), changed=order.changed, parcel=last.contract()))
