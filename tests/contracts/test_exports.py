"""What services take from ``common``, they take by its front door."""

import ast
import importlib
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
CODE = sorted(path for path in (ROOT / "services").glob("*/*/**/*.py") if "tests" not in path.relative_to(ROOT).parts)
COMMON = sorted((ROOT / "libs" / "common" / "common").glob("*/__init__.py"))


def imports_of(path: Path) -> Iterator[tuple[int, str, str]]:
    """Line, module and name of everything that a file takes from common."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "common":
            for alias in node.names:
                yield node.lineno, node.module or "", alias.name


def complaints(path: Path) -> Iterator[str]:
    """What a file takes that is not offered."""
    for line, module, name in imports_of(path):
        where = f"{path.relative_to(ROOT)}:{line}"
        if any(part.startswith("_") for part in module.split(".")):
            yield f"{where}: {module} is private"
        offered = getattr(importlib.import_module(module), "__all__", None)
        if offered is not None and name not in offered and find_spec(f"{module}.{name}") is None:
            yield f"{where}: {name} is not in __all__ of {module}"


def test_services_take_only_what_common_offers() -> None:
    """No private module, and no name that its package does not list."""
    assert len(CODE) > 100
    assert [complaint for path in CODE for complaint in complaints(path)] == []


def test_every_package_of_common_lists_what_it_offers() -> None:
    """``__all__`` is there, sorted, and each name of it exists."""
    for path in COMMON:
        module = importlib.import_module(f"common.{path.parent.name}")
        if path.parent.name == "testing" or not path.read_text(encoding="utf-8").strip():
            continue
        names = list(module.__all__)
        assert len(names) == len(set(names)), module.__name__
        assert [name for name in names if not hasattr(module, name)] == [], module.__name__
