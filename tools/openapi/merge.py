"""One document out of many. Paths never meet; schemas of one name are one, or get their service's name in front."""

import copy
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from tools.openapi.describe import Described

SCHEMA_PREFIX = "#/components/schemas/"

DESCRIPTION = """\
One API for the whole shop. Money is `{"amount": 1999, "currency": "EUR"}` in minor units, times are RFC 3339 in UTC.

Lists take `limit` and `after` and answer `{"items": […], "next": cursor}`. A POST may carry an `Idempotency-Key`, and \
then acts once. What staff edits is read with its `ETag` and written with `If-Match`.

Errors are `application/problem+json` (RFC 9457); the `type` is the path of a page that explains it.
"""


class CollisionError(Exception):
    """Two services claim the same path or the same operation."""


def merge(described: Sequence[Described]) -> dict[str, Any]:
    """Merge the services' documents into the suite's. Raises CollisionError."""
    renamed = _renamed(described)
    paths: dict[str, Any] = {}
    schemas: dict[str, Any] = {}
    schemes: dict[str, Any] = {}
    for each in described:
        document = _with_names(copy.deepcopy(each.document), renamed[each.name])
        _add_paths(paths, document["paths"], each.name)
        own = document["components"]["schemas"]
        schemas |= {renamed[each.name].get(name, name): schema for name, schema in own.items()}
        _add_schemes(schemes, document["components"]["securitySchemes"])
    _check_operations(paths)
    return {
        "openapi": described[0].document["openapi"],
        "info": {"title": "Quartermaster", "version": "1.0", "description": DESCRIPTION},
        "paths": dict(sorted(paths.items())),
        "components": {"schemas": dict(sorted(schemas.items())), "securitySchemes": schemes},
    }


def _renamed(described: Sequence[Described]) -> dict[str, dict[str, str]]:
    """Say, for each service, which of its schemas go under another name."""
    definitions: dict[str, list[Any]] = defaultdict(list)
    for each in described:
        for name, schema in each.document["components"]["schemas"].items():
            if schema not in definitions[name]:
                definitions[name].append(schema)
    ambiguous = {name for name, found in definitions.items() if len(found) > 1}
    return {
        each.name: {
            name: f"{each.name.capitalize()}{name}"
            for name in each.document["components"]["schemas"]
            if name in ambiguous or _reaches(each.document, name, ambiguous)
        }
        for each in described
    }


def _reaches(document: dict[str, Any], name: str, ambiguous: set[str]) -> bool:
    """Tell whether a schema refers, at whatever depth, to one that is renamed: then it differs between services too."""
    seen: set[str] = set()
    pending = [name]
    schemas = document["components"]["schemas"]
    shared = {"Problem"}
    while pending:
        current = pending.pop()
        if current in seen or current in shared:
            continue
        seen.add(current)
        pending += [ref.removeprefix(SCHEMA_PREFIX) for ref in _refs(schemas.get(current, {}))]
    return name not in shared and bool((seen - {name}) & ambiguous)


def _refs(node: object) -> list[str]:
    if isinstance(node, dict):
        own = [node["$ref"]] if isinstance(node.get("$ref"), str) else []
        return own + [ref for value in node.values() for ref in _refs(value)]
    if isinstance(node, list):
        return [ref for value in node for ref in _refs(value)]
    return []


def _with_names(node: Any, names: dict[str, str]) -> Any:  # noqa: ANN401 - any JSON
    if isinstance(node, dict):
        return {
            key: SCHEMA_PREFIX + names.get(value.removeprefix(SCHEMA_PREFIX), value.removeprefix(SCHEMA_PREFIX))
            if key == "$ref" and isinstance(value, str) and value.startswith(SCHEMA_PREFIX)
            else _with_names(value, names)
            for key, value in node.items()
        }
    if isinstance(node, list):
        return [_with_names(value, names) for value in node]
    return node


def _add_paths(paths: dict[str, Any], more: dict[str, Any], service: str) -> None:
    for path, item in more.items():
        if path in paths:
            raise CollisionError(f"{path} is served by {service} and by another service; a path has one owner.")
        paths[path] = item


def _add_schemes(schemes: dict[str, Any], more: dict[str, Any]) -> None:
    for name, scheme in more.items():
        if name not in schemes:
            schemes[name] = copy.deepcopy(scheme)
        elif "flows" in scheme:
            known = schemes[name]["flows"]["password"]
            known["scopes"] = dict(sorted((known["scopes"] | scheme["flows"]["password"]["scopes"]).items()))


def _check_operations(paths: dict[str, Any]) -> None:
    places: dict[str, list[str]] = defaultdict(list)
    for path, item in paths.items():
        for method, operation in item.items():
            places[operation["operationId"]].append(f"{method.upper()} {path}")
    for name, found in places.items():
        if len(found) > 1:
            raise CollisionError(f"{name} names {' and '.join(found)}; give one of the functions another name.")
