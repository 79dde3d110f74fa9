"""What any payment provider must do, tried on the sandbox."""

import asyncio
from uuid import UUID, uuid4

import pytest

from common.database import Database
from common.money import Money
from orders.payments.provider import CaptureRefusedError, Charge, PaymentProvider, PaymentUnansweredError
from orders.payments.sandbox import SandboxPaymentProvider

TOTAL = Money(amount=4488, currency="EUR")


def eur(amount: int) -> Money:
    return Money(amount=amount, currency="EUR")


@pytest.fixture(params=[SandboxPaymentProvider])
def provider(request: pytest.FixtureRequest, database: Database) -> PaymentProvider:
    """Each adapter in turn."""
    made: PaymentProvider = request.param(database)
    return made


async def authorised(provider: PaymentProvider) -> UUID:
    key = uuid4()
    assert await provider.authorise(key, TOTAL, "approve") == Charge("authorised", 4488, 0)
    return key


async def test_it_knows_its_own_tokens(provider: PaymentProvider) -> None:
    assert provider.understands("approve")
    assert not provider.understands("action")


async def test_the_same_key_charges_once(provider: PaymentProvider) -> None:
    key = await authorised(provider)
    again = await asyncio.gather(*(provider.authorise(key, TOTAL, "approve") for _ in range(4)))
    assert set(again) == {Charge("authorised", 4488, 0)}


async def test_a_declined_key_stays_declined(provider: PaymentProvider) -> None:
    key = uuid4()
    for token in ("decline", "approve"):
        assert (await provider.authorise(key, TOTAL, token)).state == "declined"
    assert await provider.find(key) == Charge("declined", 0, 0)


async def test_an_unknown_key_is_not_found(provider: PaymentProvider) -> None:
    assert await provider.find(uuid4()) is None


async def test_a_lost_answer_can_be_asked_for(provider: PaymentProvider) -> None:
    before, after = uuid4(), uuid4()
    for key, token in ((before, "timeout_before"), (after, "timeout_after")):
        with pytest.raises(PaymentUnansweredError):
            await provider.authorise(key, TOTAL, token)
    assert await provider.find(before) is None
    assert await provider.find(after) == Charge("authorised", 4488, 0)


async def test_what_is_voided_is_not_authorised_later(provider: PaymentProvider) -> None:
    key = uuid4()
    await provider.void(key)
    await provider.void(key)
    assert (await provider.authorise(key, TOTAL, "approve")).state == "voided"


async def test_a_void_gives_back_what_was_authorised(provider: PaymentProvider) -> None:
    key = await authorised(provider)
    await provider.void(key)
    assert await provider.find(key) == Charge("voided", 0, 0)
    with pytest.raises(CaptureRefusedError):
        await provider.capture(uuid4(), key, eur(1))


async def test_captures_add_up_to_what_was_authorised_and_no_further(provider: PaymentProvider) -> None:
    key = await authorised(provider)
    first = uuid4()
    for _ in range(2):  # the second is the same capture
        await provider.capture(first, key, eur(4000))
    with pytest.raises(CaptureRefusedError):
        await provider.capture(uuid4(), key, eur(489))
    await provider.capture(uuid4(), key, eur(488))
    assert await provider.find(key) == Charge("authorised", 4488, 4488)


async def test_another_currency_is_refused(provider: PaymentProvider) -> None:
    key = await authorised(provider)
    with pytest.raises(CaptureRefusedError):
        await provider.capture(uuid4(), key, Money(amount=1, currency="USD"))
