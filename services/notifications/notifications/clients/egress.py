"""Where calls to partners may go: what a URL may look like, and which addresses may be connected to.

A partner gives us a URL and we call it from inside our network. Without a guard that is a way to everything that this
host can reach: services without a password, the metadata of the cloud, the broker. A URL is looked at when it is
registered, for an early answer; what protects is the look at the addresses, at every attempt, with the connection then
made to the address that was looked at. A name is never resolved a second time.

``WEBHOOK_ALLOWED_TARGETS`` names networks that are open all the same, also to http and any port: a receiver on one's
own machine, a partner behind a private line.
"""

import asyncio
import re
import socket
from collections.abc import Awaitable, Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)

import httpx2

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network
Resolver = Callable[[str, int], Awaitable[Sequence[str]]]

URL_LENGTH = 2000
DEFAULT_PORTS = {"https": 443, "http": 80}
OPEN_PORTS = frozenset({443})  # of the privileged ones; mail, shells and the like take no webhooks
FIRST_UNPRIVILEGED = 1024
LAST_PORT = 65535
LOOKUP_THREADS = 32  # one for each name that is being looked up; a slow name server holds no more than its own

_LABEL = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)")
_NUMERIC = re.compile(r"(?:0x[0-9a-f]*|[0-9]+)")

# What the standard library calls global, and is not for us: ways round the check by writing an IPv4 address as IPv6,
# and the address at which one cloud answers its machines.
NEVER: tuple[Network, ...] = tuple(
    ip_network(network)
    for network in (
        "0.0.0.0/8",
        "100.64.0.0/10",  # carrier-grade NAT, and a cloud's metadata
        "168.63.129.16/32",  # a cloud's own services
        "192.0.0.0/24",
        "192.31.196.0/24",
        "192.52.193.0/24",
        "192.88.99.0/24",  # 6to4 relays
        "192.175.48.0/24",
        "198.18.0.0/15",
        "224.0.0.0/4",
        "240.0.0.0/4",
        "::/96",  # IPv4-compatible
        "::ffff:0:0/96",  # IPv4-mapped
        "::ffff:0:0:0/96",  # IPv4-translated
        "64:ff9b::/96",  # NAT64
        "64:ff9b:1::/48",
        "2001::/23",  # Teredo, ORCHID and other protocols' own
        "2001:db8::/32",
        "2002::/16",  # 6to4
        "3fff::/20",
        "5f00::/16",
        "fec0::/10",
    )
)
GLOBAL_IPV6 = ip_network("2000::/3")


class UrlRefused(ValueError):
    """A URL that no endpoint may have; the message says why and what would do."""


class AddressRefused(Exception):
    """A name leads to an address that may not be called."""


class NameUnknown(Exception):
    """A name leads nowhere."""


