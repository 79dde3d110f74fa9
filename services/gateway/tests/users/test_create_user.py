"""``gateway create-user``."""

import argparse
import io

import orjson
import pytest

from common.cli import Command
from common.service import Runtime
from common.testing import Api, EventProbe
from gateway.users.commands import CREATE_USER


async def run(runtime: Runtime, command: Command, *words: str) -> int:
    parser = argparse.ArgumentParser()
    command.add_arguments(parser)
    return await command.run(runtime.settings, parser.parse_args(words))


async def test_first_admin_signs_in_with_the_password_printed(
    runtime: Runtime, api: Api, probe: EventProbe, capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    assert await run(runtime, CREATE_USER, "--role", "admin", "--email", "root@shop.example", "--name", "Ada") == 0
    made = orjson.loads(capsysbinary.readouterr().out)
    form = {"grant_type": "password", "username": "root@shop.example", "password": made["password"]}
    answer = await api.post("/v1/auth/token", data=form)
    assert "users:write" in answer.json()["scope"].split()
    (event,) = await probe.events("user.registered", key=made["id"])
    assert event.sequence == 1


async def test_password_from_standard_input_is_not_printed(
    runtime: Runtime, capsysbinary: pytest.CaptureFixture[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("correct horse battery\n"))
    words = ("--role", "support", "--email", "sam@shop.example", "--password-stdin")
    assert await run(runtime, CREATE_USER, *words) == 0
    out = capsysbinary.readouterr().out
    assert b"correct horse" not in out
    assert orjson.loads(out)["name"] == "sam"


async def test_taken_address_is_a_sentence_and_exit_1(runtime: Runtime, capsys: pytest.CaptureFixture[str]) -> None:
    words = ("--role", "analyst", "--email", "anton@shop.example")
    assert await run(runtime, CREATE_USER, *words) == 0
    assert await run(runtime, CREATE_USER, *words) == 1
    assert "anton@shop.example belongs to a login already" in capsys.readouterr().err


async def test_short_password_is_refused(
    runtime: Runtime, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("short\n"))
    words = ("--role", "admin", "--email", "short@shop.example", "--password-stdin")
    assert await run(runtime, CREATE_USER, *words) == 2
    said = capsys.readouterr().err
    assert "password" in said
    assert "short\n" not in said
