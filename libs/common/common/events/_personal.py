"""Leaving personal data out of what is kept for good, or told to whoever may not know."""

from functools import cache
from typing import Any

import orjson
from pydantic import BaseModel


def without_personal_data(model: BaseModel) -> str:
    """Return ``model`` as JSON, the fields marked ``x-pii`` left out wherever they are."""
    return orjson.dumps(_kept(model)).decode()


def _kept(value: Any) -> Any:  # noqa: ANN401 - any part of a contract
    if isinstance(value, BaseModel):
        return {name: _kept(getattr(value, name)) for name in _harmless_fields(type(value))}
    if isinstance(value, list | tuple):
        return [_kept(item) for item in value]
    if isinstance(value, dict):
        return {str(name): _kept(item) for name, item in value.items()}
    return value


@cache
def _harmless_fields(kind: type[BaseModel]) -> tuple[str, ...]:
    return tuple(
        name
        for name, field in kind.model_fields.items()
        if not (isinstance(field.json_schema_extra, dict) and field.json_schema_extra.get("x-pii"))
    )
