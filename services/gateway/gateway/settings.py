"""What the gateway needs to know beside what every service does."""

from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Annotated

from pydantic import Field, HttpUrl, TypeAdapter, field_validator
from pydantic_settings import NoDecode

from common.settings import ServiceSettings, settings_of

Network = IPv4Network | IPv6Network

_URL: TypeAdapter[HttpUrl] = TypeAdapter(HttpUrl)


def _origin(value: str) -> str:
    """Check an address of http or https, and drop the slash at its end."""
    _URL.validate_python(value)
    return value.rstrip("/")


class Settings(ServiceSettings):
    """The gateway's settings."""

    model_config = settings_of("gateway")

    catalog_url: str = Field(description="Where catalog listens, `http://host:port`.")
    inventory_url: str = Field(description="Where inventory listens, `http://host:port`.")
    orders_url: str = Field(description="Where orders listens, `http://host:port`.")
    metrics_url: str = Field(description="Where metrics listens, `http://host:port`.")
    notifications_url: str = Field(description="Where notifications listens, `http://host:port`.")
    public_url: str = Field(
        "http://127.0.0.1:8000", description="Where the world reaches the gateway; stands in tokens as their issuer."
    )
    cors_origins: Annotated[tuple[str, ...], NoDecode] = Field(
        (), description="Origins whose pages may call the API from a browser, separated by commas; none by default."
    )
    trusted_proxies: Annotated[tuple[Network, ...], NoDecode] = Field(
        (),
        description="Networks of proxies in front of the gateway, separated by commas: what they say in "
        "`X-Forwarded-For` is believed. None by default: the peer is the client.",
    )
    mailbox_url: str | None = Field(
        None, description="Page of the mailbox that catches all mail here, for the front page to link."
    )
    metrics_host: str = Field("127.0.0.1", description="Address on which `/metrics` is served, never the public one.")
    metrics_port: int = Field(0, ge=0, le=65535, description="Port on which `/metrics` is served; 0 for nowhere.")

    @field_validator("trusted_proxies", mode="before")
    @classmethod
    def _networks(cls, value: object) -> object:
        if not isinstance(value, str):
            return value
        return tuple(ip_network(network.strip()) for network in value.split(",") if network.strip())

    @field_validator("cors_origins", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        if not isinstance(value, str):
            return value
        return tuple(_origin(origin.strip()) for origin in value.split(",") if origin.strip())

    @field_validator(
        "catalog_url", "inventory_url", "orders_url", "metrics_url", "notifications_url", "public_url", "mailbox_url"
    )
    @classmethod
    def _address(cls, value: str | None) -> str | None:
        return None if value is None else _origin(value)

    @property
    def services(self) -> dict[str, str]:
        """Where each service behind the gateway listens, by name."""
        return {
            "catalog": self.catalog_url,
            "inventory": self.inventory_url,
            "orders": self.orders_url,
            "metrics": self.metrics_url,
            "notifications": self.notifications_url,
        }
