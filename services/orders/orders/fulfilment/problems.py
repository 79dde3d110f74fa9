"""What can go wrong with parcels."""

from uuid import UUID

from common.problems import Conflict, FieldError, InvalidInput, NotFound


class NothingLeftToShip(Conflict):
    """The parcel would take more units of a line than are still open."""

    slug, title = "nothing-left-to-ship", "Nothing left to ship"

    def __init__(self, sku: str, *, asked: int, still_open: int) -> None:
        super().__init__(
            f"{asked} units of {sku} asked for, {still_open} still to be shipped.", sku=sku, still_open=still_open
        )


class NotOfThisOrder(InvalidInput):
    """The parcel names a line or a SKU that the order does not have."""

    slug, title = "not-of-this-order", "Not of this order"

    def __init__(self, pointer: str, named: str) -> None:
        super().__init__(
            f"The order has no line {named}.", errors=[FieldError(pointer, f"{named} is not in this order")]
        )


class ShipmentNotFound(NotFound):
    """There is no shipment of this id."""

    slug, title = "shipment-not-found", "No such shipment"

    def __init__(self, shipment_id: UUID) -> None:
        super().__init__(f"There is no shipment {shipment_id}.")


class ScanInFuture(InvalidInput):
    """A scan cannot lie in the future."""

    slug, title = "scan-in-future", "The scan lies in the future"

    def __init__(self) -> None:
        super().__init__(
            "The scan's time lies in the future; send when it was made.",
            errors=[FieldError("/at", "lies in the future")],
        )
