"""Where a request came from, for the few services that need to tell visitors apart.

A header is believed only from the peers that the settings name: anyone can send one.
"""

from collections.abc import Sequence
from ipaddress import IPv4Address, IPv6Address, ip_address

from starlette.types import Scope

from gateway.settings import Network

FORWARDED = b"x-forwarded-for"


def client_address(scope: Scope, proxies: Sequence[Network]) -> str:
    """Return the nearest address that is none of our proxies; empty where there is none, as on a Unix socket."""
    client = scope.get("client")
    nearest: str = client[0] if client else ""
    given = b",".join(value for name, value in scope["headers"] if name == FORWARDED).decode("latin-1")
    for hop in reversed(given.split(",")):
        address = _parsed(nearest)
        if address is None or not any(address in network for network in proxies) or _parsed(hop.strip()) is None:
            break
        nearest = hop.strip()
    return nearest


def _parsed(text: str) -> IPv4Address | IPv6Address | None:
    try:
        address = ip_address(text)
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address
