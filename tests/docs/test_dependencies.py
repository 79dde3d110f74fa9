"""The page of dependencies lists exactly the direct ones, with the locked version and the declared licence."""

import re
import runpy

import pytest

from tests.support.pages import ROOT, read

ROW = re.compile(r"^\| `([\w-]+)` \| (\S+) \| (.+) \| (.+) \| (.+) \|$", flags=re.MULTILINE)


def rows() -> dict[str, tuple[str, ...]]:
    return {name: tuple(rest) for name, *rest in ROW.findall(read("docs/dependencies.md"))}


def asked_for() -> set[str]:
    files = read("requirements.runtime.in") + read("requirements.in")
    return set(re.findall(r"^([a-z][a-z0-9-]*)", files, flags=re.MULTILINE))


def test_the_table_lists_the_direct_dependencies_and_no_other() -> None:
    assert rows().keys() == asked_for()


def test_versions_are_the_locked_ones_of_both_locks() -> None:
    for lock in ("requirements.lock", "requirements.runtime.lock"):
        locked = dict(re.findall(r"^([a-z0-9-]+)==([^\s;]+)", read(lock), flags=re.MULTILINE))
        table = {name: version for name, (version, *_) in rows().items() if name in locked}
        assert table == {name: locked[name] for name in table}
    assert len(rows()) == len(asked_for())


def test_a_licence_of_the_gpl_family_is_marked_and_explained() -> None:
    marked = {name for name, (*_, licence) in rows().items() if "GPL" in licence}
    assert {name for name, (*_, licence) in rows().items() if licence.startswith("**")} == marked
    for name in marked:
        assert f"`{name}` alone" in read("docs/dependencies.md")


def test_a_dependency_without_a_reason_is_refused() -> None:
    script = runpy.run_path(str(ROOT / "docs/list_dependencies.py"))
    reasons: dict[str, tuple[str, str]] = script["REASONS"]
    del reasons["fastapi"]
    with pytest.raises(SystemExit, match="fastapi"):
        script["render"]()
