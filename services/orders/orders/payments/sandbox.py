"""A payment provider for tests and demos. It moves no money and keeps its books like a real one.

It plays the outside party: its tables are touched by nobody else, on connections and in transactions of its own, so
that what it did stays done when a process of ours dies in the middle. A token says how it shall behave.
"""

from typing import Final
from uuid import UUID

from common.database import Database
from common.money import Money
from orders.payments.provider import CaptureRefusedError, Charge, PaymentUnansweredError

APPROVE: Final = "approve"
DECLINE: Final = "decline"
TIMEOUT_BEFORE: Final = "timeout_before"  # never hears of it
TIMEOUT_AFTER: Final = "timeout_after"  # does it, and the answer is lost
TOKENS: Final = frozenset({APPROVE, DECLINE, TIMEOUT_BEFORE, TIMEOUT_AFTER})

AUTHORISE = """
INSERT INTO sandbox_charge (key, state, currency, authorised) VALUES ($1, $2, $3, $4)
ON CONFLICT (key) DO UPDATE SET key = EXCLUDED.key RETURNING state, authorised, captured
"""
VOID = """
INSERT INTO sandbox_charge (key, state, authorised) VALUES ($1, 'voided', 0)
ON CONFLICT (key) DO UPDATE SET state = 'voided', authorised = sandbox_charge.captured
WHERE sandbox_charge.state = 'authorised'
"""
FIND = "SELECT state, authorised, captured FROM sandbox_charge WHERE key = $1"
CAPTURE = """
WITH charge AS (
    UPDATE sandbox_charge SET captured = captured + $3
    WHERE key = $2 AND state = 'authorised' AND captured + $3 <= authorised AND currency = $4
        AND NOT EXISTS (SELECT FROM sandbox_capture WHERE key = $1)
    RETURNING key
), taken AS (
    INSERT INTO sandbox_capture (key, charge_key, amount) SELECT $1, key, $3 FROM charge RETURNING key
)
SELECT EXISTS (SELECT FROM taken) OR EXISTS (SELECT FROM sandbox_capture WHERE key = $1) AS done
"""


class SandboxPaymentProvider:
    """Behind the port, as obedient as its token."""

    method = "test"

    def __init__(self, database: Database) -> None:
        self._database = database

    def understands(self, token: str) -> bool:
        """Tell whether it is one of the four tokens."""
        return token in TOKENS

    async def authorise(self, key: UUID, amount: Money, token: str) -> Charge:
        """Do as ``token`` says."""
        if token == TIMEOUT_BEFORE:
            raise PaymentUnansweredError(f"the provider was told to lose {key}")
        state = "declined" if token == DECLINE else "authorised"
        granted = amount.amount if state == "authorised" else 0
        async with self._database.acquire() as connection:
            row = await connection.fetchrow(AUTHORISE, key, state, amount.currency, granted)
        if token == TIMEOUT_AFTER:
            raise PaymentUnansweredError(f"the provider was told to lose its answer for {key}")
        if row is None:
            raise PaymentUnansweredError(f"the books say nothing of {key}")
        return Charge(row["state"], row["authorised"], row["captured"])

    async def capture(self, key: UUID, charge: UUID, amount: Money) -> None:
        """Take ``amount`` of what was authorised."""
        async with self._database.acquire() as connection:
            done = await connection.fetchval(CAPTURE, key, charge, amount.amount, amount.currency)
        if not done:
            raise CaptureRefusedError(f"{amount} is not to be had from charge {charge}")

    async def void(self, key: UUID) -> None:
        """Give back, or remember the key."""
        async with self._database.acquire() as connection:
            await connection.execute(VOID, key)

    async def find(self, key: UUID) -> Charge | None:
        """Look it up."""
        async with self._database.acquire() as connection:
            row = await connection.fetchrow(FIND, key)
        return None if row is None else Charge(row["state"], row["authorised"], row["captured"])
