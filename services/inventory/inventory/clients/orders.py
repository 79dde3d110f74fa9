"""What inventory asks orders: how a checkout ended, when no order came of a confirmed hold."""

from typing import Literal, Protocol
from uuid import UUID

from pydantic import BaseModel

from common.http.client import ServiceClient, UpstreamProblem
from common.problems import Unavailable

NEVER_WAS = "checkout-not-found"
SECONDS = 2.0  # asked in the background, again a minute later: nobody waits for it

CheckoutState = Literal["unknown", "running", "placed", "undone", "failed"]


class Checkouts(Protocol):
    """Knows how checkouts went."""

    async def state_of(self, checkout_id: UUID) -> CheckoutState:
        """Say how a checkout stands; ``unknown``: there never was one. Raises Unavailable."""
        ...


class CheckoutReply(BaseModel):
    """What orders answers; states that it may add later count as still running."""

    id: UUID
    state: str


class OrdersCheckouts:
    """Asks the orders service."""

    def __init__(self, client: ServiceClient) -> None:
        self._client = client

    async def state_of(self, checkout_id: UUID) -> CheckoutState:
        """Ask over HTTP."""
        try:
            reply = await self._client.get(f"/internal/checkouts/{checkout_id}", timeout=SECONDS)
        except UpstreamProblem as refusal:
            if refusal.slug == NEVER_WAS:  # no other 404: a wrong address must not free what is paid for
                return "unknown"
            raise Unavailable(f"Orders did not say how checkout {checkout_id} stands: {refusal}.") from refusal
        match reply.read(CheckoutReply).state:
            case "placed":
                return "placed"
            case "undone":
                return "undone"
            case "failed":
                return "failed"
            case _:
                return "running"
