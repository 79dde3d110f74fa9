"""The kit passes a receiver that is right, and finds in each wrong one what is wrong with it, and nothing else."""

import ast
import json
import sys
import threading
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

import partner_kit
from partner_kit import Refused, verify
from partner_kit.__main__ import main

Answering = Callable[[Mapping[str, str], bytes], int]
Serve = Callable[..., str]

SMALL = 256_000
FORGERIES = {
    "refuses a forged signature",
    "refuses what was changed on the way",
    "refuses an old attempt",
    "refuses an attempt from the future",
    "refuses missing headers",
    "refuses rubbish without breaking",
}


def status_of(secret: str, headers: Mapping[str, str], body: bytes, *, refusal: int = 401) -> int:
    """What a receiver answers that verifies and does nothing else."""
    try:
        verify(secret, headers, body)
    except Refused:
        return refusal
    return 204


def failing(url: str, secret: str, capsys: pytest.CaptureFixture[str], *options: str) -> set[str]:
    """Run the kit; the checks that failed. A failing line says what to mend below it."""
    code = main([url, "--secret", secret, "--largest", str(SMALL), *options])
    said = capsys.readouterr().out
    failed = {line[6:46].strip() for line in said.splitlines() if line.startswith("FAIL")}
    assert said.count("        => ") == len(failed), said
    assert code == (1 if failed else 0), said
    return failed


def test_the_kits_own_receiver_passes_all_of_it(
    receiver: str, secret: str, capsys: pytest.CaptureFixture[str], told: list[str]
) -> None:
    effects = ("--effects", f"{receiver}/effects")
    assert main([f"{receiver}/webhooks", "--secret", secret, *effects]) == 0
    said = capsys.readouterr().out
    assert "FAIL" not in said
    assert "not tried" not in said
    assert "acts once on an event that comes again" in said
    assert said.endswith("All is well.\n")
    assert {line.split()[0].rstrip(":") for line in told} == {"new", "again", "late", "refused"}


def test_a_receiver_that_verifies_and_does_no_more_passes(
    serve: Serve, secret: str, capsys: pytest.CaptureFixture[str]
) -> None:
    url = serve(lambda headers, body: status_of(secret, headers, body))
    assert failing(url, secret, capsys) == set()


def test_no_verification_at_all(serve: Serve, secret: str, capsys: pytest.CaptureFixture[str]) -> None:
    def answer(headers: Mapping[str, str], body: bytes) -> int:
        return 204

    assert failing(serve(answer), secret, capsys) == FORGERIES


def test_no_look_at_the_time(serve: Serve, secret: str, capsys: pytest.CaptureFixture[str]) -> None:
    def answer(headers: Mapping[str, str], body: bytes) -> int:
        try:
            verify(secret, headers, body, tolerance_seconds=None)
        except Refused:
            return 401
        return 204

    assert failing(serve(answer), secret, capsys) == {
        "refuses an old attempt",
        "refuses an attempt from the future",
    }


def test_verification_of_json_that_was_written_again(
    serve: Serve, secret: str, capsys: pytest.CaptureFixture[str]
) -> None:
    def answer(headers: Mapping[str, str], body: bytes) -> int:
        try:
            again = json.dumps(json.loads(body), ensure_ascii=False, separators=(",", ":")).encode()
        except ValueError:
            return 400
        return status_of(secret, headers, again)

    assert failing(serve(answer), secret, capsys) == {"verifies the bytes as they came"}


def test_only_the_first_signature_is_looked_at(serve: Serve, secret: str, capsys: pytest.CaptureFixture[str]) -> None:
    def answer(headers: Mapping[str, str], body: bytes) -> int:
        first = headers.get("webhook-signature", "").partition(" ")[0]
        return status_of(secret, {**headers, "webhook-signature": first}, body)

    assert failing(serve(answer), secret, capsys) == {"accepts one of several signatures"}


def test_a_refusal_that_would_disable_the_endpoint(
    serve: Serve, secret: str, capsys: pytest.CaptureFixture[str]
) -> None:
    url = serve(lambda headers, body: status_of(secret, headers, body, refusal=410))
    assert failing(url, secret, capsys) == FORGERIES


def test_breaking_on_what_is_missing(serve: Serve, secret: str, capsys: pytest.CaptureFixture[str]) -> None:
    def answer(headers: Mapping[str, str], body: bytes) -> int:
        headers["webhook-id"], headers["webhook-signature"], int(headers["webhook-timestamp"])
        return status_of(secret, headers, body)

    assert failing(serve(answer), secret, capsys) == {"refuses missing headers"}


