"""The event contracts as they are checked in: the AsyncAPI document, and each JSON Schema at its ``dataschema``.

A schema that was released stays: events keep the address that they were published with.
"""

from typing import Annotated, Any, Final

from fastapi import Path, Request, Response

from common.events.schemas import SERVED_UNDER, asyncapi_document, schema_documents
from common.http import Router, problems
from gateway.pages.documents import Document
from gateway.pages.problems import ContractNotFound

router = Router(tags=["contracts"])

ASYNCAPI: Final = Document(asyncapi_document())
SCHEMAS: Final = {address: Document(content) for address, content in schema_documents().items()}


def _json(description: str) -> dict[int | str, dict[str, Any]]:
    """Document an answer that is a JSON document of another standard."""
    return {200: {"description": description, "content": {"application/json": {"schema": {"type": "object"}}}}}


@router.get("/asyncapi.json", responses=_json("AsyncAPI 3.0."))
async def get_event_document(request: Request) -> Response:
    """Get the AsyncAPI document of every event."""
    return ASYNCAPI.answer(request)


@router.get(
    "/contracts/events/{type}/{version}.json",
    responses=_json("JSON Schema, draft 2020-12.") | problems(ContractNotFound),
)
async def get_contract(
    request: Request,
    event_type: Annotated[str, Path(alias="type", description="Such as `order.placed`.")],
    version: Annotated[str, Path(description="Such as `1.0`.")],
) -> Response:
    """Get the JSON Schema of an event's data.

    The address is what an event carries as `dataschema`.
    """
    document = SCHEMAS.get(f"{SERVED_UNDER}/{event_type}/{version}.json")
    if document is None:
        raise ContractNotFound(event_type, version)
    return document.answer(request)
