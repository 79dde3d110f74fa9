"""Nothing that a request needs leaves the loop: FastAPI runs what is no coroutine in a pool of 40 threads."""

import importlib
import inspect
from collections.abc import Iterator
from typing import Any

import pytest
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute

SERVICES = ("catalog", "inventory", "orders", "metrics", "notifications", "gateway")


def _calls(dependant: Dependant) -> Iterator[Any]:
    for part in dependant.dependencies:
        yield part.call
        yield from _calls(part)


def _is_coroutine(call: Any) -> bool:  # noqa: ANN401 - whatever a route depends on
    plain = inspect.isroutine(call) or inspect.isclass(call)
    return inspect.iscoroutinefunction(call if plain else type(call).__call__)


@pytest.mark.parametrize("name", SERVICES)
def test_every_route_and_dependency_is_a_coroutine(name: str) -> None:
    routes = [
        route
        for router in importlib.import_module(f"{name}.app").SERVICE.routers
        for route in router.routes
        if isinstance(route, APIRoute)
    ]
    assert routes
    calls = [(route.path, call) for route in routes for call in (route.endpoint, *_calls(route.dependant))]
    assert [(path, repr(call)) for path, call in calls if not _is_coroutine(call)] == []
