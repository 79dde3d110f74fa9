"""Settings of metrics."""

from common.settings import ServiceSettings, settings_of


class Settings(ServiceSettings):
    """Nothing beside what every service needs; a day of the shop follows SHOP_TIME_ZONE."""

    model_config = settings_of("metrics")
