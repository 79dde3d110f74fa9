"""What can go wrong with an order."""

from uuid import UUID

from common.problems import Conflict, NotFound


class OrderNotFound(NotFound):
    """There is no order of this id, or it is not the caller's to see."""

    slug, title = "order-not-found", "No such order"

    def __init__(self, order_id: UUID) -> None:
        super().__init__(f"There is no order {order_id} that this credential may see.")


class IllegalTransition(Conflict):
    """The order is in a state from which this step does not lead on."""

    slug, title = "illegal-transition", "The order does not allow this now"

    def __init__(self, axis: str, present: str, wanted: str) -> None:
        super().__init__(
            f"The order's {axis} is {present}, from which it cannot become {wanted}.",
            axis=axis,
            present=present,
            wanted=wanted,
        )


class AlreadyShipped(Conflict):
    """A part of the order has left; what has left can only be returned."""

    slug, title = "already-shipped", "A part of the order has left"

    def __init__(self, number: str) -> None:
        super().__init__(f"A part of order {number} has left, so it cannot be cancelled; a return is the way.")


class OrderIsHistory(Conflict):
    """The order was imported from another system, where it came to its end; here it is only counted and shown."""

    slug, title = "order-is-history", "An imported order cannot be changed"

    def __init__(self, number: str) -> None:
        super().__init__(
            f"Order {number} was imported: it is neither shipped nor cancelled here. What has to happen to it happens "
            "in the system that it came from; what came back there is imported as a return."
        )
