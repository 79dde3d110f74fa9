"""The figures as callers see them."""

from datetime import date, datetime
from typing import Literal
from uuid import UUID

from pydantic import BaseModel, Field

from common.money import Money

By = Literal["day", "channel", "currency"]


class Explanation(BaseModel):
    """What a row of figures follows from."""

    event: str = Field(description="Type of the fact.")
    order_id: UUID
    number: str
    at: datetime
    amount: Money = Field(description="What the fact added to gross (order.placed) or to cancelled (order.cancelled).")


class Kpi(BaseModel):
    """Figures of one day, channel or currency; amounts of different currencies are never added."""

    day: date | None = Field(description="In the shop's time zone; null unless by=day.")
    channel: str | None = Field(description="Null unless by=channel.")
    currency: str
    orders: int = Field(description="Orders placed.")
    units: int = Field(description="Units in the orders placed.")
    gross: Money = Field(description="Sum of order totals at placement, tax and shipping included.")
    cancelled_orders: int = Field(description="Orders cancelled in this period, whenever they were placed.")
    cancelled: Money = Field(description="Totals of the orders cancelled, on the day of the cancellation.")
    net: Money = Field(description="gross - cancelled.")
    average_order_value: Money | None = Field(
        description="gross / orders, rounded half away from zero; null without orders."
    )
    facts: int = Field(description="How many facts the row follows from.")
    explained_by: list[Explanation] | None = Field(
        description="With explain=true: the newest 200 facts; where `facts` of them are shown, they add up to the row."
    )


class Kpis(BaseModel):
    """Figures of a period."""

    from_: date = Field(alias="from", description="First day, in the shop's time zone.")
    to: date = Field(description="Last day, included.")
    by: By
    time_zone: str
    items: list[Kpi]


class ProductFigure(BaseModel):
    """What a SKU sold in a period, in one currency."""

    sku: str
    product_id: UUID
    title: str = Field(description="As it was in the newest order.")
    currency: str
    units: int
    gross: Money = Field(description="Sum of line totals at placement, with tax.")
    cancelled_units: int
    net_units: int = Field(description="units - cancelled_units.")
    net: Money = Field(description="gross less the lines of orders cancelled in the period.")


class TopProducts(BaseModel):
    """The SKUs that sold best."""

    from_: date = Field(alias="from", description="First day, in the shop's time zone.")
    to: date = Field(description="Last day, included.")
    time_zone: str
    items: list[ProductFigure]
