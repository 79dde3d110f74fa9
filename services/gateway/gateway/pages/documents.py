"""The generated files that the pages stand on; ``tools/openapi`` writes them."""

from hashlib import blake2b
from importlib.resources import files
from typing import Any, Final

import orjson

OPENAPI: Final[bytes] = files("gateway").joinpath("openapi.json").read_bytes()
OPENAPI_ETAG: Final = f'"{blake2b(OPENAPI, digest_size=12).hexdigest()}"'
PROBLEMS: Final[dict[str, dict[str, Any]]] = orjson.loads(files("gateway").joinpath("problems.json").read_bytes())
