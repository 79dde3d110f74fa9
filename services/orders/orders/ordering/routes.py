"""Orders over HTTP: staff see all, customers their own, a Cart-Token the one that its cart became."""

from uuid import UUID

from common.auth import Anyone, SignedIn
from common.http import Answer, PlainUow, Router, Uow, etag_of, problems
from common.pagination import Page, Paging
from common.problems import Forbidden, InvalidCursor
from orders.ordering import service
from orders.ordering.problems import AlreadyShipped, IllegalTransition, OrderIsHistory, OrderNotFound
from orders.ordering.schemas import Cancellation, Filters, OrderView

router = Router(prefix="/v1/orders", tags=["orders"])


@router.get("", responses=problems(InvalidCursor))
async def list_orders(filters: Filters, page: Paging, caller: SignedIn, uow: PlainUow) -> Answer[Page[OrderView]]:
    """List orders, the newest first."""
    if not caller.personal_data and (filters.email is not None or filters.customer_reference is not None):
        raise Forbidden("This role sees no personal data, so it cannot look for an e-mail address or a buyer either.")
    found = await service.list_orders(uow, filters, page, by=caller)
    return uow.answer(found.map(OrderView.seen_by(caller)))


@router.get("/{order_id}", responses=problems(OrderNotFound))
async def read_order(order_id: UUID, caller: Anyone, uow: PlainUow) -> Answer[OrderView]:
    """Read an order."""
    order = await service.read_order(uow, order_id, by=caller)
    return uow.answer(OrderView.seen_by(caller)(order), headers={"ETag": etag_of(order.version)})


@router.post("/{order_id}/cancel", responses=problems(OrderNotFound, AlreadyShipped, IllegalTransition, OrderIsHistory))
async def cancel_order(
    order_id: UUID, caller: SignedIn, uow: Uow, body: Cancellation | None = None
) -> Answer[OrderView]:
    """Cancel an order of which nothing has left."""
    async with uow:
        order = await service.cancel_order(uow, order_id, body.reason if body is not None else None, by=caller)
        return uow.answer(OrderView.of(order), headers={"ETag": etag_of(order.version)})