@dataclass(frozen=True, slots=True)
class Target:
    """A URL taken apart: ``host`` is a name in ASCII, or an address as it is usually written."""

    scheme: str
    host: str
    port: int
    path: str  # with the query
    address: Address | None
    """The address, where the host is one."""

    @property
    def authority(self) -> str:
        """Host and port, as they stand in the URL and in the request's Host."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == DEFAULT_PORTS[self.scheme] else f"{host}:{self.port}"

    @property
    def url(self) -> str:
        """The URL in its one spelling."""
        return f"{self.scheme}://{self.authority}{self.path}"

    @classmethod
    def parse(cls, url: str) -> "Target":
        """Read a URL as the client will. Raises UrlRefused for what can be no endpoint wherever it leads."""
        if len(url) > URL_LENGTH or not url.isprintable() or any(each.isspace() or each == "\\" for each in url):
            raise UrlRefused(f"a URL has at most {URL_LENGTH} printable characters, without blanks and backslashes")
        try:
            parts = httpx2.URL(url)
            host = _normal_host(parts.raw_host.decode("ascii"))
        except (httpx2.InvalidURL, UnicodeError) as error:
            raise UrlRefused("this is no URL; use one such as https://partner.example/events") from error
        if parts.scheme not in DEFAULT_PORTS:
            raise UrlRefused("the URL begins with https://")
        if parts.userinfo:
            raise UrlRefused("the URL holds a user or a password; the signature tells that a call is ours")
        if parts.fragment:
            raise UrlRefused("the URL ends in a fragment, which is never sent")
        if parts.port is not None and not 0 < parts.port <= LAST_PORT:
            raise UrlRefused(f"there is no port {parts.port}")
        port = parts.port or DEFAULT_PORTS[parts.scheme]
        return cls(parts.scheme, host, port, parts.raw_path.decode("ascii"), _address_in(host))


def _address_in(host: str) -> Address | None:
    try:
        return ip_address(host)
    except ValueError:
        return None


def _normal_host(host: str) -> str:
    """Return a host in its one spelling: ``2130706433``, ``0x7f.1`` and ``127.1`` are all 127.0.0.1."""
    host = host.lower().removesuffix(".")
    if ":" in host:
        return _plain_ipv6(host)
    labels = host.split(".")
    if _NUMERIC.fullmatch(labels[-1]):
        try:
            return str(IPv4Address(socket.inet_aton(host)))
        except (OSError, ValueError) as error:
            raise UrlRefused(f"{host} is no address") from error
    if len(host) > 253 or not all(_LABEL.fullmatch(label) for label in labels):  # noqa: PLR2004 - DNS
        raise UrlRefused(f"{host or 'the empty name'} is no host")
    return host


def _plain_ipv6(host: str) -> str:
    try:
        address = IPv6Address(host)
    except ValueError as error:
        raise UrlRefused(f"{host} is no address") from error
    if address.scope_id is not None:
        raise UrlRefused(f"{host} names an interface of ours")
    return str(address)


def networks_from(text: str) -> tuple[Network, ...]:
    """Read ``127.0.0.0/8,10.1.2.0/24``. Raises ValueError, naming the part that is none."""
    parts = [part.strip() for part in text.split(",") if part.strip()]
    networks = []
    for part in parts:
        try:
            networks.append(ip_network(part))
        except ValueError as error:
            raise ValueError(f"{part} is no network; use one such as 127.0.0.0/8 or fd00::/8") from error
    return tuple(networks)


@dataclass(slots=True)
class Lookups:
    """Looks names up in threads of its own; who asks for a name that is being looked up waits for the same answer.

    A name server that does not answer thus holds one thread for each of its names, however many deliveries wait.
    """

    _threads: ThreadPoolExecutor = field(
        default_factory=lambda: ThreadPoolExecutor(LOOKUP_THREADS, thread_name_prefix="lookup")
    )
    _under_way: dict[tuple[str, int], asyncio.Future[list[str]]] = field(default_factory=dict)

    async def __call__(self, host: str, port: int) -> Sequence[str]:
        """Return the addresses of a name. Raises NameUnknown."""
        key = host, port
        if key not in self._under_way:
            future = asyncio.get_running_loop().run_in_executor(self._threads, _look_up, host, port)
            self._under_way[key] = future
            future.add_done_callback(lambda done: self._end(key, done))
        return await asyncio.shield(self._under_way[key])

    def _end(self, key: tuple[str, int], done: asyncio.Future[list[str]]) -> None:
        del self._under_way[key]
        if not done.cancelled():
            done.exception()  # looked at, in case nobody waits for it any more

    def close(self) -> None:
        """End the threads; one that still waits for a name server is not waited for."""
        self._threads.shutdown(wait=False, cancel_futures=True)


def _look_up(host: str, port: int) -> list[str]:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP)
    except (OSError, UnicodeError) as error:
        raise NameUnknown(f"{host} has no address: {error}") from error
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


@dataclass(frozen=True, slots=True)
class Guard:
    """Says where calls may go. ``allowed`` is open to everything, all else to https at global addresses alone."""

    allowed: tuple[Network, ...]
    resolve: Resolver

    def check_url(self, url: str) -> Target:
        """Look at a URL that somebody registers. Raises UrlRefused.

        A name is not looked up: what it leads to now says nothing about later.
        """
        target = Target.parse(url)
        address = target.address
        if address is not None:
            if (reason := self._refusal(address, target)) is not None:
                raise UrlRefused(reason)
            return target
        if not self.allowed:
            if target.scheme != "https":
                raise UrlRefused("the URL begins with https://")
            if "." not in target.host or target.host.endswith((".localhost", ".local", ".internal")):
                raise UrlRefused(f"{target.host} is a name of our own network; use a public one")
            if (reason := _port_refusal(target)) is not None:
                raise UrlRefused(reason)
        return target

    async def addresses(self, target: Target) -> tuple[str, ...]:
        """Look a target up and return where it may be called. Raises AddressRefused and NameUnknown.

        One address that may not be called refuses them all: whoever answers with a good and a bad one means the bad.
        """
        if target.address is not None:
            if (reason := self._refusal(target.address, target)) is not None:
                raise AddressRefused(reason)
            return (target.host,)
        found = await self.resolve(target.host, target.port)
        if not found:
            raise NameUnknown(f"{target.host} has no address")
        for each in found:
            try:
                reason = self._refusal(ip_address(each), target)
            except ValueError:
                reason = f"{each} is no address that can be called"  # with the name of an interface, say
            if reason is not None:
                raise AddressRefused(reason)
        return tuple(found)

    def _refusal(self, address: Address, target: Target) -> str | None:
        if any(address in network for network in self.allowed if network.version == address.version):
            return None
        if not is_global(address):
            return f"{address} is not a public address"
        if target.scheme != "https":
            return "the URL begins with https://"
        return _port_refusal(target)


def _port_refusal(target: Target) -> str | None:
    if target.port in OPEN_PORTS or target.port >= FIRST_UNPRIVILEGED:
        return None
    return f"port {target.port} is kept for other services; use 443, or one from {FIRST_UNPRIVILEGED} on"


def is_global(address: Address) -> bool:
    """Tell whether an address is a host of the public internet, whatever form it is written in."""
    if any(address in network for network in _of_version(NEVER, address.version)):
        return False
    if isinstance(address, IPv6Address) and address not in GLOBAL_IPV6:
        return False
    return address.is_global and not (
        address.is_multicast or address.is_private or address.is_loopback or address.is_link_local
    )


def _of_version(networks: Iterable[Network], version: int) -> Iterable[Network]:
    return (network for network in networks if network.version == version)
