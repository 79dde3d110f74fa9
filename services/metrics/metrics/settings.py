"""Settings of metrics."""

from typing import Annotated

from pydantic import Field, field_validator
from pydantic_settings import NoDecode

from common.settings import ServiceSettings, settings_of


class Settings(ServiceSettings):
    """Beside what every service needs; a day of the shop follows SHOP_TIME_ZONE."""

    model_config = settings_of("metrics")

    own_hosts: Annotated[tuple[str, ...], NoDecode] = Field(
        (),
        description="Further hosts of the shop, separated by commas: no visit comes from them or from the page's own.",
    )
    payment_hosts: Annotated[tuple[str, ...], NoDecode] = Field(
        (),
        description="Hosts of payment providers beside those known, separated by commas: no visit comes from them.",
    )
    behaviour_kept_days: int = Field(
        400, ge=3, le=3660, description="How long single events of visitors are kept; the visits themselves stay."
    )

    @field_validator("own_hosts", "payment_hosts", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        if not isinstance(value, str):
            return value
        return tuple(host.strip().lower().removeprefix("www.") for host in value.split(",") if host.strip())
