"""The generated files that the pages stand on; ``tools/openapi`` writes them."""

from dataclasses import dataclass, field
from hashlib import blake2b
from importlib.resources import files
from typing import Any, Final

import orjson
from fastapi import Request, Response

REVALIDATE: Final = {"Cache-Control": "no-cache"}  # asked for each time, answered with 304 until it changes


@dataclass(frozen=True, slots=True)
class Document:
    """JSON that is the same for everyone until the next deploy."""

    body: bytes
    etag: str = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "etag", f'"{blake2b(self.body, digest_size=12).hexdigest()}"')

    def answer(self, request: Request) -> Response:
        """Return it, or 304 to whoever has it."""
        headers = REVALIDATE | {"ETag": self.etag}
        known = {tag.strip().removeprefix("W/") for tag in request.headers.get("if-none-match", "").split(",")}
        if self.etag in known or "*" in known:
            return Response(status_code=304, headers=headers)
        return Response(self.body, media_type="application/json", headers=headers)


OPENAPI: Final = Document(files("gateway").joinpath("openapi.json").read_bytes())
PROBLEMS: Final[dict[str, dict[str, Any]]] = orjson.loads(files("gateway").joinpath("problems.json").read_bytes())
