"""What can be wrong with a hold."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from uuid import UUID

from common.problems import Conflict


@dataclass(frozen=True, slots=True)
class ShortLine:
    """A line that no location has whole: ``available`` is the most that one could give."""

    sku: str
    asked: int
    available: int


class OutOfStock(Conflict):
    """Not every line can be held, so none is. `lines` says which, and how many units could be had from one location."""

    slug, title = "out-of-stock", "Not everything is in stock"

    def __init__(self, lines: Sequence[ShortLine]) -> None:
        named = ", ".join(f"{line.sku} ({line.asked} asked, {line.available} available)" for line in lines)
        super().__init__(f"Not enough of {named}; nothing was held.", lines=[asdict(line) for line in lines])


class ReservationGone(Conflict):
    """The hold has ended, by time or by release, or there never was one; its id cannot hold anything any more."""

    slug, title = "reservation-gone", "The hold is gone"

    def __init__(self, reservation_id: UUID, state: str) -> None:
        super().__init__(f"The reservation {reservation_id} is {state}; begin a new checkout.", state=state)


class ReservationAllocated(Conflict):
    """The order is placed and the stock is its own. Cancel the order to give it back."""

    slug, title = "reservation-allocated", "The stock belongs to an order already"

    def __init__(self, reservation_id: UUID) -> None:
        super().__init__(f"The reservation {reservation_id} became an order's stock; cancel that order instead.")


class ReservationDiffers(Conflict):
    """A reservation of this id holds other lines. A hold is not changed: release it and take a new id."""

    slug, title = "reservation-differs", "The reservation holds something else"

    def __init__(self, reservation_id: UUID) -> None:
        super().__init__(f"The reservation {reservation_id} holds other lines; release it and take a new id.")
