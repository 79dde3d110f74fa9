"""The runner that takes guards away: it believes a test only when it has seen it fail, and says what it saw."""

import subprocess
from collections.abc import Callable
from pathlib import Path
from textwrap import dedent

import pytest

from tools.guards.__main__ import main
from tools.guards.checkout import Checkout
from tools.guards.patches import GuardError, load_guards
from tools.guards.pytest_run import is_among, run_tests

ROOT = Path(__file__).resolve().parents[2]

CODE = """\
LIMIT = 10


def sell(units):
    if units > LIMIT:
        raise ValueError("not so many")
    return units
"""
TESTS = """\
import pytest
import toy


def test_too_many_are_refused():
    with pytest.raises(ValueError):
        toy.sell(11)


@pytest.mark.parametrize("units", [11, 12])
def test_more_than_too_many_are_refused(units):
    with pytest.raises(ValueError):
        toy.sell(units)


def test_ten_are_sold():
    assert toy.sell(10) == 10


@pytest.fixture
def shelf():
    return toy.LIMIT + 0


def test_the_shelf_is_full(shelf):
    assert shelf == 10
"""
NO_GUARD = """\
--- a/libs/toy/toy/__init__.py
+++ b/libs/toy/toy/__init__.py
@@ -2,6 +2,4 @@


 def sell(units):
-    if units > LIMIT:
-        raise ValueError("not so many")
     return units
"""
NO_LIMIT = """\
--- a/libs/toy/toy/__init__.py
+++ b/libs/toy/toy/__init__.py
@@ -1,4 +1,4 @@
-LIMIT = 10
+LIMIT = "10"


 def sell(units):
"""
TEST = "libs/toy/tests/test_toy.py::"

AddPatch = Callable[..., None]


