"""The kit's own receiver: kept once, across a restart, told in its place, and stopped like any program."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path

from partner_kit.events import SampleEvent
from partner_kit.sending import Sender
from partner_kit.shop import Shop


@contextmanager
def receiving(secret: str, *options: str) -> Iterator[tuple[str, "subprocess.Popen[str]"]]:
    """Run the command; its address, and the process."""
    command = [sys.executable, "-m", "partner_kit", "receive", "--port", "0", "--secret", secret, *options]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    try:
        yield process.stderr.readline().split()[-1], process
    finally:
        process.terminate()
        assert process.wait(10) == 0
        process.communicate()


def test_what_was_kept_is_not_new_after_a_restart(secret: str, tmp_path: Path) -> None:
    event = SampleEvent(sequence=2)
    older = SampleEvent(subject=event.subject, sequence=1)
    file = str(tmp_path / "events.db")
    fates = []
    for round_of in ((event,), (event, older)):
        with receiving(secret, "--keep", file) as (address, process):
            shop = Shop(Sender(address, within=10), secret)
            assert [shop.deliver(each).status for each in round_of] == [204] * len(round_of)
            assert process.stdout is not None
            fates += [process.stdout.readline().split()[0] for _ in round_of]
    assert fates == ["new", "again", "late"]


def test_what_it_keeps_can_be_asked_for(receiver: str, secret: str) -> None:
    shop = Shop(Sender(receiver, within=10), secret)
    events = [SampleEvent() for _ in range(3)]
    for event in (*events, events[0]):
        shop.deliver(event)
    assert Sender(f"{receiver}/effects", within=10).get().body == b"3"
    assert json.loads(Sender(f"{receiver}/events", within=10).get().body) == [event.id for event in events]


def test_an_alert_with_a_counter_of_its_own_is_not_late(receiver: str, secret: str, told: list[str]) -> None:
    """Stock and its alerts count apart: what tells which object is newer is the object's version."""
    shop = Shop(Sender(receiver, within=10), secret)
    level = SampleEvent().subject
    data = {"object": {"id": level, "version": 40}, "changed": ["/on_hand"]}
    shop.deliver(SampleEvent(type="stock.changed", subject=level, sequence=40, data=data))
    shop.deliver(SampleEvent(type="stock.low", subject=level, sequence=1, data=data))
    assert [line.split()[0] for line in told] == ["new", "new"]


def test_what_is_signed_and_no_event_is_refused(receiver: str, secret: str) -> None:
    shop = Shop(Sender(receiver, within=10), secret)
    for body in (b"[]", b"{", b"\xff"):
        assert shop.send(shop.attempt(SampleEvent(), body=body)).status == 400


def test_a_body_without_length_or_without_end_is_not_read(receiver: str) -> None:
    host = receiver.removeprefix("http://")
    for headers, status in (({"transfer-encoding": "chunked"}, 411), ({"content-length": str(1 << 30)}, 413)):
        connection = HTTPConnection(host, timeout=10)
        connection.putrequest("POST", "/")
        for name, value in headers.items():
            connection.putheader(name, value)
        connection.endheaders()
        assert connection.getresponse().status == status
        connection.close()
