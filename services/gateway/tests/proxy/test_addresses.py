"""Where a request came from: told to whom it concerns, and believed from whom we know."""

from collections.abc import Mapping
from ipaddress import ip_network

import httpx2
import pytest

from common.testing.plugin import settings_from
from gateway.app import SERVICE
from gateway.proxy.addresses import client_address
from gateway.testing import Suite


async def test_collecting_alone_learns_the_address_and_a_client_cannot_invent_one(
    gate: httpx2.AsyncClient, suite: Suite
) -> None:
    said = {"X-Forwarded-For": "203.0.113.9", "User-Agent": "a browser"}
    await gate.post("/v1/collect", json={}, headers=said)
    assert suite["metrics"].last.headers.getall("X-Forwarded-For") == ["127.0.0.1"]
    assert suite["metrics"].last.headers["User-Agent"] == "a browser"
    await gate.get("/v1/collect.js", headers=said)
    assert "X-Forwarded-For" not in suite["metrics"].last.headers
    await gate.get("/v1/products", headers=said)
    assert "X-Forwarded-For" not in suite["catalog"].last.headers


@pytest.mark.parametrize(
    ("peer", "forwarded", "expected"),
    [
        ("198.51.100.7", ["203.0.113.9"], "198.51.100.7"),
        ("10.0.0.1", [], "10.0.0.1"),
        ("10.0.0.1", ["203.0.113.9"], "203.0.113.9"),
        ("10.0.0.1", ["192.0.2.1, 203.0.113.9"], "203.0.113.9"),
        ("10.0.0.1", ["192.0.2.1", "203.0.113.9, 10.0.0.2"], "203.0.113.9"),
        ("10.0.0.1", ["203.0.113.9, unknown"], "10.0.0.1"),
        ("::ffff:10.0.0.1", ["2001:db8::1"], "2001:db8::1"),
        ("fd00::1", ["2001:db8::1"], "2001:db8::1"),
        (None, ["203.0.113.9"], ""),
    ],
)
def test_the_nearest_hop_that_is_no_proxy_of_ours_is_the_client(
    peer: str | None, forwarded: list[str], expected: str
) -> None:
    scope = {
        "client": None if peer is None else (peer, 1234),
        "headers": [(b"x-forwarded-for", each.encode()) for each in forwarded],
    }
    assert client_address(scope, (ip_network("10.0.0.0/8"), ip_network("fd00::/8"))) == expected


def test_proxies_are_networks(service_environment: Mapping[str, str]) -> None:
    required = {
        "GATEWAY_DATABASE_URL": "postgresql://nobody@127.0.0.1/none",
        "GATEWAY_SIGNING_KEY": "{}",
        "TRUSTED_KEYS": "{}",
        "KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:9",
    } | dict(service_environment)
    settings = settings_from(SERVICE, required | {"GATEWAY_TRUSTED_PROXIES": "10.0.0.0/8, fd00::/8"})
    assert settings.trusted_proxies == (ip_network("10.0.0.0/8"), ip_network("fd00::/8"))
    with pytest.raises(Exception, match="host bits set"):
        settings_from(SERVICE, required | {"GATEWAY_TRUSTED_PROXIES": "10.0.0.1/8"})
