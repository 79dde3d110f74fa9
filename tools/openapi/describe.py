"""What a service's app says of itself, completed by what its dependencies ask of the caller."""

import copy
import inspect
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute
from starlette.routing import BaseRoute

from common.auth import requires, signed_in
from common.http.app import create_app
from common.problems import Problem
from common.service import Service

PUBLIC = "public"
LOGIN = "login"
CART = "cart"

SECURITY_SCHEMES: dict[str, Any] = {
    LOGIN: {
        "type": "oauth2",
        "description": "An access token from `/v1/auth/token`, as `Authorization: Bearer …`. It lives ten minutes.",
        "flows": {"password": {"tokenUrl": "/v1/auth/token", "refreshUrl": "/v1/auth/token", "scopes": {}}},
    },
    CART: {
        "type": "apiKey",
        "in": "header",
        "name": "Cart-Token",
        "description": "The token of a guest's cart, from `POST /v1/carts`.",
    },
}


@dataclass(frozen=True, slots=True)
class Described:
    """A service's document, and who may use each operation: ``access`` by (method in small letters, path)."""

    name: str
    document: dict[str, Any]
    access: dict[tuple[str, str], str]


def describe(service: Service) -> Described:
    """Build the document of ``service``; nothing is opened for it."""
    app = create_app(service)
    document = copy.deepcopy(app.openapi())
    access: dict[tuple[str, str], str] = {}
    scopes: set[str] = set()
    for route in _api_routes(route for router in service.routers for route in router.routes):
        if not route.include_in_schema:
            continue
        wanted = _wanted(route.dependant)
        for method in route.methods or ():
            operation = document["paths"][route.path_format][method.lower()]
            if not route.endpoint.__doc__:
                del operation["summary"]  # FastAPI made one of the function's name
            operation["security"] = _security(wanted, path=route.path_format)
            access[method.lower(), route.path_format] = _in_words(wanted)
        scopes |= set(wanted or ())
    document["components"]["securitySchemes"] = _schemes(scopes)
    return Described(service.name, document, access)


def _api_routes(routes: Iterable[BaseRoute]) -> Iterator[APIRoute]:
    for route in routes:
        if isinstance(route, APIRoute):
            yield route
        else:
            yield from _api_routes(getattr(getattr(route, "original_router", None), "routes", ()))


def _wanted(dependant: Dependant) -> tuple[str, ...] | None:
    """Return the scopes of which a caller needs one; empty for any login, None for nobody in particular."""
    found: tuple[str, ...] | None = None
    for each in _all(dependant):
        if isinstance(each.call, requires):
            return each.call.scopes
        if each.call is signed_in:
            found = ()
    return found


def _all(dependant: Dependant) -> Iterator[Dependant]:
    yield dependant
    for each in dependant.dependencies:
        yield from _all(each)


def _security(wanted: tuple[str, ...] | None, *, path: str) -> list[dict[str, list[str]]]:
    if wanted is None:
        guest: list[dict[str, list[str]]] = [{CART: []}] if path.startswith(("/v1/carts/", "/v1/orders/")) else []
        return [*guest, {LOGIN: []}, {}]
    return [{LOGIN: [scope]} for scope in wanted] or [{LOGIN: []}]


def _in_words(wanted: tuple[str, ...] | None) -> str:
    if wanted is None:
        return PUBLIC
    return " or ".join(f"`{scope}`" for scope in wanted) or "signed in"


def _schemes(scopes: Iterable[str]) -> dict[str, Any]:
    schemes = copy.deepcopy(SECURITY_SCHEMES)
    schemes[LOGIN]["flows"]["password"]["scopes"] = dict.fromkeys(sorted(scopes), "")
    return schemes


def problem_pages(services: Sequence[Service]) -> dict[str, Any]:
    """Return what the gateway's pages say of each problem, by slug.

    ``services`` names who has a problem of their own; those of ``common`` belong to all.
    """
    names = {service.name for service in services}
    pages: dict[str, Any] = {}
    for kind in Problem.documented():
        owner = kind.__module__.partition(".")[0]
        if owner != "common" and owner not in names:
            continue
        text = inspect.cleandoc(kind.__doc__ or "") if "__doc__" in vars(kind) else ""
        if not text:
            raise SystemExit(
                f"{kind.__module__}.{kind.__name__} has no docstring: it is the page /problems/{kind.slug}."
            )
        pages[kind.slug] = {
            "title": kind.title,
            "status": kind.status,
            "description": [" ".join(part.split()) for part in re.split(r"\n\s*\n", text)],
            "services": [] if owner == "common" else [owner],
        }
    return pages
