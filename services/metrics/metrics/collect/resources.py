"""What a process of metrics holds beside its database."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from common.service import Runtime
from metrics.collect.sources import PAYMENT_HOSTS
from metrics.collect.visitors import Salts
from metrics.settings import Settings


@dataclass(frozen=True, slots=True)
class Resources:
    """The salts in use, and the hosts that no visit comes from."""

    salts: Salts
    passed_through: tuple[str, ...]


@asynccontextmanager
async def open_resources(runtime: Runtime) -> AsyncIterator[Resources]:
    """Make them."""
    settings = runtime.settings
    if not isinstance(settings, Settings):
        raise TypeError("these are not the settings of metrics")
    yield Resources(Salts(settings.shop_time_zone), (*settings.own_hosts, *settings.payment_hosts, *PAYMENT_HOSTS))
