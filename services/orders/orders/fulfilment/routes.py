"""Parcels over HTTP."""

from uuid import UUID

from common.auth import Anyone
from common.http import Answer, KeyedUow, PlainUow, Router, Uow, etag_of, problems
from common.problems import IdempotencyKeyMissing, KeyReused, RequestInProgress
from orders.dependencies import CanFulfil
from orders.fulfilment import service
from orders.fulfilment.problems import NothingLeftToShip, NotOfThisOrder, ScanInFuture, ShipmentNotFound
from orders.fulfilment.schemas import NewParcel, NewScan, ParcelLineView, ParcelView, Shipments, ShipmentView
from orders.ordering.problems import IllegalTransition, OrderIsHistory, OrderNotFound

router = Router(tags=["fulfilment"])


@router.post(
    "/v1/orders/{order_id}/fulfilments",
    status_code=201,
    responses=problems(
        IdempotencyKeyMissing, OrderNotFound, NothingLeftToShip, IllegalTransition, RequestInProgress, KeyReused,
        NotOfThisOrder, OrderIsHistory,
    ),
)  # fmt: skip
async def create_fulfilment(order_id: UUID, body: NewParcel, caller: CanFulfil, uow: KeyedUow) -> Answer[ParcelView]:
    """Hand a parcel of an order to the carrier."""
    async with uow:
        shipment, remaining = await service.ship_parcel(uow, order_id, body)
        view = ParcelView(
            **ShipmentView.of(shipment).model_dump(),
            remaining=[
                ParcelLineView(order_line_id=line.order_line_id, sku=line.sku, quantity=line.quantity)
                for line in remaining
            ],
        )
        return uow.answer(view, status=201, headers={"ETag": etag_of(shipment.version)})


@router.get("/v1/orders/{order_id}/shipments", responses=problems(OrderNotFound))
async def list_shipments(order_id: UUID, caller: Anyone, uow: PlainUow) -> Answer[Shipments]:
    """List the parcels of an order."""
    shipments = await service.list_shipments(uow, order_id, by=caller)
    return uow.answer(Shipments(items=[ShipmentView.of(shipment) for shipment in shipments]))


@router.post("/v1/shipments/{shipment_id}/tracking", responses=problems(ShipmentNotFound, ScanInFuture))
async def track_shipment(shipment_id: UUID, body: NewScan, caller: CanFulfil, uow: Uow) -> Answer[ShipmentView]:
    """Record a carrier's scan of a parcel."""
    async with uow:
        shipment = await service.track_parcel(uow, shipment_id, body)
        return uow.answer(ShipmentView.of(shipment), headers={"ETag": etag_of(shipment.version)})
