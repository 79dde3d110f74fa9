"""The generated documents, as they are checked in and installed: what a gateway serves."""

from importlib.resources import files
from typing import Final

SERVED_UNDER: Final = "/contracts/events"


def asyncapi_document() -> bytes:
    """Return the AsyncAPI document of all events."""
    return files(__name__).joinpath("asyncapi.json").read_bytes()


def schema_documents() -> dict[str, bytes]:
    """Return every JSON Schema by the address that events carry as ``dataschema``."""
    return {
        f"{SERVED_UNDER}/{folder.name}/{file.name}": file.read_bytes()
        for folder in files(__name__).iterdir()
        if folder.is_dir()
        for file in folder.iterdir()
        if file.name.endswith(".json")
    }
