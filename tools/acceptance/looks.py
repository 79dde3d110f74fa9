"""What is looked at rather than run: memory, the document against its page, events against theirs."""

import json
import re
import sys
from pathlib import Path
from typing import Any

from tools.acceptance.checkout import SERVICES, Clone, descendants
from tools.acceptance.steps import StepFailedError, StepSkippedError

MEMORY_LIMIT_KIB = 800 * 1024
ROUTE = re.compile(r"^\| (?P<method>[A-Z]+) \| `(?P<path>[^`]+)` \|", re.MULTILINE)
EVENT = re.compile(r"^\| `(?P<type>[a-z_]+\.[a-z_]+)` \| `", re.MULTILINE)
PROBLEM = "application/problem+json"
NO_CONTENT = "204"


def memory_of_services(clone: Clone) -> str:
    """PSS of the six services' processes together: what they share is counted once."""
    if not sys.platform.startswith("linux"):
        raise StepSkippedError("only Linux tells a process's proportional set size")
    processes = clone.run_file()["processes"]
    kib = {name: _pss_of_tree(processes[name]["pid"]) for name in SERVICES}
    said = (
        f"{sum(kib.values()) / 1024:.0f} MiB ({', '.join(f'{name} {size / 1024:.0f}' for name, size in kib.items())})"
    )
    if sum(kib.values()) > MEMORY_LIMIT_KIB:
        raise StepFailedError(f"{said}, more than {MEMORY_LIMIT_KIB // 1024}")
    return said


def _pss_of_tree(pid: int) -> int:
    own = _pss(pid)
    if own is None:
        raise StepFailedError(f"process {pid}, which run.json names, is not there")
    return own + sum(_pss(each) or 0 for each in descendants({pid}))


def _pss(pid: int) -> int | None:
    """In KiB; None for a process that has ended."""
    try:
        rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return next(int(line.split()[1]) for line in rollup.splitlines() if line.startswith("Pss:"))


def routes_are_those_of_the_page(clone: Clone) -> str:
    """The document that is served and docs/routes.md have the same operations, and each one says what it answers."""
    document: dict[str, Any] = json.loads(clone.get("/openapi.json"))
    served = {(method.upper(), path) for path, item in document["paths"].items() for method in item}
    page = (clone.folder / "docs/routes.md").read_text(encoding="utf-8")
    written = {(match["method"], match["path"]) for match in ROUTE.finditer(page)}
    complaints = [f"{method} {path} is served and not on the page" for method, path in sorted(served - written)]
    complaints += [f"{method} {path} is on the page and not served" for method, path in sorted(written - served)]
    complaints += [
        f"{method.upper()} {path} {complaint}"
        for path, item in document["paths"].items()
        for method, operation in item.items()
        for complaint in complaints_about(operation)
    ]
    if complaints or not served:
        raise StepFailedError("; ".join(complaints) or "the document is empty")
    return f"{len(served)} operations, each with the schema of its answer and its problems"


def complaints_about(operation: dict[str, Any]) -> list[str]:
    """What an operation does not say: the schema of what it answers, and its problems."""
    answers = operation.get("responses", {})
    good = {status: answer for status, answer in answers.items() if status.startswith("2")}
    complaints = [] if good else ["documents no answer of 2xx"]
    complaints += [
        f"answers {status} without a schema"
        for status, answer in good.items()
        if status != NO_CONTENT and not any(content.get("schema") for content in answer.get("content", {}).values())
    ]
    if not any(PROBLEM in answer.get("content", {}) for answer in answers.values()):
        complaints.append("documents no problem")
    return complaints


def events_are_those_of_the_page(folder: Path, seen_file: Path) -> str:
    """The test run saw each event type of docs/events.md at the broker, and no other."""
    if not seen_file.exists():
        raise StepFailedError("the test run did not write which event types it saw")
    seen = set(seen_file.read_text(encoding="utf-8").split())
    written = {match["type"] for match in EVENT.finditer((folder / "docs/events.md").read_text(encoding="utf-8"))}
    complaints = [f"{name} was seen and is not on the page" for name in sorted(seen - written)]
    complaints += [f"{name} is on the page and was never seen" for name in sorted(written - seen)]
    if complaints or not seen:
        raise StepFailedError("; ".join(complaints) or "no event was seen")
    return f"{len(seen)} event types"
