"""Settings of orders, from ``ORDERS_…`` and what all services share."""

from typing import Literal

from pydantic import Field

from common.settings import ServiceSettings, settings_of


class Settings(ServiceSettings):
    """What orders needs to know."""

    model_config = settings_of("orders")

    inventory_url: str = Field(description="Where the inventory service listens, `http://host:port`.")
    inventory_timeout_seconds: float = Field(
        3.0, gt=0, le=30, description="How long a checkout waits for each answer of inventory."
    )
    payment_timeout_seconds: float = Field(
        15.0,
        gt=0,
        le=60,
        description="How long a checkout waits for the payment provider before it asks by its own key.",
    )
    tax_rounding: Literal["line", "total"] = Field(
        "line", description="Whether tax is rounded on each line, or once for each rate over the whole order."
    )
