"""Write the OpenAPI documents of the services, and what is made of them.

    python tools/openapi/generate.py             # writes the files
    python tools/openapi/generate.py --check     # says which are not current and fails
    python tools/openapi/generate.py --partial   # leaves out services that cannot be imported, for work in progress

What it writes: ``docs/openapi/<service>.json``; ``openapi.json`` and ``problems.json`` in the gateway's package, which
cannot import the services and serves these; ``docs/routes.md``. Services serve the paths that the public sees, so the
merge is the identity. It refuses what a reader of the document could not work with (see ``checks.py``).
"""

import argparse
import importlib
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # as a script it finds only what lies beside it

from common.service import Service
from tools.openapi.checks import complaints_about, differences_from
from tools.openapi.describe import PUBLIC, Described, describe, problem_pages
from tools.openapi.merge import CollisionError, merge

ROOT = Path(__file__).resolve().parents[2]
NAMES = ("catalog", "inventory", "orders", "metrics", "notifications", "gateway")
PACKAGE = ROOT / "services/gateway/gateway"


@dataclass(frozen=True, slots=True)
class Output:
    """A file and what it should hold."""

    path: Path
    content: bytes

    @property
    def is_current(self) -> bool:
        """Whether the file holds it."""
        return self.path.is_file() and self.path.read_bytes() == self.content

    def write(self) -> None:
        """Make it hold it."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.path.write_bytes(self.content)


def main(argv: Sequence[str] | None = None) -> int:
    """Generate or check; the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--check", action="store_true", help="change nothing, fail where something is not current")
    parser.add_argument("--partial", action="store_true", help="leave out services that cannot be imported")
    arguments = parser.parse_args(argv)
    services = list(_services(partial=arguments.partial))
    described = [describe(service) for service in services]
    complaints = [complaint for each in described for complaint in complaints_about(each.document, each.name)]
    try:
        merged = merge(described)
    except CollisionError as error:
        complaints.append(str(error))
        merged = {"paths": {}}
    if not arguments.partial:
        complaints += differences_from(_table(), _access(described))
    for complaint in complaints:
        sys.stderr.write(f"{complaint}\n")
    if complaints:
        return 1
    return _finish(_outputs(services, described, merged), check=arguments.check)


def _finish(outputs: Sequence[Output], *, check: bool) -> int:
    stale = [output for output in outputs if not output.is_current]
    for output in stale:
        sys.stderr.write(f"{output.path.relative_to(ROOT)}: {'not current' if check else 'written'}\n")
        if not check:
            output.write()
    if check and stale:
        sys.stderr.write("Run python tools/openapi/generate.py and commit what it writes.\n")
        return 1
    return 0


def _services(*, partial: bool) -> Iterator[Service]:
    for name in NAMES:
        try:
            yield importlib.import_module(f"{name}.app").SERVICE
        except (ImportError, AttributeError) as error:
            if not partial:
                raise
            sys.stderr.write(f"{name} left out: {error}\n")


def _table() -> dict[tuple[str, str], bool]:
    from gateway.proxy.table import API  # noqa: PLC0415 - the gateway may be what cannot be imported yet

    return {(route.method, route.path): route.public for route in API}


def _access(described: Sequence[Described]) -> dict[tuple[str, str], bool]:
    """Say of every documented operation whether it needs no credential."""
    return {(method.upper(), path): who == PUBLIC for each in described for (method, path), who in each.access.items()}


def _outputs(services: Sequence[Service], described: Sequence[Described], merged: dict[str, Any]) -> list[Output]:
    documents = [Output(ROOT / f"docs/openapi/{each.name}.json", _json(each.document)) for each in described]
    return [
        *documents,
        Output(PACKAGE / "openapi.json", _json(merged)),
        Output(PACKAGE / "problems.json", _json(problem_pages(services))),
        Output(ROOT / "docs/routes.md", routes_page(described).encode()),
    ]


def _json(value: object) -> bytes:
    return orjson.dumps(value, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)


def routes_page(described: Sequence[Described]) -> str:
    """Return the table of every public operation."""
    rows = [
        f"| {method.upper()} | `{path}` | {each.name} | {each.access[method, path]} | {operation['summary']} |"
        for each in described
        for path, item in each.document["paths"].items()
        for method, operation in item.items()
    ]
    return "\n".join(
        [
            "# Routes",
            "",
            "Every public operation, behind the gateway. Generated by `python tools/openapi/generate.py`; more is in",
            "`/openapi.json` and, to read, at `/docs`.",
            "",
            "*public*: no credential needed, though one may show more; *signed in*: any access token; else one of the",
            "scopes.",
            "",
            "| method | path | service | who | what |",
            "| --- | --- | --- | --- | --- |",
            *sorted(rows, key=_by_path),
            "",
            "Outside the document: `/`, `/docs`, `/openapi.json`, `/livez`, `/readyz`, `/problems/{slug}`.",
            "",
        ]
    )


def _by_path(row: str) -> tuple[str, str]:
    _, method, path, *_ = row.split("|")
    return path.strip(" `"), method


if __name__ == "__main__":
    raise SystemExit(main())
