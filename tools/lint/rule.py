"""What a rule is, and how it is run over files."""

import ast
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path

Complaints = Iterator[tuple[int, str]]  # line, what is wrong and the way out

SERVICES = "services/*/*/*.py"  # a * also takes slashes
COMMON = "libs/common/common/*.py"
TEST_HELPERS = ("libs/common/common/testing/*", "services/*/testing.py", "services/*/testing/*")
TESTS = "*/tests/*"


@dataclass(frozen=True, slots=True)
class Rule:
    """Args: ``where`` and ``but_not`` are patterns of paths below the checkout."""

    name: str
    find: Callable[[ast.Module], Complaints]
    where: Sequence[str] = (SERVICES, COMMON)
    but_not: Sequence[str] = ()

    def applies_to(self, path: str) -> bool:
        """Whether a file, named from the top of the checkout, has to keep the rule."""
        if fnmatch(path, TESTS) or any(fnmatch(path, pattern) for pattern in self.but_not):
            return False
        return any(fnmatch(path, pattern) for pattern in self.where)


@dataclass(frozen=True, slots=True, order=True)
class Finding:
    """A line that breaks a rule."""

    path: str
    line: int
    rule: str
    complaint: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.rule}: {self.complaint}"


def lint(source: str, path: str, rules: Iterable[Rule]) -> list[Finding]:
    """Hold one file to the rules that apply to it."""
    applying = [rule for rule in rules if rule.applies_to(path)]
    if not applying:
        return []
    tree = ast.parse(source, path)
    return sorted(Finding(path, line, rule.name, text) for rule in applying for line, text in rule.find(tree))


def python_files(root: Path, chosen: Sequence[Path]) -> list[Path]:
    """The files to hold to the rules: those chosen, else all of services and common."""
    folders = [path.resolve() for path in chosen] or [root / "services", root / "libs"]
    found = (path for folder in folders for path in ([folder] if folder.is_file() else folder.rglob("*.py")))
    return sorted(set(found))


# -- what rules look at -----------------------------------------------------------------------------------------------


def dotted(node: ast.AST) -> str:
    """The dotted name of an expression: ``a.b.c``; "?" stands for whatever is no name."""
    match node:
        case ast.Name(id=name):
            return name
        case ast.Attribute(value=value, attr=attribute):
            return f"{dotted(value)}.{attribute}"
        case _:
            return "?"


def calls(tree: ast.Module) -> Iterator[tuple[int, str, ast.Call]]:
    """Every call: line, dotted name, the call."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            yield node.lineno, dotted(node.func), node


def texts(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Every string that is no docstring, f-strings whole with ``{}`` for what is filled in."""
    skipped = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}  # docstrings
    skipped |= {id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in ast.walk(node)}
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            yield node.lineno, "".join(_part(part) for part in node.values)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in skipped:
            yield node.lineno, node.value


def _part(part: ast.expr) -> str:
    return str(part.value) if isinstance(part, ast.Constant) else "{}"
