"""Acceptance refuses what it is there to refuse, ends what it started, and reads the pages as they are."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from tools.acceptance.checkout import SERVICES, Clone, descendants
from tools.acceptance.looks import (
    complaints_about,
    events_are_those_of_the_page,
    memory_of_services,
    routes_are_those_of_the_page,
)
from tools.acceptance.steps import Report, StepFailedError, StepSkippedError

ROOT = Path(__file__).resolve().parents[2]
SCHEMA = {"application/json": {"schema": {"type": "object"}}}
PROBLEM: dict[str, Any] = {"application/problem+json": {}}
GOOD = {"responses": {"200": {"content": SCHEMA}, "404": {"content": PROBLEM}}}
EVENTS_PAGE = """\
| type | topic | kind |
| --- | --- | --- |
| `order.placed` | `orders.order.v1` | fact |
| `stock.low` | `inventory.stock-alert.v1` | fact |

| `catalog.import.v1` | fact | 6 |
"""
ROUTES_PAGE = """\
| method | path | service |
| --- | --- | --- |
| GET | `/v1/orders` | orders |
"""


class Standing(Clone):
    """A clone that answers from a dictionary."""

    answers: dict[str, Any]

    def get(self, path: str) -> bytes:
        return json.dumps(self.answers[path]).encode()


@pytest.fixture
def clone(tmp_path: Path) -> Standing:
    """A clone with two pages and a document that fits them."""
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs/routes.md").write_text(ROUTES_PAGE)
    (tmp_path / "docs/events.md").write_text(EVENTS_PAGE)
    standing = Standing(tmp_path, sys.executable)
    standing.answers = {"/openapi.json": {"paths": {"/v1/orders": {"get": GOOD}}}}
    return standing


def test_a_document_that_fits_its_page_is_accepted(clone: Standing) -> None:
    assert routes_are_those_of_the_page(clone).startswith("1 operations")


def test_an_operation_that_the_page_does_not_have_is_refused(clone: Standing) -> None:
    clone.answers["/openapi.json"]["paths"]["/v1/orders"] |= {"post": GOOD}
    with pytest.raises(StepFailedError, match="POST /v1/orders is served and not on the page"):
        routes_are_those_of_the_page(clone)


def test_an_operation_that_is_on_the_page_alone_is_refused(clone: Standing) -> None:
    clone.answers["/openapi.json"]["paths"] = {"/v1/carts": {"get": GOOD}}
    with pytest.raises(StepFailedError, match="GET /v1/orders is on the page and not served"):
        routes_are_those_of_the_page(clone)


@pytest.mark.parametrize(
    ("responses", "complaint"),
    [
        ({"200": {"content": SCHEMA}}, "documents no problem"),
        ({"200": {}, "404": {"content": PROBLEM}}, "answers 200 without a schema"),
        ({"404": {"content": PROBLEM}}, "documents no answer of 2xx"),
    ],
)
def test_an_operation_says_what_it_answers(responses: dict[str, Any], complaint: str) -> None:
    assert complaints_about({"responses": responses}) == [complaint]


def test_no_content_needs_no_schema() -> None:
    assert complaints_about({"responses": {"204": {}, "404": {"content": PROBLEM}}}) == []


@pytest.mark.parametrize(
    ("seen", "complaint"),
    [
        ("order.placed", "stock.low is on the page and was never seen"),
        ("order.placed\nstock.low\nstock.gone", "stock.gone was seen and is not on the page"),
        ("", "never seen"),
    ],
)
def test_events_that_differ_from_the_page_are_refused(clone: Standing, seen: str, complaint: str) -> None:
    (clone.folder / "seen").write_text(seen)
    with pytest.raises(StepFailedError, match=complaint):
        events_are_those_of_the_page(clone.folder, clone.folder / "seen")


def test_a_run_that_wrote_no_events_is_refused(clone: Standing) -> None:
    with pytest.raises(StepFailedError, match="did not write"):
        events_are_those_of_the_page(clone.folder, clone.folder / "seen")


def test_the_projects_own_pages_are_understood(tmp_path: Path) -> None:
    from common.events import CONTRACTS  # noqa: PLC0415 - only this test needs the contracts

    seen = tmp_path / "seen"
    seen.write_text("\n".join(contract.type for contract in CONTRACTS))
    assert events_are_those_of_the_page(ROOT, seen) == f"{len(CONTRACTS)} event types"


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux tells the PSS")
def test_memory_is_that_of_the_processes_and_has_a_limit(clone: Standing, monkeypatch: pytest.MonkeyPatch) -> None:
    (clone.folder / ".data").mkdir()
    clone.running = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE, start_new_session=True)
    processes = {name: {"pid": clone.running.pid} for name in SERVICES}
    (clone.folder / ".data/run.json").write_text(json.dumps({"processes": processes, "supervisor": os.getpid()}))
    assert "gateway" in memory_of_services(clone)
    monkeypatch.setattr("tools.acceptance.looks.MEMORY_LIMIT_KIB", 1024)
    with pytest.raises(StepFailedError, match="more than 1"):
        memory_of_services(clone)
    clone.running.communicate(b"\n", timeout=20)


def test_kill_reaches_children_of_children(clone: Standing) -> None:
    script = "import subprocess, sys; subprocess.Popen([sys.executable, '-c', 'input()'], stdin=subprocess.PIPE).wait()"
    clone.running = subprocess.Popen([sys.executable, "-c", script], start_new_session=True)
    deadline = time.monotonic() + 20
    while not descendants({clone.running.pid}):
        assert time.monotonic() < deadline
    (clone.folder / ".data").mkdir()
    run = {"supervisor": clone.running.pid, "processes": {"orders": {"pid": clone.running.pid}}}
    (clone.folder / ".data/run.json").write_text(json.dumps(run))
    assert clone.kill_everything() == 2
    assert clone.running.poll() is not None


def test_a_command_that_fails_or_hangs_fails_its_step(clone: Standing) -> None:
    assert clone.call("echo", "echo", "hello", seconds=10).strip() == "hello"
    with pytest.raises(StepFailedError, match=r"(?s)status 3.*the reason"):
        clone.call("fails", "sh", "-c", "echo the reason; exit 3", seconds=10)
    with pytest.raises(StepFailedError, match="did not end within 1 s"):
        clone.call("hangs", sys.executable, "-c", "import threading; threading.Event().wait()", seconds=1)


def test_the_first_failure_stops_unless_asked_to_keep_going(capsys: pytest.CaptureFixture[str]) -> None:
    def fail() -> str:
        raise StepFailedError("no")

    with pytest.raises(StepFailedError):
        Report(frozenset(), keep_going=False).step("one", fail)
    patient = Report(frozenset({"left out"}), keep_going=True)
    patient.step("one", fail)
    patient.step("two", lambda: "fine")
    patient.step("left out", fail)
    assert patient.failed == ["one"]
    assert "FAILED" in capsys.readouterr().out


def test_what_cannot_be_done_here_is_said_and_is_no_failure() -> None:
    def skip() -> str:
        raise StepSkippedError("no engine")

    report = Report(frozenset(), keep_going=False)
    report.step("smoke", skip)
    assert report.outcomes == [("skipped", "smoke")]


def test_it_runs_on_a_python_that_has_nothing_installed() -> None:
    done = subprocess.run(
        [ROOT / "tools/accept", "--help"],
        env={"PATH": "/usr/bin:/bin", "PYTHON": sys.executable, "PYTHONNOUSERSITE": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    isolated = subprocess.run(
        [sys.executable, "-S", "-m", "tools.acceptance", "--help"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert isolated.returncode == 0, isolated.stderr
    assert "--keep-going" in isolated.stdout
