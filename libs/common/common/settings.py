"""Settings come from the environment, typed; a wrong one stops the start and is named.

A service's own have its name as prefix (``ORDERS_DATABASE_URL``), what all share has none. No secret has a default.
"""

import socket
import sys
from typing import TypeVar
from zoneinfo import ZoneInfo

from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict


def settings_of(service: str) -> SettingsConfigDict:
    """Return the ``model_config`` of a service's Settings."""
    return SettingsConfigDict(env_prefix=f"{service.upper()}_", extra="ignore", frozen=True, populate_by_name=True)


class ServiceSettings(BaseSettings):
    """What every service needs to know."""

    database_url: SecretStr = Field(
        description="PostgreSQL database of this service, `postgresql://user:password@host/name`."
    )
    signing_key: SecretStr = Field(description="Private Ed25519 key of this service, as a JWK in JSON.")
    host: str = Field("127.0.0.1", description="Address to listen on.")
    port: int = Field(8000, ge=0, le=65535, description="Port to listen on.")
    kafka_bootstrap_servers: str = Field(
        validation_alias="KAFKA_BOOTSTRAP_SERVERS",
        description="Brokers to start from, `host:port[,host:port]`.",
    )
    trusted_keys: str = Field(
        validation_alias="TRUSTED_KEYS",
        description="Public keys of gateway and services, a JWKS in JSON; `kid` is the owner.",
    )
    events_namespace: str = Field(
        "", validation_alias="EVENTS_NAMESPACE", description="Prefix of topics and consumer groups, for tests."
    )
    log_level: str = Field("INFO", validation_alias="LOG_LEVEL", description="Least level that is logged.")
    shop_currency: str = Field(
        "EUR",
        pattern="^[A-Z]{3}$",
        validation_alias="SHOP_CURRENCY",
        description="The shop's own currency, ISO 4217.",
    )
    shop_time_zone: str = Field(
        "Europe/Berlin",
        validation_alias="SHOP_TIME_ZONE",
        description="Zone in which a day of the shop begins and ends.",
    )
    shop_country: str = Field(
        "DE",
        pattern="^[A-Z]{2}$",
        validation_alias="SHOP_COUNTRY",
        description="The shop's country, ISO 3166-1.",
    )
    instance: str = Field(
        default_factory=socket.gethostname,
        validation_alias="INSTANCE",
        description="Name of this process among its like; two with the same name fence each other at the broker.",
    )
    test_clock: bool = Field(
        default=False,
        validation_alias="TEST_CLOCK",
        description="Whether staff may move business time forward. For demo and tests only.",
    )

    @field_validator("shop_time_zone")
    @classmethod
    def _known_zone(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except (KeyError, ValueError, OSError) as error:
            raise ValueError(f"{value} is no time zone; use a name such as Europe/Berlin") from error
        return value


S = TypeVar("S", bound=BaseSettings)


def load(kind: type[S]) -> S:
    """Read the settings, or end the process with a sentence for each variable that is missing or wrong."""
    try:
        return kind()
    except ValidationError as error:
        prefix = kind.model_config.get("env_prefix", "")
        for problem in error.errors():
            field = str(problem["loc"][0])
            variable = field if field.isupper() else f"{prefix}{field}".upper()
            sys.stderr.write(f"{variable}: {problem['msg']}. Set it in the environment.\n")
        raise SystemExit(2) from error
