"""An import and what it reads: values without I/O."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from catalog.imports.detecting import DelimiterName, EncodingName

FieldValue = str | int | bool | None

ABSENT: Any = object()  # the file has no such column: what the product has stays


@dataclass(slots=True)
class Import:
    """An upload and how far its job is. ``next_byte`` and ``next_row`` are where the next batch begins.

    ``delimiter`` and ``encoding`` are None until the job has looked, unless the sender named them. ``errors`` and
    ``changes`` count the entries of the two lists.
    """

    id: UUID
    source: str
    file_name: str
    currency: str
    location_id: UUID | None
    status: str
    bytes_total: int
    next_byte: int
    next_row: int
    rows: int
    products: int
    variants: int
    created: int
    updated: int
    unchanged: int
    failed: int
    stock_set: int
    errors: int
    warnings: dict[str, dict[str, Any]]
    failure: str | None
    created_at: datetime
    started_at: datetime | None
    completed_at: datetime | None
    dry_run: bool = False
    delimiter: DelimiterName | None = None
    encoding: EncodingName | None = None
    changes: int = 0


@dataclass(frozen=True, slots=True)
class FieldChange:
    """What a dry run would change: a JSON Pointer to it, before and after; long values are cut."""

    field: str
    before: FieldValue
    after: FieldValue


@dataclass(frozen=True, slots=True)
class ProductChange:
    """A product that a dry run would make or change."""

    product_id: UUID
    handle: str
    outcome: str
    fields: list[FieldChange]
    fields_left_out: int = 0


@dataclass(frozen=True, slots=True)
class RowError:
    """Why a row was refused. ``column`` is named as the file names it; None: the row as a whole."""

    row: int
    column: str | None
    reason: str


@dataclass(slots=True)
class VariantRow:
    """What a row says about a variant. ``fields`` holds the columns that the file has, None for an empty cell."""

    row: int
    sku: str | None
    made_sku: str
    values: tuple[str, ...]
    fields: dict[str, Any]
    quantity: int | None = None


@dataclass(slots=True)
class ProductRows:
    """What a run of rows with one handle says about a product.

    ``option_names`` is empty where no row names any; ``images`` is ABSENT without such a column; ``category`` is a
    path of titles, () for an empty cell. ``headless``: the first row was refused, so nothing is known of the product's
    own cells, and none is taken for cleared.
    """

    handle: str
    numbers: list[int]
    fields: dict[str, Any] = field(default_factory=dict)
    option_names: list[str] = field(default_factory=list)
    category: Any = ABSENT
    images: Any = ABSENT
    variants: list[VariantRow] = field(default_factory=list)
    errors: list[RowError] = field(default_factory=list)
    refused: bool = False
    headless: bool = False

    def refuse(self, row: int, column: str | None, reason: str) -> None:
        """Refuse the whole product, each of its rows with a reason."""
        self.refused = True
        self.variants.clear()
        told = {error.row for error in self.errors} | {row}
        self.errors.append(RowError(row, column, reason))
        self.errors += [
            RowError(other, None, f"its product was refused, see row {row}")
            for other in self.numbers
            if other not in told
        ]


class Warnings:
    """Remarks that would be tiresome for each row: each kind once, with how often and where first."""

    def __init__(self, stored: dict[str, dict[str, Any]] | None = None) -> None:
        self.by_kind = {kind: dict(remark) for kind, remark in (stored or {}).items()}

    def note(
        self, kind: str, reason: str, *, row: int | None = None, column: str | None = None, count: int = 1
    ) -> None:
        """Count one more of ``kind``; the first one's row, column and reason are what is shown."""
        remark = self.by_kind.setdefault(kind, {"row": row, "column": column, "reason": reason, "count": 0})
        remark["count"] += count
