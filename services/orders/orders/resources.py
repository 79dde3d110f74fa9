"""What a process of orders holds besides its database: ways to inventory and to the provider, running checkouts."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from common.http.client import ServiceClient
from orders.clients.inventory import HttpInventory, Inventory
from orders.payments.provider import PaymentProvider
from orders.payments.sandbox import SandboxPaymentProvider
from orders.settings import Settings

if TYPE_CHECKING:
    from common.service import Runtime

DRAIN_SECONDS = 8.0  # for checkouts whose shopper has gone; what is cut off here, the sweep finishes


@dataclass(frozen=True, kw_only=True)
class Resources:
    """Ports and their adapters."""

    inventory: Inventory
    payments: PaymentProvider
    running: set["asyncio.Task[Any]"] = field(default_factory=set)

    async def drain(self) -> None:
        """Let the checkouts in hand come to their end."""
        if self.running:
            await asyncio.wait(set(self.running), timeout=DRAIN_SECONDS)


@asynccontextmanager
async def open_resources(runtime: "Runtime") -> AsyncIterator[Resources]:
    """Open the adapters that the settings name, and close them."""
    settings = runtime.settings
    if not isinstance(settings, Settings):
        raise TypeError("orders runs on its own settings")
    async with ServiceClient("inventory", settings.inventory_url, runtime.signer, metrics=runtime.metrics) as client:
        resources = Resources(
            inventory=HttpInventory(client, timeout_seconds=settings.inventory_timeout_seconds),
            payments=SandboxPaymentProvider(runtime.database),
        )
        yield resources
        await resources.drain()
