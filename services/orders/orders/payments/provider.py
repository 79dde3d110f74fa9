"""The port to a payment provider: what a checkout and a parcel ask of whoever moves the money.

Everything goes by a key of ours, so that each call may be repeated, and what became of an unanswered one can be asked.
A provider that does not answer in time raises PaymentUnanswered; whether it acted is then unknown until it is asked.
"""

from dataclasses import dataclass
from typing import Literal, Protocol
from uuid import UUID

from common.money import Money


@dataclass(frozen=True, slots=True)
class Charge:
    """What the provider has in its books under a key of ours; amounts in minor units."""

    state: Literal["authorised", "declined", "voided"]
    authorised: int
    captured: int


class PaymentUnansweredError(Exception):
    """The provider did not answer; it may have acted or not."""


class CaptureRefusedError(Exception):
    """The provider will not give the money: the authorisation is gone or too small."""


class PaymentProvider(Protocol):
    """Moves money. Each call ends in the time that its caller allows."""

    @property
    def method(self) -> str:
        """What a checkout's ``payment.method`` names it by."""
        ...

    def understands(self, token: str) -> bool:
        """Tell whether ``token`` has the form of this provider's tokens, without asking it."""
        ...

    async def authorise(self, key: UUID, amount: Money, token: str) -> Charge:
        """Reserve ``amount`` of the buyer's money. The same key again returns the first outcome."""
        ...

    async def capture(self, key: UUID, charge: UUID, amount: Money) -> None:
        """Take a part of what the charge ``charge`` has authorised; once for each key. Raises CaptureRefused."""
        ...

    async def void(self, key: UUID) -> None:
        """Give back what is not captured. An unknown key is remembered: a later authorisation is refused."""
        ...

    async def find(self, key: UUID) -> Charge | None:
        """Say what became of ``key``; None: the provider never heard of it."""
        ...
