"""Bodies of import answers."""

from collections.abc import Sequence
from datetime import datetime
from typing import Literal
from uuid import UUID

from pydantic import BaseModel, Field

from catalog.imports.detecting import DelimiterName, EncodingName
from catalog.imports.models import Import, ProductChange, RowError

ImportStatus = Literal["queued", "running", "completed", "failed"]


class ImportAccepted(BaseModel):
    """An upload that was kept and will be read."""

    id: UUID
    status: ImportStatus


class ImportCountsView(BaseModel):
    """What became of the rows so far."""

    rows: int = Field(description="Rows read, without the header and empty ones.")
    products: int = Field(description="Products that these rows are about, refused ones left out.")
    variants: int = Field(description="Rows applied to a variant.")
    created: int
    updated: int
    unchanged: int
    failed: int = Field(description="Rows refused, each with an entry in `errors`.")
    stock_set: int = Field(description="Quantities that inventory has taken.")


class ImportRemark(BaseModel):
    """A remark about many rows, told once."""

    reason: str
    count: int
    row: int | None = Field(description="The first row concerned.")
    column: str | None


class ImportErrorView(BaseModel):
    """Why a row was refused."""

    row: int = Field(description="As a spreadsheet shows it: the header is 1.")
    column: str | None = Field(description="As the file names it; null: the row as a whole.")
    reason: str


class ImportErrors(BaseModel):
    """A page of refused rows."""

    items: list[ImportErrorView]
    next: str | None = Field(description="Send as `errors_after` for more; null at the end.")


class ImportFormat(BaseModel):
    """How the file is read: as it was found, or as its sender said."""

    delimiter: DelimiterName
    encoding: EncodingName


class FieldChangeView(BaseModel):
    """A field that would change; values longer than 200 characters are cut."""

    field: str = Field(
        description="JSON Pointer; variants go by their SKU.", examples=["/variants/MUG-BLUE/prices/EUR"]
    )
    before: str | int | bool | None
    after: str | int | bool | None


class ProductChangeView(BaseModel):
    """What would become of a product."""

    handle: str
    outcome: Literal["created", "updated"]
    fields: list[FieldChangeView]
    fields_left_out: int = Field(description="Further fields that would change.")


class ImportChanges(BaseModel):
    """A page of what a dry run would change; the first 1,000 products are kept. Empty for other imports."""

    items: list[ProductChangeView]
    next: str | None = Field(description="Send as `changes_after` for more; null at the end.")


class ImportSummary(BaseModel):
    """An import without its refused rows."""

    id: UUID
    source: str
    file_name: str
    currency: str
    location_id: UUID | None
    dry_run: bool = Field(description="Whether it only says what it would do.")
    detected: ImportFormat | None = Field(description="Null until the job has looked.")
    status: ImportStatus
    progress: float = Field(description="0 to 1, by bytes of the file.")
    counts: ImportCountsView
    warnings: list[ImportRemark]
    failure: str | None = Field(description="Why the file as a whole could not be read.")
    created_at: datetime
    started_at: datetime | None
    completed_at: datetime | None


class ImportView(ImportSummary):
    """An import and how far it is."""

    errors: ImportErrors
    changes: ImportChanges


def summary_of(found: Import) -> ImportSummary:
    """Show an import."""
    counts = ImportCountsView(
        rows=found.rows,
        products=found.products,
        variants=found.variants,
        created=found.created,
        updated=found.updated,
        unchanged=found.unchanged,
        failed=found.failed,
        stock_set=found.stock_set,
    )
    done = found.status == "completed"
    return ImportSummary(
        id=found.id,
        source=found.source,
        file_name=found.file_name,
        currency=found.currency,
        location_id=found.location_id,
        dry_run=found.dry_run,
        detected=ImportFormat(delimiter=found.delimiter, encoding=found.encoding)
        if found.delimiter and found.encoding
        else None,
        status=found.status,  # type: ignore[arg-type] # the database checks it
        progress=1.0 if done else round(found.next_byte / max(found.bytes_total, 1), 4),
        counts=counts,
        warnings=[ImportRemark(**remark) for remark in found.warnings.values()],
        failure=found.failure,
        created_at=found.created_at,
        started_at=found.started_at,
        completed_at=found.completed_at,
    )


def view_of(found: Import, errors: ImportErrors, changes: ImportChanges) -> ImportView:
    """Show an import with a page of each of its lists."""
    return ImportView(**summary_of(found).model_dump(), errors=errors, changes=changes)


def errors_of(errors: Sequence[RowError], *, more: str | None) -> ImportErrors:
    """Show refused rows."""
    items = [ImportErrorView(row=each.row, column=each.column, reason=each.reason) for each in errors]
    return ImportErrors(items=items, next=more)


def changes_of(changes: Sequence[ProductChange], *, more: str | None) -> ImportChanges:
    """Show what would change."""
    items = [
        ProductChangeView(
            handle=each.handle,
            outcome=each.outcome,  # type: ignore[arg-type] # the database checks it
            fields=[FieldChangeView(field=one.field, before=one.before, after=one.after) for one in each.fields],
            fields_left_out=each.fields_left_out,
        )
        for each in changes
    ]
    return ImportChanges(items=items, next=more)
