"""Pages that follow from the project say what the project says."""

import runpy
import sys
from pathlib import Path

import pytest

from common.telemetry import COMMON_METRICS, Metric
from notifications.metrics import METRICS as MAIL_METRICS
from tests.support.pages import ROOT, read

SCRIPTS = ("docs/list_dependencies.py", "docs/pictures/draw_suite.py")


def run(script: str, monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    """Run a script as the command line does."""
    monkeypatch.setattr(sys, "argv", [script, *arguments])
    main = runpy.run_path(str(ROOT / script))["main"]
    status: int = main()
    return status


@pytest.mark.parametrize("script", SCRIPTS)
def test_what_is_checked_in_is_current(script: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert run(script, monkeypatch, "--check") == 0


@pytest.mark.parametrize(("script", "output"), [(SCRIPTS[0], "PAGE"), (SCRIPTS[1], "PICTURE")])
def test_what_is_not_current_is_noticed(
    script: str, output: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main = runpy.run_path(str(ROOT / script))["main"]
    old = tmp_path / "old"
    old.write_text("old", encoding="utf-8")
    monkeypatch.setitem(main.__globals__, output, old)
    monkeypatch.setattr(sys, "argv", [script, "--check"])
    assert main() == 1
    assert f"run python {script}" in capsys.readouterr().err


@pytest.mark.parametrize("metric", [*COMMON_METRICS, *MAIL_METRICS], ids=lambda metric: str(metric.name))
def test_each_metric_stands_on_the_operations_page(metric: Metric) -> None:
    row = f"| `{metric.name}` | {', '.join(metric.labels) or '-'} | {metric.meaning} | {metric.reaction} |"
    assert row in read("docs/operations.md")
