"""Write what derives from the contracts: JSON Schemas, the AsyncAPI document, the catalogue page.

    python -m common.events.generate [--check] [--root CHECKOUT]

``--check`` writes nothing and exits 1 when a checked-in file is not what the contracts say.
"""

import importlib
import json
import re
import sys
from collections import defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Protocol

from common import checked_in as checked_in_files
from common.events._asyncapi import asyncapi
from common.events._catalogue import Consumers, catalogue
from common.events._contract import EventContract
from common.events._registry import CONTRACTS
from common.events._schemas import JsonObject, json_schema, schema_path

COMMAND = "python -m common.events.generate"
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


def checked_in(root: Path) -> list[Path]:
    """The generated files that are there and are nobody's but ours, but for schemas of earlier minors.

    Those stay: events that carry their address are still read.
    """
    versions = {contract.type: contract.version for contract in CONTRACTS}
    found = [path.relative_to(root) for path in (root / SCHEMAS).rglob("*.json")]
    return [path for path in found if not _is_earlier(path.stem, versions.get(path.parent.name))]


def _is_earlier(version: str, present: str | None) -> bool:
    if present is None or not re.fullmatch(r"\d+\.\d+", version):
        return False
    return tuple(map(int, version.split("."))) < tuple(map(int, present.split(".")))


def _as_json(document: JsonObject) -> str:
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; the exit code."""
    parser = checked_in_files.parser(COMMAND, __doc__)
    parser.add_argument("--root", type=Path, default=Path.cwd(), help="the checkout (default: the current folder)")
    options = parser.parse_args(arguments)
    root: Path = options.root
    if not (root / SCHEMAS.parent).is_dir():
        sys.stderr.write(f"{root} has no {SCHEMAS.parent}: run this at the top of a checkout, or give --root.\n")
        return 2
    files = render(installed_consumers(root))
    return checked_in_files.settle(root, files, check=options.check, command=COMMAND, present=checked_in(root))


if __name__ == "__main__":
    sys.exit(main())
