"""Use cases of imports: take one in, and end it."""

from dataclasses import dataclass
from datetime import timedelta
from typing import cast
from uuid import UUID

from catalog.clients.inventory import Inventory, StockRefusedError
from catalog.imports.detecting import DELIMITERS, ENCODINGS, DelimiterName, EncodingName
from catalog.imports.models import Import
from catalog.imports.repository import BEGIN, FORGET, FORGET_ABANDONED, FORGET_ROWS, ImportRepository
from catalog.imports.upload import Form
from common.database import Database, UnitOfWork, uuid7
from common.events.contracts.catalog import ImportCompleted, ImportCounts, ImportSnapshot
from common.money import exponent_of
from common.problems import FieldError, InvalidInput, Unavailable
from common.telemetry import logger

LOG = logger(__name__)

ROWS_KEPT_FOR = timedelta(days=30)
ABANDONED_AFTER = timedelta(hours=6)  # longer than any upload of 2 GiB that still makes progress


@dataclass(frozen=True, slots=True)
class Wishes:
    """The checked fields of an upload's form."""

    source: str
    currency: str
    location_id: UUID | None
    dry_run: bool = False
    delimiter: DelimiterName | None = None
    encoding: EncodingName | None = None


async def begin_upload(uow: UnitOfWork, *, by: str) -> UUID:
    """Make room for an upload; nobody sees it until it is queued."""
    import_id = uuid7()
    await uow.single(BEGIN, import_id, by, uow.now)
    return import_id


async def forget_upload(database: Database, import_id: UUID) -> None:
    """Drop an upload that came to nothing. If this fails, the sweep does it later."""
    try:
        await database.uow().single(FORGET, import_id)
    except Unavailable:
        LOG.warning("upload.not_forgotten", import_id=str(import_id))


def check_form(form: Form, *, shop_currency: str) -> Wishes:
    """Check an upload's fields. Raises InvalidInput with a pointer for each that is wrong."""
    errors = []
    if form.file_name is None:
        errors.append(FieldError("/file", "is missing; send the CSV file as the part named file"))
    elif form.size == 0:
        errors.append(FieldError("/file", "is empty"))
    source = form.fields.get("source", "")
    if source != "shopify":
        errors.append(FieldError("/source", f"{source[:40]!r} is no source that can be read; there is shopify"))
    currency = form.fields.get("currency") or shop_currency
    try:
        exponent_of(currency)
    except ValueError as error:
        errors.append(FieldError("/currency", str(error)))
    location: UUID | None = None
    if text := form.fields.get("location"):
        try:
            location = UUID(text)
        except ValueError:
            errors.append(FieldError("/location", f"{text[:60]!r} is no id of a location"))
    dry_run = form.fields.get("dry_run", "false")
    delimiter, encoding = form.fields.get("delimiter") or None, form.fields.get("encoding") or None
    errors += [
        FieldError(f"/{name}", f"{value[:40]!r} is none of {', '.join(known)}")
        for name, value, known in (
            ("dry_run", dry_run, ("true", "false")),
            ("delimiter", delimiter, DELIMITERS),
            ("encoding", encoding, ENCODINGS),
        )
        if value is not None and value not in known
    ]
    if errors:
        raise InvalidInput(f"{errors[0].pointer}: {errors[0].detail}", errors=errors)
    return Wishes(
        source,
        currency,
        location,
        dry_run == "true",
        cast("DelimiterName | None", delimiter),
        cast("EncodingName | None", encoding),
    )


async def check_location(inventory: Inventory, location_id: UUID) -> None:
    """Refuse a location that inventory does not know. If inventory is away, the job finds out."""
    try:
        known = await inventory.has_location(location_id)
    except (Unavailable, StockRefusedError) as error:
        LOG.warning("location.not_checked", location_id=str(location_id), error=str(error))
        return
    if not known:
        detail = f"inventory has no location {location_id}"
        raise InvalidInput(f"/location: {detail}", errors=[FieldError("/location", detail)])


def received(import_id: UUID, form: Form, wishes: Wishes, uow: UnitOfWork) -> Import:
    """Return the import that an upload becomes."""
    return Import(
        id=import_id,
        source=wishes.source,
        file_name=form.file_name or "",
        currency=wishes.currency,
        location_id=wishes.location_id,
        status="queued",
        bytes_total=form.size,
        next_byte=0,
        next_row=1,
        rows=0,
        products=0,
        variants=0,
        created=0,
        updated=0,
        unchanged=0,
        failed=0,
        stock_set=0,
        errors=0,
        warnings={},
        failure=None,
        created_at=uow.now,
        started_at=None,
        completed_at=None,
        dry_run=wishes.dry_run,
        delimiter=wishes.delimiter,
        encoding=wishes.encoding,
    )


async def end_import(uow: UnitOfWork, found: Import, *, failure: str | None = None) -> None:
    """End an import, announce it, and drop its chunks; one that ended before stays as it is.

    A dry run is not announced: nothing has happened.
    """
    found.status = "failed" if failure else "completed"
    found.failure = failure
    found.completed_at = uow.now
    if not await ImportRepository(uow).end(found) or found.dry_run:
        return
    uow.publish(
        ImportCompleted(
            object=ImportSnapshot(
                id=found.id,
                source=found.source,
                file_name=found.file_name,
                status=found.status,
                counts=ImportCounts(
                    rows=found.rows,
                    created=found.created,
                    updated=found.updated,
                    unchanged=found.unchanged,
                    failed=found.failed,
                ),
                started_at=found.started_at or found.completed_at,
                completed_at=found.completed_at,
            ),
            changed=["/status", "/counts", "/completed_at"],
        )
    )


async def forget_old_rows(database: Database) -> int:
    """Drop what was kept of imports that ended long ago: rows to be mended, and what dry runs would have changed."""
    async with database.uow() as uow:
        before = uow.now - ROWS_KEPT_FOR
        return sum([int((await uow.execute(statement, before)).split()[-1]) for statement in FORGET_ROWS])


async def forget_abandoned_uploads(database: Database) -> int:
    """Drop uploads whose process died before they were whole; return how many."""
    async with database.uow() as uow:
        tag = await uow.execute(FORGET_ABANDONED, uow.now - ABANDONED_AFTER)
    return int(tag.split()[-1])
