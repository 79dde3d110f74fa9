"""Where calls may go: no spelling of an address, and no trick of a name server, leads into our own network."""

import asyncio
import socket
from collections.abc import Awaitable, Callable, Sequence
from ipaddress import ip_address
from itertools import count

import pytest

from notifications.clients.egress import (
    AddressRefused,
    Guard,
    Lookups,
    NameUnknown,
    Target,
    UrlRefused,
    is_global,
    networks_from,
)

Resolver = Callable[[str, int], Awaitable[Sequence[str]]]


def answering(*addresses: str) -> Resolver:
    """A name server that knows one answer."""

    async def resolve(host: str, port: int) -> Sequence[str]:
        return addresses

    return resolve


def guard(*addresses: str, allowed: str = "") -> Guard:
    """A guard whose names all lead to ``addresses``."""
    return Guard(networks_from(allowed), answering(*addresses))


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "127.255.255.254", "0.0.0.1", "10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1",
        "169.254.169.254", "169.254.170.2", "100.64.0.1", "100.100.100.200", "168.63.129.16", "192.0.0.192",
        "192.0.2.1", "198.18.0.1", "198.51.100.1", "203.0.113.1", "192.88.99.1", "224.0.0.1", "239.255.255.255",
        "240.0.0.1", "255.255.255.255",
        "::", "::1", "::7f00:1", "::ffff:127.0.0.1", "::ffff:169.254.169.254", "::ffff:8.8.8.8", "::ffff:0:8.8.8.8",
        "64:ff9b::7f00:1", "64:ff9b::808:808", "64:ff9b:1::a00:1", "2002:7f00:1::", "2002:808:808::",
        "2001:0:53aa:64c::1", "2001:db8::1", "2001:20::1", "3fff::1", "5f00::1", "100::1", "fc00::1",
        "fd00:ec2::254", "fe80::1", "fec0::1", "ff02::1", "ff0e::1", "4000::1",
    ],
)  # fmt: skip
def test_what_is_no_public_host_is_never_called(address: str) -> None:
    """Private, loopback, link-local, metadata, shared, documentation, multicast, and IPv4 dressed up as IPv6."""
    assert not is_global(ip_address(address))


@pytest.mark.parametrize("address", ["8.8.8.8", "1.1.1.1", "93.184.215.14", "172.32.0.1", "2606:4700::1111"])
def test_public_hosts_are_called(address: str) -> None:
    """Ordinary ones."""
    assert is_global(ip_address(address))


@pytest.mark.parametrize(
    "url",
    [
        "https://2130706433/", "https://0x7f000001/", "https://0x7f.1/", "https://127.1/", "https://0177.0.0.1/",
        "https://127.0.0.1./", "https://[::ffff:7f00:1]/", "https://[::1]:8443/", "https://169.254.169.254/latest",
        "https://10.1/", "https://localhost/", "https://LOCALHOST./", "https://db.internal/", "https://intranet/",
        "https://shop.localhost/", "https://printer.local/",
    ],
)  # fmt: skip
def test_a_url_into_our_network_is_refused_when_it_is_registered(url: str) -> None:
    """However it spells the address."""
    with pytest.raises(UrlRefused):
        guard().check_url(url)


@pytest.mark.parametrize(
    "url",
    [
        "http://partner.example/", "ftp://partner.example/", "partner.example", "//partner.example/", "https://",
        "https:///events", "https://user:secret@partner.example/", "https://user@partner.example/",
        "https://partner.example/#part", "https://partner.example:0/", "https://partner.example:22/",
        "https://partner.example:25/", "https://partner.example:80/", "https://partner.example:99999/",
        "https://partner.example:x/", "https://part ner.example/", "https://partner.example/a b",
        "https://partner.example\\@127.0.0.1/", "https://partner..example/", "https://-partner.example/",
        "https://[fe80::1%25eth0]/", "https://[::1/", "https://1.2.3.4.5/", "https://999.1.1.1/", "https://0x/",
        "https://partner.example/\n", "https://partner.example/" + "a" * 2000, "javascript:alert(1)", "",
    ],
)  # fmt: skip
def test_what_can_be_no_endpoint_is_refused(url: str) -> None:
    """Scheme, user, fragment, port, host: each says what would do."""
    with pytest.raises(UrlRefused, match=r".{10}"):
        guard().check_url(url)


