"""The figures as callers see them."""

from datetime import date, datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import BaseModel, Field

from common.money import Money

Month = Annotated[str, Field(pattern=r"^\d{4}-\d{2}$", examples=["2026-11"])]
By = Literal["day", "month", "channel", "currency"]


class Explanation(BaseModel):
    """What a row of figures follows from."""

    event: str = Field(description="Type of the fact.")
    order_id: UUID
    number: str
    at: datetime
    kind: str = Field(description="`sale`, or `return` for goods that came back.")
    amount: Money = Field(
        description="What the fact added to gross (order.placed), to refunded (that of a return) or to cancelled "
        "(order.cancelled)."
    )


class Kpi(BaseModel):
    """Figures of one day, month, channel or currency; amounts of different currencies are never added."""

    day: date | None = Field(description="In the shop's time zone; null unless by=day.")
    month: Month | None = Field(description="In the shop's time zone; null unless by=month; only days asked for count.")
    channel: str | None = Field(description="Null unless by=channel.")
    currency: str
    orders: int = Field(description="Orders placed.")
    units: int = Field(description="Units in the orders placed.")
    gross: Money = Field(description="Sum of order totals at placement, tax and shipping included.")
    cancelled_orders: int = Field(description="Orders cancelled in this period, whenever they were placed.")
    cancelled: Money = Field(description="Totals of the orders cancelled, on the day of the cancellation.")
    returns: int = Field(description="Orders that came back, on the day on which they did.")
    refunded: Money = Field(description="What was given back for them, on that day.")
    net: Money = Field(description="gross - cancelled - refunded.")
    average_order_value: Money | None = Field(
        description="gross / orders, rounded half away from zero; null without orders."
    )
    facts: int = Field(description="How many facts the row follows from.")
    explained_by: list[Explanation] | None = Field(
        description="With explain=true: the newest 200 facts; where `facts` of them are shown, they add up to the row."
    )


class Traffic(BaseModel):
    """Visits of one day, month or channel; they have no currency, so a filter by currency leaves them as they are.

    A visit (session) ends after 30 minutes without an event, and counts where it began. Orders are counted from
    `order.placed`, never from what a browser says.
    """

    day: date | None = Field(description="In the shop's time zone; null unless by=day.")
    month: Month | None = Field(description="In the shop's time zone; null unless by=month; only days asked for count.")
    channel: str | None = Field(description="Null unless by=channel.")
    sessions: int = Field(description="Visits that began.")
    visitors: int = Field(
        description="Different visitors of each day, added up: who comes on two days counts on both, since nobody is "
        "recognised on the next day."
    )
    sessions_with_order: int = Field(description="Visits in which an order was placed, also if it was cancelled later.")
    conversion_rate: float | None = Field(
        description="sessions_with_order / sessions, four decimals; null without sessions. Orders that name no visit "
        "(imported, by telephone) are in neither number."
    )
    sessions_with_cart: int = Field(description="Visits with an add_to_cart, a begin_checkout or an order.")
    abandoned_carts: int = Field(description="Those among them without an order.")
    cart_abandonment: float | None = Field(
        description="abandoned_carts / sessions_with_cart, four decimals; null without carts."
    )


class Kpis(BaseModel):
    """Figures of a period."""

    from_: date = Field(alias="from", description="First day, in the shop's time zone.")
    to: date = Field(description="Last day, included.")
    by: By
    time_zone: str
    items: list[Kpi]
    traffic: list[Traffic] = Field(description="Beside the items, since visits have no currency.")


class ProductFigure(BaseModel):
    """What a SKU sold in a period, in one currency."""

    sku: str
    product_id: UUID | None = Field(description="Null: no product here has the SKU.")
    title: str = Field(description="As in the newest quarter-hour in which it sold.")
    currency: str
    units: int
    gross: Money = Field(description="Sum of line totals at placement, with tax.")
    cancelled_units: int
    returned_units: int
    refunded: Money = Field(description="What was given back for them.")
    net_units: int = Field(description="units - cancelled_units - returned_units.")
    net: Money = Field(description="gross less the lines of orders cancelled and what was refunded in the period.")


class TopProducts(BaseModel):
    """The SKUs that sold best."""

    from_: date = Field(alias="from", description="First day, in the shop's time zone.")
    to: date = Field(description="Last day, included.")
    time_zone: str
    items: list[ProductFigure]