@pytest.fixture
def toy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkout with one package, which has one guard."""
    root = tmp_path / "toy-checkout"
    files = {
        "pyproject.toml": '[tool.pytest.ini_options]\naddopts = ["--import-mode=importlib"]\n',
        "libs/toy/pyproject.toml": "",
        "libs/toy/toy/__init__.py": CODE,
        "libs/toy/tests/test_toy.py": TESTS,
    }
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    subprocess.run(["git", "init", "--quiet", str(root)], check=True)  # noqa: S607 - whichever git
    (root / "tests/guards").mkdir(parents=True)
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")  # the toy needs none of them
    return root


@pytest.fixture
def add_patch(toy: Path) -> AddPatch:
    """Write a patch that names tests."""

    def add(name: str, *tests: str, patch: str = NO_GUARD) -> None:
        claims = "".join(f"# fails: {TEST}{test}\n" for test in tests)
        (toy / f"tests/guards/{name}.patch").write_text(f"{claims}# Why it is there.\n{patch}")

    return add


def prove(toy: Path, *names: str) -> int:
    return main(["--root", str(toy), "--no-platform", *names])


def test_a_guard_whose_test_fails_without_it_is_proven(
    toy: Path, add_patch: AddPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    add_patch("limit", "test_too_many_are_refused")
    add_patch("limit-again", "test_more_than_too_many_are_refused", "test_too_many_are_refused")
    assert prove(toy) == 0
    said = capsys.readouterr().out
    assert "2 of 2 proven" in said
    assert "2 of 2 fail without it" in said
    assert (toy / "libs/toy/toy/__init__.py").read_text() == CODE, "the tree itself was touched"


def test_a_test_that_still_passes_proves_nothing_and_the_other_guards_are_judged(
    toy: Path, add_patch: AddPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    add_patch("blind", "test_ten_are_sold")
    add_patch("half-blind", "test_too_many_are_refused", "test_ten_are_sold")
    add_patch("limit", "test_too_many_are_refused")
    assert prove(toy) == 1
    said = capsys.readouterr().out
    assert "BAD  blind" in said
    assert "BAD  half-blind" in said
    assert f"still passes: {TEST}test_ten_are_sold" in said
    assert "ok   limit" in said


def test_a_patch_that_does_not_fit_any_more_is_said(
    toy: Path, add_patch: AddPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    add_patch("stale", "test_too_many_are_refused", patch=NO_GUARD.replace("units > LIMIT", "units > 99"))
    assert prove(toy) == 1
    assert "the patch does not apply" in capsys.readouterr().out


def test_a_test_that_breaks_in_its_set_up_proves_nothing(
    toy: Path, add_patch: AddPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    add_patch("broken", "test_the_shelf_is_full", patch=NO_LIMIT)
    assert prove(toy) == 1
    assert "broke before it could fail" in capsys.readouterr().out


def test_code_that_cannot_be_imported_proves_nothing(
    toy: Path, add_patch: AddPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    add_patch("broken", "test_too_many_are_refused", patch=NO_LIMIT.replace('+LIMIT = "10"', "+LIMIT = nothing"))
    assert prove(toy) == 1
    assert "ok " not in capsys.readouterr().out


def test_tests_that_are_red_with_their_guard_stop_the_run(
    toy: Path, add_patch: AddPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (toy / "libs/toy/toy/__init__.py").write_text(CODE.replace("LIMIT = 10", "LIMIT = 20"))
    add_patch("limit", "test_too_many_are_refused")
    assert prove(toy) == 1
    assert "must pass" in capsys.readouterr().err


def test_a_test_that_is_not_there_stops_the_run(
    toy: Path, add_patch: AddPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    add_patch("typo", "test_to_many_are_refused")
    assert prove(toy) == 1
    assert "test_to_many_are_refused" in capsys.readouterr().err


def test_a_test_that_hangs_is_ended_and_proves_nothing(toy: Path, tmp_path: Path) -> None:
    (toy / "libs/toy/tests/test_hang.py").write_text(
        dedent("""
            import threading

            def test_it_never_ends():
                threading.Event().wait()
        """)
    )
    (tmp_path / "copy").mkdir()
    with pytest.raises(GuardError, match="did not end within 3 s"):
        run_tests(Checkout(toy, tmp_path / "copy"), ["libs/toy/tests/test_hang.py::test_it_never_ends"], seconds=3)


def test_a_patch_that_names_no_test_is_refused(toy: Path, add_patch: AddPatch) -> None:
    add_patch("silent")
    with pytest.raises(GuardError, match="names no test"):
        load_guards(toy, [])


def test_an_unknown_guard_is_refused_by_name(toy: Path, add_patch: AddPatch) -> None:
    add_patch("limit", "test_too_many_are_refused")
    with pytest.raises(GuardError, match=r"No such guard in tests/guards: limits\. There are limit"):
        load_guards(toy, ["limits"])


def test_the_copys_own_code_is_what_is_imported_or_nothing_is_said(toy: Path, tmp_path: Path) -> None:
    (tmp_path / "copy").mkdir()
    Checkout(toy, tmp_path / "copy").require_own_code()

    (toy / "libs/time/time").mkdir(parents=True)  # a name that Python itself has, and will not give up
    (toy / "libs/time/pyproject.toml").touch()
    (toy / "libs/time/time/__init__.py").touch()
    (tmp_path / "other").mkdir()
    with pytest.raises(GuardError):
        Checkout(toy, tmp_path / "other").require_own_code()


def test_a_test_is_found_with_and_without_its_parameters() -> None:
    names = frozenset({"a.b.test_x::test_y[1]", "a.b.test_x::test_yes"})
    assert is_among("a/b/test_x.py::test_y", names)
    assert is_among("a/b/test_x.py::test_y[1]", names)
    assert not is_among("a/b/test_x.py::test_y[2]", names)
    assert not is_among("a/b/test_x.py::test_ye", names)


def test_every_guard_of_the_project_names_tests_that_are_there() -> None:
    for guard in load_guards(ROOT, []):
        for test in guard.tests:
            path, _, name = test.partition("::")
            assert f"def {name.partition('[')[0]}(" in (ROOT / path).read_text(), (guard.name, test)
