"""What a document must say before it is published."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

NO_CONTENT = "204"
PROBLEM = "application/problem+json"

Operation = tuple[str, str]
"""Method, path."""
Access = Mapping[Operation, bool]
"""Whether an operation needs no credential."""


def complaints_about(document: dict[str, Any], service: str) -> list[str]:
    """List what is missing: a summary, an answer with a schema, a problem."""
    return [
        f"{service}: {method.upper()} {path} {complaint}"
        for path, item in document["paths"].items()
        for method, operation in item.items()
        for complaint in _missing(operation)
    ]


def _missing(operation: dict[str, Any]) -> Iterator[str]:
    if not operation.get("summary"):
        yield "has no summary: write a docstring"
    answers = operation["responses"]
    good = {status: answer for status, answer in answers.items() if status.startswith("2")}
    if not good:
        yield "documents no answer of 2xx"
    for status, answer in good.items():
        if status != NO_CONTENT and not _has_schema(answer):
            yield f"answers {status} without a schema: annotate the route with -> Answer[View]"
    if not any(PROBLEM in answer.get("content", {}) for answer in answers.values()):
        yield "documents no problem: use common.http.Router"


def _has_schema(answer: dict[str, Any]) -> bool:
    return any(content.get("schema", {}).keys() - {"title"} for content in answer.get("content", {}).values())


def differences_from(table: Access, documented: Access) -> list[str]:
    """List where the gateway's route table and the documents disagree."""
    routed, served = _by_shape(table), _by_shape(documented)
    unserved = [routed[key] for key in routed.keys() - served.keys()]
    unrouted = [served[key] for key in served.keys() - routed.keys()]
    unlike = [served[key] for key in routed.keys() & served.keys() if table[routed[key]] != documented[served[key]]]
    return [
        *(f"{_name(each)} is in the gateway's route table, and no service documents it" for each in sorted(unserved)),
        *(f"{_name(each)} is documented, and not in the gateway's route table" for each in sorted(unrouted)),
        *(f"{_name(each)} is public for the gateway or for its service, not for both" for each in sorted(unlike)),
    ]


def _by_shape(operations: Access) -> dict[Operation, Operation]:
    """Key operations by method and path, with whatever the variables are called left out."""
    return {(method, re.sub(r"\{[^}]*\}", "{}", path)): (method, path) for method, path in sorted(operations)}


def _name(operation: Operation) -> str:
    return " ".join(operation)
