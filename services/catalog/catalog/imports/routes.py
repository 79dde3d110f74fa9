"""Imports over HTTP: send a file, watch it being read."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import Query, Request

from catalog.dependencies import CanRead, CanWrite, InventoryClient, ReadUow, ShopCurrency
from catalog.imports import service
from catalog.imports.models import Import
from catalog.imports.problems import ImportNotFound, UploadBroken
from catalog.imports.repository import ImportRepository, read_errors, read_import, read_imports
from catalog.imports.running import IMPORT_FILE, ImportFile
from catalog.imports.schemas import ImportAccepted, ImportSummary, ImportView, summary_of, view_of
from catalog.imports.upload import receive_upload
from common.http import Answer, PlainUow, Router, answer_of, problems, runtime_of
from common.pagination import MAX_CURSOR_LENGTH, MAX_LIMIT, Page, Paging, decode_cursor, encode_cursor
from common.problems import InvalidCursor, TooLarge, UnsupportedMediaType

router = Router(prefix="/v1/imports", tags=["imports"])

FORM: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["file", "source"],
                    "properties": {
                        "file": {"type": "string", "format": "binary", "description": "CSV in UTF-8, up to 2 GiB."},
                        "source": {"type": "string", "enum": ["shopify"]},
                        "currency": {"type": "string", "description": "Of the file's prices; default: the shop's."},
                        "location": {
                            "type": "string",
                            "format": "uuid",
                            "description": "Where the file's quantities are set as stock; without it they are ignored.",
                        },
                    },
                }
            }
        },
    }
}


@router.post("", status_code=202, openapi_extra=FORM, responses=problems(UploadBroken, TooLarge, UnsupportedMediaType))
async def create_import(
    request: Request, caller: CanWrite, uow: PlainUow, inventory: InventoryClient, currency: ShopCurrency
) -> Answer[ImportAccepted]:
    """Send a file of products; a job reads it."""
    import_id = await service.begin_upload(uow, by=caller.subject or "")
    try:
        form = await receive_upload(request, import_id, uow)
        wishes = service.check_form(form, shop_currency=currency)
        if wishes.location_id is not None:
            await service.check_location(inventory, wishes.location_id)
        async with uow:
            await ImportRepository(uow).queue(service.received(import_id, form, wishes, uow))
            uow.enqueue(IMPORT_FILE, ImportFile(import_id=import_id))
            return uow.answer(
                ImportAccepted(id=import_id, status="queued"),
                status=202,
                headers={"Location": f"/v1/imports/{import_id}"},
            )
    except BaseException:
        await service.forget_upload(runtime_of(request).database, import_id)
        raise


@router.get("", responses=problems(InvalidCursor))
async def list_imports(page: Paging, _: CanRead, uow: ReadUow) -> Answer[Page[ImportSummary]]:
    """List imports, the newest first."""
    found = await read_imports(uow, before=page.position(datetime, UUID), most=page.fetch)
    views = Page[Import].of(found, page.limit, lambda each: [each.created_at, each.id]).map(summary_of)
    return answer_of(views, status=200)


@router.get("/{import_id}", responses=problems(ImportNotFound, InvalidCursor))
async def read_import_status(
    import_id: UUID,
    _: CanRead,
    uow: ReadUow,
    errors_after: Annotated[
        str | None, Query(max_length=MAX_CURSOR_LENGTH, description="`errors.next` before.")
    ] = None,
    limit: Annotated[int, Query(ge=1, le=MAX_LIMIT, description="Refused rows per page.")] = 50,
) -> Answer[ImportView]:
    """Read how far an import is, with a page of its refused rows."""
    after = decode_cursor(errors_after, int)[0] if errors_after is not None else 0
    found = await read_import(uow, import_id)
    if found is None:
        raise ImportNotFound(import_id)
    errors = await read_errors(uow, import_id, after=after, most=limit + 1)
    more = encode_cursor([errors[limit - 1][0]]) if len(errors) > limit else None
    return answer_of(view_of(found, errors[:limit], more=more), status=200)
