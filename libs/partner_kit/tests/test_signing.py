"""Signatures are those of Standard Webhooks: its published values and the scenarios of its libraries' tests."""

import pytest

from partner_kit import Delivery, Refused, sign, verify

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
ID, AT = "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330
BODY = b'{"test": 2432232314}'
PUBLISHED = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
WRONG = "v1,Ceo5qEr07ixe2NLpvHk3FH9bwy/WavXrAFQ/9tdO6mc="


def headers(signature: str = PUBLISHED, *, at: int = AT) -> dict[str, str]:
    return {"webhook-id": ID, "webhook-timestamp": str(at), "webhook-signature": signature}


def test_the_published_signature_is_made_and_verified() -> None:
    assert sign(SECRET, ID, AT, BODY) == PUBLISHED
    assert verify(SECRET, headers(), BODY, now=AT) == Delivery(ID, AT)


def test_the_secret_may_come_without_its_prefix() -> None:
    assert verify(SECRET.removeprefix("whsec_"), headers(), BODY, now=AT).id == ID


def test_the_specifications_payload_is_verified_by_its_bytes() -> None:
    body = (
        b'{"type":"contact.created","timestamp":"2022-11-03T20:26:10.344522Z","data":'
        b'{"id":"1f81eb52-5198-4599-803e-771906343485","type":"contact","first_name":"John"}}'
    )
    signed = sign(SECRET, "msg_2KWPBgLlAfxdpx2AI54pPJ85f4W", 1674087231, body)
    given = {
        "webhook-id": "msg_2KWPBgLlAfxdpx2AI54pPJ85f4W",
        "webhook-timestamp": "1674087231",
        "webhook-signature": signed,
    }
    assert verify(SECRET, given, body, now=1674087231).timestamp == 1674087231
    with pytest.raises(Refused, match="not those that were sent"):
        verify(SECRET, given, body.replace(b":", b": "), now=1674087231)


@pytest.mark.parametrize("name", ["webhook-id", "webhook-timestamp", "webhook-signature"])
def test_a_missing_header_is_refused_and_named(name: str) -> None:
    given = headers()
    del given[name]
    with pytest.raises(Refused, match=name):
        verify(SECRET, given, BODY, now=AT)


@pytest.mark.parametrize(
    "signature", [WRONG, "v1,", "v1", PUBLISHED.removeprefix("v1,"), PUBLISHED.replace("v1", "v2")]
)
def test_what_does_not_fit_is_refused(signature: str) -> None:
    with pytest.raises(Refused, match="No signature fits"):
        verify(SECRET, headers(signature), BODY, now=AT)


def test_one_of_several_signatures_is_enough() -> None:
    verify(SECRET, headers(f"{WRONG} {WRONG.replace('v1', 'v2')} {PUBLISHED} {WRONG}"), BODY, now=AT)


def test_while_a_secret_is_replaced_either_fits() -> None:
    verify(["whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD", SECRET], headers(), BODY, now=AT)
    with pytest.raises(Refused):
        verify(["whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"], headers(), BODY, now=AT)


@pytest.mark.parametrize("away", [301, -301])
def test_an_attempt_of_another_time_is_refused(away: int) -> None:
    with pytest.raises(Refused, match="301 s away"):
        verify(SECRET, headers(), BODY, now=AT + away)
    verify(SECRET, headers(), BODY, now=AT + away, tolerance_seconds=None)


@pytest.mark.parametrize("at", ["yesterday", "-1", "1.5", "١٢"])
def test_a_time_that_is_none_is_refused(at: str) -> None:
    with pytest.raises(Refused, match="no Unix time"):
        verify(SECRET, headers() | {"webhook-timestamp": at}, BODY, now=AT)


def test_the_time_is_signed_too() -> None:
    with pytest.raises(Refused, match="No signature fits"):
        verify(SECRET, headers(at=946684800), BODY, now=AT, tolerance_seconds=None)


def test_header_names_have_no_case() -> None:
    verify(SECRET, {name.title(): value for name, value in headers().items()}, BODY, now=AT)


@pytest.mark.parametrize("secret", ["whsec_not base64", "whsec_", ""])
def test_a_secret_that_is_none_is_no_refusal(secret: str) -> None:
    """It is the receiver's own mistake, and no reason to tell the sender that it is a stranger."""
    with pytest.raises(ValueError, match="secret"):
        verify(secret, headers(), BODY, now=AT)