def test_a_url_has_one_spelling() -> None:
    """Names in ASCII and lower case, no dot at the end, no port that goes without saying."""
    spelt = guard().check_url("https://Bücher.Partner.example.:443/Events?key=Ä").url

    assert spelt == "https://xn--bcher-kva.partner.example/Events?key=%C3%84"
    assert Target.parse(spelt).url == spelt


def test_allowed_networks_are_open_also_to_http_and_any_port() -> None:
    """The demo's receiver; everything else stays as it is."""
    opened = guard(allowed="127.0.0.0/8, fd00:1::/32")

    assert opened.check_url("http://127.1:81/").url == "http://127.0.0.1:81/"
    assert opened.check_url("http://[fd00:1::5]:22/x").port == 22
    for url in ("http://10.0.0.1/", "https://[::1]/", "http://8.8.8.8/", "https://[::ffff:127.0.0.1]/"):
        with pytest.raises(UrlRefused):
            opened.check_url(url)


async def test_one_bad_address_refuses_a_name() -> None:
    """Whoever answers with a good and a bad one means the bad."""
    target = Target.parse("https://partner.example/")

    assert await guard("8.8.8.8", "1.1.1.1").addresses(target) == ("8.8.8.8", "1.1.1.1")
    for answers in (("127.0.0.1",), ("8.8.8.8", "10.0.0.1"), ("8.8.8.8", "::ffff:8.8.8.8"), ("fe80::1%eth0",)):
        with pytest.raises(AddressRefused):
            await guard(*answers).addresses(target)
    with pytest.raises(NameUnknown):
        await guard().addresses(target)


async def test_http_by_name_only_reaches_allowed_networks() -> None:
    """A name may be registered with http where networks are open; a public address is not called that way."""
    opened = guard("127.0.0.1", allowed="127.0.0.0/8")
    assert await opened.addresses(opened.check_url("http://receiver:9000/")) == ("127.0.0.1",)

    public = guard("8.8.8.8", allowed="127.0.0.0/8")
    with pytest.raises(AddressRefused, match="https"):
        await public.addresses(public.check_url("http://partner.example:9000/"))
    with pytest.raises(AddressRefused, match="port 22"):
        await public.addresses(public.check_url("https://partner.example:22/"))


async def test_the_name_is_looked_at_again_at_every_attempt() -> None:
    """Rebinding: the first answer is a public address, the second our own."""
    turn = count()

    async def rebinding(host: str, port: int) -> Sequence[str]:
        return ["8.8.8.8"] if next(turn) == 0 else ["127.0.0.1"]

    guarded, target = Guard((), rebinding), Target.parse("https://partner.example/")

    assert await guarded.addresses(target) == ("8.8.8.8",)
    with pytest.raises(AddressRefused, match=r"127\.0\.0\.1"):
        await guarded.addresses(target)


async def test_a_name_that_is_looked_up_is_looked_up_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """A slow name server holds a thread for each of its names, not for each delivery."""
    asked: list[str] = []
    begun, answered = asyncio.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()

    def slow(host: str, port: int, **options: object) -> list[object]:
        asked.append(host)
        loop.call_soon_threadsafe(begun.set)
        asyncio.run_coroutine_threadsafe(answered.wait(), loop).result()
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("8.8.8.8", port))]

    monkeypatch.setattr(socket, "getaddrinfo", slow)
    lookups = Lookups()
    waiting = [asyncio.create_task(lookups("partner.example", 443)) for _ in range(20)]
    await begun.wait()
    answered.set()

    assert await asyncio.gather(*waiting) == [["8.8.8.8"]] * 20
    assert asked == ["partner.example"]
    lookups.close()


def test_a_network_that_is_none_is_named() -> None:
    """A wrong setting stops the start."""
    assert [str(each) for each in networks_from("127.0.0.0/8,,fd00::/8 ")] == ["127.0.0.0/8", "fd00::/8"]
    with pytest.raises(ValueError, match=r"10\.0\.0\.1/8 is no network"):
        networks_from("127.0.0.0/8,10.0.0.1/8")
