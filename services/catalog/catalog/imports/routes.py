"""Imports over HTTP: send a file, watch it being read."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import Query, Request
from fastapi.responses import StreamingResponse

from catalog.csv_lines import CSV_ANSWER, csv_answer
from catalog.dependencies import CanRead, CanWrite, InventoryClient, ReadUow, ShopCurrency
from catalog.imports import service
from catalog.imports.detecting import DELIMITERS, ENCODINGS
from catalog.imports.models import Import
from catalog.imports.problems import ImportNotFound, ImportNotRead, RejectedRowsForgotten, UploadBroken
from catalog.imports.rejected import header_of, rejected_file
from catalog.imports.repository import ImportRepository, read_changes, read_errors, read_import, read_imports
from catalog.imports.running import IMPORT_FILE, ImportFile
from catalog.imports.schemas import (
    ImportAccepted,
    ImportSummary,
    ImportView,
    changes_of,
    errors_of,
    summary_of,
    view_of,
)
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
                        "file": {"type": "string", "format": "binary", "description": "CSV, up to 2 GiB."},
                        "source": {"type": "string", "enum": ["shopify"]},
                        "currency": {"type": "string", "description": "Of the file's prices; default: the shop's."},
                        "location": {
                            "type": "string",
                            "format": "uuid",
                            "description": "Where the file's quantities are set as stock; without it they are ignored.",
                        },
                        "dry_run": {
                            "type": "boolean",
                            "default": False,
                            "description": "Say what would be made, changed and refused, and change nothing.",
                        },
                        "delimiter": {
                            "type": "string",
                            "enum": list(DELIMITERS),
                            "description": "What stands between cells; left out, it is found.",
                        },
                        "encoding": {
                            "type": "string",
                            "enum": list(ENCODINGS),
                            "description": "What the file is written in; left out, it is found.",
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
    changes_after: Annotated[
        str | None, Query(max_length=MAX_CURSOR_LENGTH, description="`changes.next` before.")
    ] = None,
    limit: Annotated[int, Query(ge=1, le=MAX_LIMIT, description="Refused rows and changes per page.")] = 50,
) -> Answer[ImportView]:
    """Read how far an import is, with a page of its refused rows and, of a dry run, of what it would change."""
    found = await read_import(uow, import_id)
    if found is None:
        raise ImportNotFound(import_id)
    errors = await read_errors(uow, import_id, after=_place(errors_after), most=limit + 1)
    changes = await read_changes(uow, import_id, after=_place(changes_after), most=limit + 1) if found.dry_run else []
    view = view_of(
        found,
        errors_of([each for _, each in errors[:limit]], more=_next(errors, limit)),
        changes_of([each for _, each in changes[:limit]], more=_next(changes, limit)),
    )
    return answer_of(view, status=200)


def _place(after: str | None) -> int:
    place: int = decode_cursor(after, int)[0] if after is not None else 0
    return place


def _next(rows: Sequence[tuple[int, object]], limit: int) -> str | None:
    return encode_cursor([rows[limit - 1][0]]) if len(rows) > limit else None


@router.get(
    "/{import_id}/rejected",
    response_class=StreamingResponse,
    responses=problems(ImportNotFound, ImportNotRead, RejectedRowsForgotten) | CSV_ANSWER,
)
async def download_rejected_rows(import_id: UUID, _: CanRead, uow: ReadUow, request: Request) -> StreamingResponse:
    """Download the refused rows as CSV, each with its reason, to be mended and sent again.

    The file's own columns and delimiter, and behind them `import_row` and `import_error`, which an import reads over.
    All rows of a product are there if one was refused. In UTF-8 with a byte order mark.
    """
    found = await read_import(uow, import_id)
    if found is None:
        raise ImportNotFound(import_id)
    if found.status != "completed":
        why = found.failure or "It is still running; wait until its status is completed."
        raise ImportNotRead(f"The import {import_id} has no list of rows to be mended. {why}")
    header = await header_of(uow, import_id)
    if header is None:
        raise RejectedRowsForgotten(f"The rows of import {import_id} were kept for 30 days; send the file again.")
    rows = rejected_file(runtime_of(request).database, found, header)
    return csv_answer(rows, file_name=f"rejected-{import_id}.csv")
