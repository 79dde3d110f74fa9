"""Write what derives from the contracts: JSON Schemas, the AsyncAPI document, the catalogue page.

    python -m common.events.generate [--check] [--root CHECKOUT]

``--check`` writes nothing and exits 1 when a checked-in file is not what the contracts say.
"""

import argparse
import importlib
import json
import sys
from collections import defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Protocol

from common.events._asyncapi import asyncapi
from common.events._catalogue import Consumers, catalogue
from common.events._contract import EventContract
from common.events._registry import CONTRACTS
from common.events._schemas import JsonObject, json_schema, schema_path

SCHEMAS = Path("libs/common/common/events/schemas")
PAGE = Path("docs/events.md")


class ConsumerGroup(Protocol):
    """What the page needs to know of a service's consumer."""

    @property
    def group(self) -> str:
        """The consumer group's name."""

    @property
    def handlers(self) -> Mapping[type[EventContract], object]:
        """The contracts that the group acts on; what it does with them is its own business."""


def consumers_of(groups: Iterable[ConsumerGroup]) -> Consumers:
    """Which groups consume each type."""
    by_type: dict[str, list[str]] = defaultdict(list)
    for group in groups:
        for contract in group.handlers:
            by_type[contract.type].append(group.group)
    return by_type


def installed_consumers(root: Path) -> list[ConsumerGroup]:
    """The ``CONSUMERS`` of every service of the checkout that has any.

    A service that cannot be imported stops the run: a page without its consumers would be wrong, not merely short.
    """
    found: list[ConsumerGroup] = []
    for module in sorted(root.glob("services/*/*/consumers.py")):
        found.extend(importlib.import_module(f"{module.parent.name}.consumers").CONSUMERS)
    return found


def render(groups: Iterable[ConsumerGroup]) -> dict[Path, str]:
    """Every generated file, by its path below the checkout."""
    schemas = {SCHEMAS / schema_path(contract): _as_json(json_schema(contract)) for contract in CONTRACTS}
    return schemas | {SCHEMAS / "asyncapi.json": _as_json(asyncapi()), PAGE: catalogue(consumers_of(groups))}


def stale(root: Path, files: Mapping[Path, str]) -> list[Path]:
    """The files that are missing, differ, or belong to no contract any more."""
    differing = [path for path, text in files.items() if not _holds(root / path, text)]
    return sorted(differing + _left_over(root, files))


def write(root: Path, files: Mapping[Path, str]) -> list[Path]:
    """Bring the checkout up to date; returns what changed."""
    changed = stale(root, files)
    for path in changed:
        if path not in files:
            (root / path).unlink()
            continue
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(files[path], encoding="utf-8")
    return changed


def _holds(path: Path, text: str) -> bool:
    return path.exists() and path.read_text(encoding="utf-8") == text


def _left_over(root: Path, files: Mapping[Path, str]) -> list[Path]:
    present = (path.relative_to(root) for path in (root / SCHEMAS).rglob("*.json"))
    return [path for path in present if path not in files]


def _as_json(document: JsonObject) -> str:
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; the exit code."""
    summary = (__doc__ or "").split("\n")[0]
    parser = argparse.ArgumentParser(prog="python -m common.events.generate", description=summary)
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 when a file is stale")
    parser.add_argument("--root", type=Path, default=Path.cwd(), help="the checkout (default: the current folder)")
    options = parser.parse_args(arguments)
    root: Path = options.root
    if not (root / SCHEMAS.parent).is_dir():
        sys.stderr.write(f"{root} has no {SCHEMAS.parent}: run this at the top of a checkout, or give --root.\n")
        return 2
    files = render(installed_consumers(root))
    if not options.check:
        sys.stdout.writelines(f"{path}\n" for path in write(root, files))
        return 0
    old = stale(root, files)
    if old:
        sys.stdout.writelines(f"{path}\n" for path in old)
        sys.stderr.write("These files are not what the contracts say: run `python -m common.events.generate`.\n")
    return 1 if old else 0


if __name__ == "__main__":
    sys.exit(main())
