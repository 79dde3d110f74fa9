"""One call of a receiver, whatever it does; the receivers are real ones in this process."""

import datetime as dt
import ssl
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from itertools import count
from pathlib import Path
from uuid import uuid4

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from common.testing.receiver import Receiver, Reply, hang
from notifications.clients.courier import Courier, NoReply
from notifications.clients.courier import Reply as Answered
from notifications.clients.egress import Guard, NameUnknown, networks_from

LOOPBACK = networks_from("127.0.0.0/8")
NAME = "partner.example"


async def to_loopback(host: str, port: int) -> Sequence[str]:
    """Whatever the name, it leads here."""
    return ["127.0.0.1"]


@asynccontextmanager
async def courier(
    guard: Guard | None = None, *, seconds: float = 15.0, tls: ssl.SSLContext | None = None
) -> AsyncIterator[Courier]:
    """A courier for the block."""
    made = Courier(guard or Guard(LOOPBACK, to_loopback), total_seconds=seconds, tls=tls)
    yield made
    await made.close()


async def test_an_answer_is_its_status_and_its_beginning(receiver: Receiver) -> None:
    """4 kB are kept; the rest is not even read."""
    receiver.behaviour = lambda _: Reply(201, {"Retry-After": "7"}, b"a" * 5_000_000)

    async with courier() as calls:
        answer = await calls.post(uuid4(), receiver.url("/x?y=1"), b"{}", {"webhook-id": "1"})

    assert answer == Answered(201, "7", b"a" * 4096)
    (call,) = receiver.calls
    assert (call.path, call.body, call.headers["webhook-id"]) == ("/x?y=1", b"{}", "1")
    assert call.headers["host"] == f"127.0.0.1:{receiver.port}"


async def test_redirects_are_answers_and_lead_nowhere(receiver: Receiver) -> None:
    """Not even to where one may call."""
    receiver.behaviour = lambda _: Reply(307, {"Location": receiver.url("/elsewhere")})

    async with courier() as calls:
        answer = await calls.post(uuid4(), receiver.url("/hook"), b"{}", {})

    assert isinstance(answer, Answered)
    assert answer.status == 307
    assert [call.path for call in receiver.calls] == ["/hook"]


async def test_the_environments_proxies_are_not_used(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    """They would resolve the name once more, where nobody looks at the address."""
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy", "HTTPS_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")

    async with courier() as calls:
        answer = await calls.post(uuid4(), receiver.url(), b"{}", {})

    assert isinstance(answer, Answered)


@pytest.mark.parametrize("content", [b"", b"a" * 500])
async def test_a_receiver_that_hangs_or_drips_is_cut_off(content: bytes, receiver: Receiver) -> None:
    """An answer that comes byte by byte is no answer in time, though each byte is."""
    receiver.behaviour = (lambda _: Reply(content=content, drip_seconds=0.01)) if content else hang

    async with courier(seconds=0.3) as calls:
        answer = await calls.post(uuid4(), receiver.url(), b"{}", {})

    assert isinstance(answer, NoReply)
    assert answer.failure == "timeout"


async def test_a_port_that_nobody_listens_on_and_a_name_that_leads_nowhere_are_told(receiver: Receiver) -> None:
    """As trouble that may pass."""

    async def unknown(host: str, port: int) -> Sequence[str]:
        raise NameUnknown(f"{host} has no address")

    async with courier() as calls, courier(Guard(LOOPBACK, unknown)) as lost:
        refused = await calls.post(uuid4(), "http://127.0.0.1:9/", b"{}", {})
        nowhere = await lost.post(uuid4(), "http://partner.example/", b"{}", {})

    assert isinstance(refused, NoReply)
    assert isinstance(nowhere, NoReply)
    assert (refused.failure, nowhere.failure) == ("connect", "connect")


async def test_an_address_of_ours_is_not_called(receiver: Receiver) -> None:
    """Not by its number, nor by a name that leads to it."""
    async with courier(Guard((), to_loopback)) as calls:
        answers = [
            await calls.post(uuid4(), url, b"{}", {})
            for url in (receiver.url(), f"https://{NAME}:{receiver.port}/", f"https://127.0.0.1:{receiver.port}/")
        ]

    assert [isinstance(answer, NoReply) and answer.failure for answer in answers] == ["address"] * 3
    assert receiver.connections == 0


async def test_a_name_that_turns_to_us_is_not_called_any_more(receiver: Receiver) -> None:
    """Also where a connection from before is still open: it is not what the name says now."""
    turn = count()

    async def rebinding(host: str, port: int) -> Sequence[str]:
        return ["127.0.0.1"] if next(turn) == 0 else ["10.0.0.1"]

    endpoint = uuid4()
    async with courier(Guard(LOOPBACK, rebinding)) as calls:
        first = await calls.post(endpoint, f"http://{NAME}:{receiver.port}/", b"{}", {})
        second = await calls.post(endpoint, f"http://{NAME}:{receiver.port}/", b"{}", {})

    assert isinstance(first, Answered)
    assert isinstance(second, NoReply)
    assert (second.failure, len(receiver.calls)) == ("address", 1)


async def test_the_connection_goes_to_the_address_that_was_looked_at(receiver: Receiver) -> None:
    """The name is looked up once; by the time of the connection it may mean something else, and is not asked."""
    asked: list[str] = []

    async def once(host: str, port: int) -> Sequence[str]:
        asked.append(host)
        return ["127.0.0.1"]

    async with courier(Guard(LOOPBACK, once)) as calls:
        answer = await calls.post(uuid4(), f"http://no-such-name.invalid:{receiver.port}/", b"{}", {})

    assert isinstance(answer, Answered)
    assert asked == ["no-such-name.invalid"]
    assert receiver.calls[0].headers["host"] == f"no-such-name.invalid:{receiver.port}"


async def test_a_connection_is_kept_for_the_same_endpoint(receiver: Receiver) -> None:
    """And not for another one."""
    mine, other = uuid4(), uuid4()
    async with courier() as calls:
        for endpoint in (mine, mine, mine, other):
            await calls.post(endpoint, receiver.url(), b"{}", {})

    assert receiver.connections == 2


def certificate_for(name: str, folder: Path) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """Make a server's context with a certificate of this name, and a client's that trusts it."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    chain, secret = folder / "certificate.pem", folder / "key.pem"
    chain.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    secret.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    server, client = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    server.load_cert_chain(chain, secret)
    client.load_verify_locations(chain)
    return server, client


async def test_the_certificate_is_checked_for_the_name_not_the_address(tmp_path: Path) -> None:
    """The connection goes to an address, and is worth something only under the name that was registered."""
    server, client = certificate_for(NAME, tmp_path)
    async with Receiver(tls=server) as receiver, courier(tls=client) as calls:
        right = await calls.post(uuid4(), f"https://{NAME}:{receiver.port}/", b"{}", {})
        wrong = await calls.post(uuid4(), f"https://other.example:{receiver.port}/", b"{}", {})

    assert isinstance(right, Answered)
    assert isinstance(wrong, NoReply)
    assert wrong.failure == "tls"
    assert len(receiver.calls) == 1
