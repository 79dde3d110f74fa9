"""Settings of the catalogue."""

from pydantic import Field

from common.settings import ServiceSettings, settings_of


class Settings(ServiceSettings):
    """What the catalogue needs to know."""

    model_config = settings_of("catalog")

    inventory_url: str = Field(description="Where inventory listens; imports with a location set its stock.")
