"""What inventory needs to know beside what every service does."""

from pydantic import Field

from common.settings import ServiceSettings, settings_of


class Settings(ServiceSettings):
    """Settings of inventory, from variables that begin with ``INVENTORY_``."""

    model_config = settings_of("inventory")

    orders_url: str = Field(description="Where the orders service listens, `http://host:port`.")
