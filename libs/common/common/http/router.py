"""Routes that answer with bytes and document what the bytes are."""

import inspect
from collections.abc import Callable
from typing import Any, get_args, get_origin, get_type_hints

from fastapi import APIRouter

from common.answers import Answer
from common.problems import (
    BadRequest,
    DeadlineExceeded,
    Forbidden,
    InvalidInput,
    Problem,
    Unauthenticated,
    Unavailable,
)

PROBLEM_SCHEMA = {"$ref": "#/components/schemas/Problem"}
ALWAYS: tuple[type[Problem], ...] = (BadRequest, InvalidInput, Unavailable, DeadlineExceeded)
WITH_CREDENTIAL: tuple[type[Problem], ...] = (Unauthenticated, Forbidden)


def problems(*kinds: type[Problem]) -> dict[int | str, dict[str, Any]]:
    """Document ``kinds`` as responses of a route."""
    by_status: dict[int | str, list[type[Problem]]] = {}
    for kind in kinds:
        by_status.setdefault(kind.status, []).append(kind)
    return {status: _response(group) for status, group in by_status.items()}


def _response(kinds: list[type[Problem]]) -> dict[str, Any]:
    slugs = ", ".join(f"`{kind.slug}`" for kind in kinds)
    meaning = " ".join(" ".join((kind.__doc__ or "").split()) for kind in kinds)
    return {
        "description": f"{slugs}: {meaning}",
        "content": {"application/problem+json": {"schema": PROBLEM_SCHEMA}},
    }


class Router(APIRouter):
    """An APIRouter that reads ``-> Answer[View]`` as the response model ``View``.

    Plain FastAPI refuses the annotation. The bytes pass as they are: they were validated when they were made.
    """

    def add_api_route(self, path: str, endpoint: Callable[..., Any], **options: Any) -> None:  # noqa: ANN401 - FastAPI's own
        """Register a route; every one documents the problems that any route can have."""
        view = _answered_view(endpoint)
        if view is not None:
            options["response_model"] = None if view is type(None) else view
        summary, _, rest = inspect.cleandoc(endpoint.__doc__ or "").partition("\n")
        if summary:
            options["summary"] = options.get("summary") or summary.removesuffix(".")
            options["description"] = options.get("description") or rest.strip()
        options["responses"] = problems(*ALWAYS, *WITH_CREDENTIAL) | dict(options.get("responses") or {})
        super().add_api_route(path, endpoint, **options)


def _answered_view(endpoint: Callable[..., Any]) -> Any:  # noqa: ANN401 - a type, or None where nothing is said
    hint = get_type_hints(endpoint, include_extras=True).get("return")
    if get_origin(hint) is Answer:
        return get_args(hint)[0]
    return None
