"""What the pages tell partners to type in is typed in, and does what they say."""

import asyncio
import os
import re
import runpy
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx2
import orjson
import pytest

from notifications.webhooks import rules
from notifications.webhooks.signing import Secret, headers_for
from quartermaster_local.processes import free_port
from tests.docs.test_examples import Reader
from tests.support.pages import blocks_of, read, section
from tests.support.shop import Shop

README_SECTION = "A partner subscribes, in ten lines"
PORT = "8080"
OWN_ID = "01a2"  # as ids of the page begin

Receive = Callable[[dict[str, str], bytes], int]


async def test_the_readme_s_ten_lines_subscribe_a_partner(shop: Shop) -> None:
    """The secret's receiver gets the test event, and both ways of reading the log begin with the same event."""
    await shop.order({await shop.stocked(1): 1})
    await shop.settle()
    text = section(read("README.md"), README_SECTION)
    blocks = blocks_of(text)
    typed = [line for block in blocks if block.language == "bash" for line in block.content.splitlines()]
    assert len(typed) == 10
    reader, port = Reader(shop.client), str(free_port())
    (password,) = re.findall(r"password=([\w-]+)'", text)
    reader.learn(password, shop.logins["partner"]["password"])
    reader.learn(f":{PORT}/", f":{port}/")
    shown = [block.content.replace(f":{PORT}/", f":{port}/") for block in blocks if block.language == "json"]
    token = await _answered(reader, typed[:2], shown[0])
    webhook = await _answered(reader, typed[2:5], shown[1])
    try:
        said = await _receive(reader, *typed[5:8], port=port)
        tested, logged = (block.content for block in blocks if block.language == "text")
        assert said.split()[:2] == tested.split()[:2]
        feed = await shop.client.send(reader.request_of(typed[8]))
        streamed = await _first_message(shop.client, reader.request_of(typed[9]))
    finally:
        headers = {"Authorization": f"Bearer {token['access_token']}", "If-Match": '"1"'}
        await shop.client.delete(f"/v1/webhooks/{webhook['id']}", headers=headers)
    page, _, position, data = logged.splitlines()
    assert feed.text.startswith(page.partition(OWN_ID)[0])
    assert re.fullmatch(r"id: \d+", position)
    assert streamed.startswith(data.partition(OWN_ID)[0])
    assert orjson.loads(streamed.removeprefix("data: ")) == feed.json()["items"][0]


async def _answered(reader: Reader, lines: list[str], shown: str) -> dict[str, Any]:
    """Type lines in, the last of them a call, and hold its answer against the one shown."""
    answers = [await reader.type_in(line) for line in lines]
    assert answers[-1] is not None
    assert answers[-1].is_success, answers[-1].text
    body: dict[str, Any] = answers[-1].json()
    reader.compare(orjson.loads(shown), body)
    return body


async def _receive(reader: Reader, export: str, receive: str, send: str, *, port: str) -> str:
    """Start the kit's receiver as the page does, have a test event sent, and return the line that it prints."""
    name, _, secret = reader.understood(export).removeprefix("export ").partition("=")
    python, *arguments = receive.removesuffix(" &").replace(PORT, port).split()
    assert python == ".venv/bin/python"
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *arguments,
        env={"PATH": os.environ["PATH"], name: secret.strip("'")},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    assert process.stderr is not None
    try:
        async with asyncio.timeout(20):
            assert b"Listening" in await process.stderr.readline()
            assert (answer := await reader.type_in(send)) is not None
            assert answer.status_code == httpx2.codes.ACCEPTED, answer.text
            return (await process.stdout.readline()).decode()
    finally:
        process.kill()
        await process.communicate()


async def _first_message(client: httpx2.AsyncClient, request: httpx2.Request) -> str:
    """Read a stream up to its first event."""
    answer = await client.send(request, stream=True)
    try:
        assert answer.status_code == httpx2.codes.OK
        rest = b""
        async for part in answer.aiter_bytes():
            rest += part
            for line in rest.split(b"\n")[:-1]:
                if line.startswith(b"data: "):
                    return line.decode()
    finally:
        await answer.aclose()
    raise AssertionError("the stream ended without an event")


@pytest.fixture
def receive(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, secret: Secret) -> Receive:
    """The receiver that the page on partners shows."""
    monkeypatch.setenv("WEBHOOK_SECRET", secret.text)
    (code,) = (block.content for block in blocks_of(read("docs/for-partners.md")) if block.language == "python")
    file = tmp_path / "receiver.py"
    file.write_text(code)
    function: Receive = runpy.run_path(str(file))["receive"]
    return function


@pytest.fixture
def secret() -> Secret:
    """The endpoint's."""
    return Secret.new()


def test_the_receiver_on_the_page_takes_what_the_shop_signs_and_acts_once(
    receive: Receive, secret: Secret, capsys: pytest.CaptureFixture[str]
) -> None:
    (body,) = (block.content for block in blocks_of(read("docs/for-partners.md")) if block.language == "json")
    keys = [Secret.new(), secret]  # while a secret is replaced
    headers = headers_for(uuid4(), body.encode(), keys=keys, at=datetime.now(UTC))

    assert [receive(headers, body.encode()) for _ in range(2)] == [204, 204]

    assert capsys.readouterr().out.split() == ["order.placed", "01a20e96-4e44-74c7-bc8a-5c20136528bd", "1"]


def test_the_receiver_on_the_page_refuses_what_others_sign(
    receive: Receive, capsys: pytest.CaptureFixture[str]
) -> None:
    body = b'{"id": "a"}'
    headers = headers_for(uuid4(), body, keys=[Secret.new()], at=datetime.now(UTC))
    assert receive(headers, body) == 401
    assert receive({}, body) == 401
    assert capsys.readouterr().out == ""


def test_the_page_shows_the_schedule_of_retries() -> None:
    (row,) = (line for line in read("docs/for-partners.md").splitlines() if line.startswith("| after the one before |"))
    shown = [each.strip() for each in row.strip("|").split("|")[1:]]
    assert shown == [_written(rest.total_seconds()) for rest in rules.SCHEDULE]


def _written(seconds: float) -> str:
    for unit, size in (("h", 3600), ("min", 60), ("s", 1)):
        if seconds >= size:
            return f"{seconds / size:g} {unit}"
    return "at once"
