"""Orders as they travel: in the words of their events, so that a reader of both learns one language."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Annotated, Any, Final, Literal
from uuid import UUID

from fastapi import Depends, Query
from pydantic import AfterValidator, AwareDatetime

from common.auth import Caller
from common.events.contracts.orders import Address, OrderSnapshot
from common.on_loop import on_loop
from orders.ordering.models import Order
from orders.words import Body, LongText

WITHHELD: Final = "withheld"


class OrderView(OrderSnapshot):
    """An order."""

    @classmethod
    def of(cls, order: Order) -> "OrderView":
        """Show an order."""
        return cls(**order.document())

    @classmethod
    def seen_by(cls, caller: Caller) -> Callable[[Order], "OrderView"]:
        """Return how ``caller`` sees orders: whole, or without who the people are."""
        return cls.of if caller.personal_data else cls.without_personal_data

    @classmethod
    def without_personal_data(cls, order: Order) -> "OrderView":
        """Show what an order was, not whose: of the addresses only the country and the region are left."""
        return cls(
            **order.document()
            | {
                "email": order.email and WITHHELD,
                "shipping_address": order.shipping_address and _without_name(order.shipping_address),
                "billing_address": order.billing_address and _without_name(order.billing_address),
            }
        )


def _without_name(address: Mapping[str, Any]) -> Address:
    withheld = dict.fromkeys(("name", "line1", "city", "postal_code"), WITHHELD)
    return Address(**dict(address) | withheld | {"line2": None})


class Cancellation(Body):
    """Why an order is called off."""

    reason: LongText | None = None


Word = Annotated[str, Query(max_length=254, pattern=r"^[^\x00]*$")]


def _storable(value: datetime) -> datetime:
    if not 1970 <= value.year < 9999:  # noqa: PLR2004 - the ends of what can be converted
        raise ValueError("the year must be between 1970 and 9998")
    return value


Moment = Annotated[AwareDatetime, AfterValidator(_storable)]


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderFilters:
    """What a list of orders may be narrowed to; all that is given must fit."""

    status: Literal["open", "cancelled", "closed"] | None = None
    payment_status: (
        Literal["pending", "authorised", "partly_paid", "paid", "partly_refunded", "refunded", "voided"] | None
    ) = None
    fulfilment_status: Literal["none", "partial", "fulfilled", "delivered"] | None = None
    customer_id: UUID | None = None
    email: Annotated[Word | None, Query(description="Compared without regard to case.")] = None
    number: Word | None = None
    channel: Word | None = None
    kind: Literal["sale", "return"] | None = None
    source: Annotated[Word | None, Query(description="The system that orders were imported from.")] = None
    external_id: Annotated[Word | None, Query(description="The order's id in that system.")] = None
    customer_reference: Annotated[Word | None, Query(description="The buyer's number in that system.")] = None
    placed_from: Annotated[Moment | None, Query(description="Included.")] = None
    placed_to: Annotated[Moment | None, Query(description="Not included.")] = None

    def given(self) -> dict[str, Any]:
        """Return the filters that were given."""
        values = ((each.name, getattr(self, each.name)) for each in fields(self))
        return {name: value for name, value in values if value is not None}


Filters = Annotated[OrderFilters, Depends(on_loop(OrderFilters))]
