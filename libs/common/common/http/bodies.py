"""Bodies that a route reads itself: how they are described, and how they are read as they arrive."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from typing import Any, Final

from pydantic import BaseModel
from starlette.requests import ClientDisconnect, Request

from common.problems import Problem

IDLE_SECONDS: Final = 30


def body_described(model: type[BaseModel], *, media_types: Sequence[str], description: str) -> dict[str, Any]:
    """Describe a body, or a line of it: the ``openapi_extra`` of a route that reads its request itself."""
    schema = model.model_json_schema()
    whole = _whole(schema, schema.get("$defs", {}))
    content = {media_type: {"schema": whole} for media_type in media_types}
    return {"requestBody": {"required": True, "description": description, "content": content}}


def _whole(schema: Any, parts: Mapping[str, Any]) -> Any:  # noqa: ANN401 - a JSON document
    """Put the parts of a schema where they are referred to: it stands in a document that has no place for them."""
    match schema:
        case {"$ref": str(reference)}:
            return _whole(parts[reference.rpartition("/")[2]], parts)
        case dict():
            return {name: _whole(value, parts) for name, value in schema.items() if name != "$defs"}
        case list():
            return [_whole(value, parts) for value in schema]
    return schema


async def pieces_of(request: Request, *, cut_off: Callable[[str], Problem]) -> AsyncIterator[bytes]:
    """Yield the body as it arrives. What ``cut_off`` makes of the reason is raised when it stops half-way."""
    stream = aiter(request.stream())
    while True:
        try:
            async with asyncio.timeout(IDLE_SECONDS):
                piece = await anext(stream)
        except StopAsyncIteration:
            return
        except ClientDisconnect as error:
            raise cut_off("The connection ended before the body did.") from error
        except TimeoutError as error:
            raise cut_off(f"Nothing arrived for {IDLE_SECONDS} seconds.") from error
        yield piece
