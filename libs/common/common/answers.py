"""Answers as bytes, made inside the unit of work."""

from collections.abc import Mapping
from typing import Any, Generic, TypeVar

import orjson
from fastapi import Response
from pydantic import BaseModel

from common.context import current_context
from common.problems import Problem

View = TypeVar("View")

KEPT_HEADERS = ("etag", "location", "content-type", "retry-after", "www-authenticate")


class Answer(Response, Generic[View]):
    """A response whose body is serialised already; ``View`` documents it (see ``common.http.Router``)."""

    media_type = "application/json"

    def kept_headers(self) -> dict[str, str]:
        """Return the headers that a replay repeats."""
        return {name: value for name, value in self.headers.items() if name in KEPT_HEADERS}


def answer_of(view: BaseModel | bytes | None, *, status: int, headers: Mapping[str, str] | None = None) -> Answer[Any]:
    """Serialise ``view`` once; bytes are taken as ready JSON, None as no body."""
    body = view.model_dump_json(by_alias=True).encode() if isinstance(view, BaseModel) else view or b""
    return Answer(body, status_code=status, headers=dict(headers or {}))


def problem_document(problem: Problem) -> dict[str, Any]:
    """Build the members of RFC 9457 for ``problem`` in the context of the work in hand."""
    context = current_context()
    document: dict[str, Any] = {
        "type": f"/problems/{problem.slug}",
        "title": problem.title,
        "status": problem.status,
        "detail": problem.detail,
        "instance": f"urn:request:{context.request_id}",
        "trace_id": context.trace_id,
    }
    if problem.errors:
        document["errors"] = [{"pointer": error.pointer, "detail": error.detail} for error in problem.errors]
    return document | problem.extra


def problem_answer(problem: Problem) -> Answer[Any]:
    """Turn ``problem`` into its response."""
    return Answer(
        orjson.dumps(problem_document(problem), default=str),
        status_code=problem.status,
        headers=problem.headers,
        media_type="application/problem+json",
    )