def remembering(refuse: Callable[[list[dict[str, object]], dict[str, object]], int]) -> Callable[[str], Answering]:
    """A receiver that verifies, and then lets ``refuse`` judge by what came before."""

    def of(secret: str) -> Answering:
        seen: list[dict[str, object]] = []
        lock = threading.Lock()

        def answer(headers: Mapping[str, str], body: bytes) -> int:
            status = status_of(secret, headers, body)
            if status == 204:
                with lock:
                    event = json.loads(body)
                    status = refuse(seen, event)
                    seen.append(event)
            return status

        return answer

    return of


def refuse_repeats(seen: list[dict[str, object]], event: dict[str, object]) -> int:
    return 500 if any(each["id"] == event["id"] for each in seen) else 204


def refuse_older(seen: list[dict[str, object]], event: dict[str, object]) -> int:
    older = any(
        each.get("subject") == event.get("subject") and str(each.get("sequence")) > str(event.get("sequence"))
        for each in seen
    )
    return 409 if older else 204


def refuse_unknown_types(seen: list[dict[str, object]], event: dict[str, object]) -> int:
    return 204 if event["type"] in {"order.placed", "product.updated"} else 422


def refuse_unknown_fields(seen: list[dict[str, object]], event: dict[str, object]) -> int:
    return 422 if "region" in event else 204


@pytest.mark.parametrize(
    ("refuse", "names"),
    [
        (refuse_repeats, {"accepts an event that comes again", "accepts a retry after a hang-up"}),
        (refuse_older, {"bears events out of order"}),
        (refuse_unknown_types, {"bears what it does not know"}),
        (refuse_unknown_fields, {"bears what it does not know"}),
    ],
)
def test_what_is_right_and_refused(
    serve: Serve,
    secret: str,
    capsys: pytest.CaptureFixture[str],
    refuse: Callable[[list[dict[str, object]], dict[str, object]], int],
    names: set[str],
) -> None:
    assert failing(serve(remembering(refuse)(secret)), secret, capsys) == names


def test_a_limit_that_is_too_low(serve: Serve, secret: str, capsys: pytest.CaptureFixture[str]) -> None:
    def answer(headers: Mapping[str, str], body: bytes) -> int:
        return 413 if len(body) > 100_000 else status_of(secret, headers, body)

    assert failing(serve(answer), secret, capsys) == {"takes large events"}


def test_one_at_a_time(serve: Serve, secret: str, capsys: pytest.CaptureFixture[str]) -> None:
    """From the large event on, which comes just before the burst: the first stays until it has met a second."""
    burst, met, first = threading.Event(), threading.Event(), threading.Lock()

    def answer(headers: Mapping[str, str], body: bytes) -> int:
        if len(body) > 100_000:
            burst.set()
        elif burst.is_set():
            if not first.acquire(blocking=False):
                met.set()
                return 503
            met.wait(10)
        return status_of(secret, headers, body)

    assert failing(serve(answer), secret, capsys) == {"takes several at once"}


def test_an_effect_for_each_repeat(serve: Serve, secret: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Its answers are right; only its own count shows that it acts again."""
    effects = 0

    def answer(headers: Mapping[str, str], body: bytes) -> int:
        nonlocal effects
        status = status_of(secret, headers, body)
        effects += status == 204
        return status

    url = serve(answer, lambda: str(effects).encode())
    assert failing(url, secret, capsys, "--effects", f"{url}/count") == {"acts once on an event that comes again"}


def test_a_receiver_that_never_answers_is_asked_once(
    serve: Serve, secret: str, capsys: pytest.CaptureFixture[str]
) -> None:
    over = threading.Event()

    def answer(headers: Mapping[str, str], body: bytes) -> int:
        over.wait(30)
        return 204

    url = serve(answer)
    assert main([url, "--secret", secret, "--within", "0.2"]) == 1
    over.set()
    said = capsys.readouterr().out
    assert "a signed event: it gave no answer within 0.2 s" in said
    assert said.count("not tried") > 10


def test_nobody_there(secret: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["http://127.0.0.1:9/hooks", "--secret", secret]) == 1
    assert "it refused the connection" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["ftp://shop.example", "--secret", "whsec_AAAA"], "no http or https URL"),
        (["http://127.0.0.1:9", "--secret", "whsec_?"], "base64"),
        (["http://127.0.0.1:9"], "PARTNER_KIT_SECRET"),
        (["receive"], "PARTNER_KIT_SECRET"),
    ],
)
def test_a_wrong_call_says_what_is_missing(
    arguments: list[str], words: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PARTNER_KIT_SECRET", raising=False)
    assert main(arguments) == 2
    assert words in capsys.readouterr().err


def test_the_kit_stands_on_the_standard_library_alone() -> None:
    folder = Path(partner_kit.__file__).parent
    taken: set[str] = set()
    for file in folder.glob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            match node:
                case ast.Import():
                    taken |= {alias.name.partition(".")[0] for alias in node.names}
                case ast.ImportFrom():
                    taken.add((node.module or "").partition(".")[0])
    assert taken - {"partner_kit"} <= sys.stdlib_module_names
