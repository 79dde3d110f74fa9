"""Standard Webhooks 1.0, by its published values and by its reference implementation."""

import json
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from standardwebhooks import Webhook as Verifier

from notifications.webhooks.signing import Secret, headers_for

PUBLISHED = {
    "secret": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
    "headers": {
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    },
    "payload": '{"test": 2432232314}',
    "valid": True,
}


def vectors() -> list[dict[str, Any]]:
    """The published value, and with REAL_DATA=<dir> all of the reference's scenarios."""
    folder = os.environ.get("REAL_DATA")
    if not folder:
        return [PUBLISHED]
    cases: list[dict[str, Any]] = json.loads((Path(folder) / "webhooks/standard_webhooks_vectors.json").read_text())[
        "cases"
    ]
    return [PUBLISHED, *(case for case in cases if _signs(case))]


def _signs(case: dict[str, Any]) -> bool:
    """Whether a case is about what a sender makes: a whole set of headers with signatures that should be ours."""
    given = case.get("headers") or {}
    return bool(case["valid"]) and {"webhook-id", "webhook-timestamp", "webhook-signature"} <= given.keys()


@pytest.mark.parametrize("case", vectors(), ids=lambda case: str(case.get("name", "published")))
def test_we_sign_as_published(case: dict[str, Any]) -> None:
    """Among the signatures that a receiver may be sent is the one that we make."""
    headers = case["headers"]

    made = Secret(case["secret"]).signature(
        headers["webhook-id"], int(headers["webhook-timestamp"]), case["payload"].encode()
    )

    assert made in headers["webhook-signature"].split(" ")


def test_the_reference_implementation_takes_what_we_send() -> None:
    """By either secret while the old one goes on, and neither with a byte changed."""
    old, new = Secret.new(), Secret.new()
    body = '{"type":"order.placed","name":"Bücher"}'.encode()
    event_id = UUID("019ab3f0-77d5-7c00-9d00-e1f203142536")
    headers = headers_for(event_id, body, keys=[new, old], at=datetime.now(UTC))

    assert headers["webhook-id"] == str(event_id)
    for secret in (old, new):
        assert Verifier(secret.text).verify(body, headers)["type"] == "order.placed"
    with pytest.raises(Exception, match="No matching signature"):
        Verifier(new.text).verify(body.replace(b"placed", b"sold"), headers)
    with pytest.raises(Exception, match="No matching signature"):
        Verifier(Secret.new().text).verify(body, headers)


def test_a_secret_is_32_random_bytes_and_does_not_show() -> None:
    """As long as the standard asks, and a mask wherever it is printed."""
    secret = Secret.new()

    assert (len(secret.key), secret.text.startswith("whsec_")) == (32, True)
    assert secret.text not in repr(secret)
    assert Secret.new() != secret
