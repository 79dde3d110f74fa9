"""Shopify's product CSV: what its columns mean.

A product is a run of rows with one handle; its first row carries the product's own cells. Pure functions: rows in,
``ProductRows`` with precise complaints out.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from hashlib import blake2b
from typing import Any

from catalog.categories.models import path_key
from catalog.fields import MAX_INT, MAX_SKU, reserved_error, sku_error, url_error
from catalog.imports.detecting import UnreadableFileError
from catalog.imports.models import ProductRows, RowError, VariantRow, Warnings
from catalog.imports.reader import MAX_COLUMNS, Record
from catalog.text import is_handle, slug, storable
from common.money import parse_minor_units

DEFAULT_OPTION = ("Title", "Default Title")  # how Shopify writes that there is nothing to choose
MAX_STOCK = 10**12

COLUMNS = {
    "handle": "handle", "url handle": "handle",
    "title": "title",
    "body (html)": "description", "body html": "description", "body": "description", "description": "description",
    "vendor": "vendor",
    "product category": "category",
    "type": "product_type", "custom product type": "product_type",
    "tags": "tags",
    "published": "published", "published on online store": "published",
    "status": "status",
    "seo title": "seo_title", "seo description": "seo_description",
    "option1 name": "name1", "option2 name": "name2", "option3 name": "name3",
    "option1 value": "value1", "option2 value": "value2", "option3 value": "value3",
    "variant sku": "sku", "sku": "sku",
    "variant grams": "grams", "weight value (grams)": "grams",
    "variant inventory qty": "quantity", "inventory quantity": "quantity",
    "variant price": "price", "price": "price",
    "variant compare at price": "compare_at", "compare-at price": "compare_at",
    "variant requires shipping": "requires_shipping", "requires shipping": "requires_shipping",
    "variant taxable": "taxable", "charge tax": "taxable",
    "variant barcode": "barcode", "barcode": "barcode",
    "image src": "image", "product image url": "image",
    "image position": "image_position", "image alt text": "image_alt",
    "variant image": "variant_image", "variant image url": "variant_image",
    "variant weight unit": "weight_unit", "weight unit for display": "weight_unit",
}  # fmt: skip
OURS = ("import_row", "import_error")  # what the list of rejected rows adds; read over when it comes back

_TRUE = frozenset({"true", "yes", "1", "y", "t"})
_FALSE = frozenset({"false", "no", "0", "n", "f"})
_TRAILING_ZEROS = re.compile(r"(\.\d*?)0+$")
_NOT_IN_SKU = re.compile(r"[^\w.+-]+")

MAX_PATH_BYTES = 2_600  # what the tree's unique index holds
LIMITS = {"title": 255, "vendor": 255, "product_type": 255, "seo_title": 255, "seo_description": 255,
          "description": 100_000}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Layout:
    """Which column stands where, and what the file calls it."""

    places: Mapping[str, int]
    names: Mapping[str, str]
    width: int
    ignored: tuple[str, ...]
    header: tuple[str, ...]

    def has(self, key: str) -> bool:
        """Tell whether the file has the column."""
        return key in self.places

    def name(self, key: str) -> str:
        """Return the column's name as the file writes it."""
        return self.names[key]


def layout_of(header: Sequence[str]) -> Layout:
    """Read the header row.

    Raises UnreadableFileError without a handle column, with one column twice, or with more than anyone has.
    """
    if len(header) > MAX_COLUMNS:
        raise UnreadableFileError(
            f"The header has {len(header):,} columns; {MAX_COLUMNS:,} can be read. Is the delimiter right?"
        )
    places: dict[str, int] = {}
    names: dict[str, str] = {}
    ignored = []
    for place, cell in enumerate(header):
        title = " ".join(cell.split())
        key = COLUMNS.get(title.casefold())
        if key is None:
            ignored += [title] if title and title.casefold() not in OURS else []
        elif key in places:
            raise UnreadableFileError(f"The header names {names[key]!r} and {title!r}, which mean the same column.")
        else:
            places[key], names[key] = place, title
    if "handle" not in places:
        seen = ", ".join(" ".join(cell.split()) for cell in header[:6])[:200]
        raise UnreadableFileError(f"The first row has no column Handle. It begins: {seen}.")
    titles = tuple(" ".join(cell.split()) for cell in header)
    return Layout(places, names, len(header), tuple(ignored), titles)


def known_columns(header: Sequence[str]) -> int:
    """Count the cells of a header that name a column we read."""
    return sum(" ".join(cell.split()).casefold() in COLUMNS for cell in header)


class CellError(ValueError):
    """A cell cannot be read; the message says why."""

    def __init__(self, key: str, reason: str) -> None:
        super().__init__(reason)
        self.key = key
        self.reason = reason


class Row:
    """A record's cells by meaning."""

    def __init__(self, record: Record, layout: Layout) -> None:
        self.number = record.row
        self._cells = record.cells
        self._places = layout.places

    def get(self, key: str) -> str:
        """Return the cell without outer blanks; empty also where there is no such column."""
        place = self._places.get(key)
        return self._cells[place].strip() if place is not None else ""


def same_handle(cell: str) -> str:
    """Return what two cells share that name one product; empty if it is no handle."""
    return cell if is_handle(cell) else slug(cell)


def handle_of(record: Record, layout: Layout) -> str:
    """Return the handle cell, by which rows are grouped; empty for a row too short to have one."""
    place = layout.places["handle"]
    return record.cells[place].strip() if place < len(record.cells) else ""


@dataclass(frozen=True, slots=True)
class Parsing:
    """What reading a group needs beside its rows."""

    layout: Layout
    currency: str
    warnings: Warnings


def read_group(records: Sequence[Record], parsing: Parsing, *, orphaned: bool = False) -> ProductRows:
    """Read the rows of one handle. Complaints are in ``errors``; what they concern is left out of the rest.

    ``orphaned``: an unreadable row stands before them, which may have been their first.
    """
    layout = parsing.layout
    found = ProductRows(handle="", numbers=[record.row for record in records])
    rows = []
    for record in records:
        if error := _row_error(record, layout):
            found.errors.append(error)
        else:
            rows.append(Row(record, layout))
    if not rows:
        found.refused = True
        return found
    found.headless = rows[0].number != records[0].row or (orphaned and not rows[0].get("title"))
    try:
        found.handle = _handle(rows[0].get("handle"))
        if found.headless:
            found.option_names = _option_names(rows)
        else:
            _read_product(rows, found, parsing)
            _read_images(rows, found, parsing)
    except CellError as error:
        found.refuse(rows[0].number, _column(layout, error.key), error.reason)
        return found
    return _read_variants(rows, found, parsing)


def _row_error(record: Record, layout: Layout) -> RowError | None:
    if record.broken:
        place = record.place
        column = layout.header[place] if place is not None and place < layout.width else None
        return RowError(record.row, column or None, record.broken)
    if len(record.cells) != layout.width:
        return RowError(record.row, None, f"has {len(record.cells)} cells, the header has {layout.width}")
    return None


def _read_variants(rows: Sequence[Row], found: ProductRows, parsing: Parsing) -> ProductRows:
    layout = parsing.layout
    for row in rows:
        if _has_variant(row):
            try:
                found.variants.append(_read_variant(row, found, parsing))
            except CellError as error:
                found.errors.append(RowError(row.number, _column(layout, error.key), error.reason))
    return found


def _column(layout: Layout, key: str) -> str | None:
    return layout.names.get(key)


def _handle(cell: str) -> str:
    if not cell:
        raise CellError("handle", "is empty; each row needs the handle of its product")
    handle = same_handle(cell)
    if not is_handle(handle):
        raise CellError("handle", f"{cell[:60]!r} has no letter or digit that a URL can hold")
    if reason := reserved_error(handle):
        raise CellError("handle", reason)
    return handle


def _first(rows: Sequence[Row], key: str) -> str:
    return next((cell for row in rows if (cell := row.get(key))), "")


def _read_product(rows: Sequence[Row], found: ProductRows, parsing: Parsing) -> None:
    layout = parsing.layout
    for key, limit in LIMITS.items():
        if layout.has(key):
            found.fields[key] = _text(key, _first(rows, key), limit)
    if layout.has("tags"):
        found.fields["tags"] = _tags(_first(rows, "tags"))
    if layout.has("status") or layout.has("published"):
        found.fields["status"] = _status(_first(rows, "status"), _first(rows, "published"), parsing.warnings, rows[0])
    if layout.has("category"):
        found.category = _category(_first(rows, "category"))
    found.option_names = _option_names(rows)


def _option_names(rows: Sequence[Row]) -> list[str]:
    names = [_text(f"name{place}", _first(rows, f"name{place}"), 255) for place in (1, 2, 3)]
    while names and not names[-1]:
        names.pop()
    if "" in names:
        raise CellError(f"name{names.index('') + 1}", "is empty, but a later option has a name")
    if len(set(names)) != len(names):
        raise CellError("name2", f"an option name stands twice: {', '.join(names)}")
    return names


def _text(key: str, cell: str, limit: int) -> str:
    if len(cell) > limit:
        raise CellError(key, f"has {len(cell)} characters; at most {limit} are kept")
    try:
        return storable(cell)
    except ValueError as error:
        raise CellError(key, str(error)) from error


def tags_of(cell: str) -> list[str]:
    """Take a cell's tags apart."""
    return list(dict.fromkeys(tag for part in cell.split(",") if (tag := part.strip())))


def _tags(cell: str) -> list[str]:
    tags = tags_of(cell)
    if len(tags) > 250 or any(len(tag) > 255 for tag in tags):  # noqa: PLR2004 - the API's own limits
        raise CellError("tags", "has more than 250 tags, or one of more than 255 characters")
    return [_text("tags", tag, 255) for tag in tags]


def _status(status: str, published: str, warnings: Warnings, row: Row) -> str | None:
    """Return what the two columns say together; None if both are empty."""
    shown = _flag("published", published) if published else None
    match status.lower():
        case "":
            return None if shown is None else "published" if shown else "draft"
        case "active":
            return "draft" if shown is False else "published"
        case "draft":
            return "draft"
        case "archived" | "unlisted":
            warnings.note(
                "status", f"Products with the status {status} became drafts.", row=row.number, column="Status"
            )
            return "draft"
        case _:
            raise CellError("status", f"{status[:40]!r} is none of active, draft, archived")


def _flag(key: str, cell: str) -> bool:
    word = cell.lower()
    if word in _TRUE:
        return True
    if word in _FALSE:
        return False
    raise CellError(key, f"{cell[:40]!r} is neither true nor false")


def path_of(cell: str) -> tuple[str, ...]:
    """Take a category's path apart."""
    return tuple(title for part in cell.split(">") if (title := part.strip()))


def _category(cell: str) -> tuple[str, ...]:
    path = tuple(_text("category", title, 255) for title in path_of(cell))
    if len(path) > 10:  # noqa: PLR2004 - the tree's own limit
        raise CellError("category", f"has {len(path)} levels; at most 10 are kept")
    if (size := len(path_key(path).encode())) > MAX_PATH_BYTES:
        raise CellError("category", f"has {size:,} bytes; at most {MAX_PATH_BYTES:,} are kept")
    return path


def position_of(cell: str, *, otherwise: int) -> int:
    """Read a picture's place."""
    return int(cell) if cell.isascii() and cell.isdigit() and len(cell) < 6 else otherwise  # noqa: PLR2004 - 99,999 pictures


def _read_images(rows: Sequence[Row], found: ProductRows, parsing: Parsing) -> None:
    """Collect pictures; an address that no browser could load is left out with a remark, its row goes on."""
    if not parsing.layout.has("image"):
        return
    images: dict[str, tuple[int, str]] = {}
    for row in rows:
        url = row.get("image")
        if not url or url in images:
            continue
        if reason := _picture_error(url):
            column = parsing.layout.name("image")
            parsing.warnings.note(
                "image", f"Pictures were left out: {url[:80]!r} {reason}.", row=row.number, column=column
            )
            continue
        place = position_of(row.get("image_position"), otherwise=len(images) + 1)
        images[url] = (place, row.get("image_alt")[:255].replace("\x00", ""))
    found.images = images


def _picture_error(url: str) -> str | None:
    return url_error(url) if "\x00" not in url and len(url) <= 4096 else "is no address"  # noqa: PLR2004 - fields.Url


def _has_variant(row: Row) -> bool:
    """Tell a variant's row from one that only adds a picture or changes the product's own cells."""
    return any(row.get(key) for key in ("sku", "price", "value1", "value2", "value3"))


def _read_variant(row: Row, found: ProductRows, parsing: Parsing) -> VariantRow:
    values = _values(row, found)
    sku = row.get("sku") or None
    if sku is not None and (reason := sku_error(_text("sku", sku, 10_000))):
        raise CellError("sku", reason)
    variant = VariantRow(row.number, sku, made_sku(found.handle, values), values, {})
    readers: dict[str, tuple[str, Callable[[str, str], Any]]] = {
        "price": ("price", lambda key, cell: _price(key, cell, parsing.currency)),
        "compare_at": ("compare_at", lambda key, cell: _price(key, cell, parsing.currency)),
        "barcode": ("barcode", lambda key, cell: _text(key, cell, 255)),
        "grams": ("weight_grams", _grams),
        "requires_shipping": ("requires_shipping", _flag),
        "taxable": ("taxable", _flag),
    }
    for key, (name, read) in readers.items():
        if parsing.layout.has(key):
            cell = row.get(key)
            variant.fields[name] = read(key, cell) if cell else None
    if parsing.layout.has("variant_image"):
        url = row.get("variant_image")
        variant.fields["image"] = url if url and _picture_error(url) is None else None
        if url and variant.fields["image"] is None:
            column = parsing.layout.name("variant_image")
            reason = f"Variants' pictures were left out: {url[:80]!r} {_picture_error(url)}."
            parsing.warnings.note("variant_image", reason, row=row.number, column=column)
    variant.quantity = _quantity(row, parsing)
    return variant


def _values(row: Row, found: ProductRows) -> tuple[str, ...]:
    values = [_text(f"value{place}", row.get(f"value{place}"), 255) for place in (1, 2, 3)]
    while values and not values[-1]:
        values.pop()
    if "" in values:
        raise CellError(f"value{values.index('') + 1}", "is empty, but a later option has a value")
    if tuple(values) == DEFAULT_OPTION[1:] and found.option_names in ([], [DEFAULT_OPTION[0]]):
        return ()
    if found.option_names == [DEFAULT_OPTION[0]] and not values:
        return ()
    if found.option_names and len(values) != len(found.option_names):
        place = min(len(values), len(found.option_names)) + 1
        reason = "is empty; each variant chooses a value" if place > len(values) else "has no option name"
        raise CellError(f"value{place}", reason)
    return tuple(values)


def made_sku(handle: str, values: Sequence[str]) -> str:
    """Make the SKU of a variant that came without one: ``<handle>-<options>``, the same each time."""
    parts = [handle, *(_NOT_IN_SKU.sub("-", value).strip("-") for value in values)]
    sku = "-".join(part for part in parts if part)
    return sku if len(sku) <= MAX_SKU else distinct_sku(sku, handle, values)


def distinct_sku(sku: str, handle: str, values: Sequence[str]) -> str:
    """Shorten ``sku`` and add what tells it from others that begin alike."""
    digest = blake2b("\x1f".join((handle, *values)).encode(), digest_size=4).hexdigest()
    return f"{sku[: MAX_SKU - 9].strip()}-{digest}"


def _price(key: str, cell: str, currency: str) -> int:
    """Read a price exactly; zeros behind the currency's decimals say nothing and are let pass."""
    plain = _TRAILING_ZEROS.sub(r"\1", cell).rstrip(".") if "." in cell else cell
    try:
        amount = parse_minor_units(plain, currency)
    except ValueError as error:
        raise CellError(key, str(error)) from error
    if amount < 0:
        raise CellError(key, f"{cell[:40]} is below zero")
    return amount


def _grams(key: str, cell: str) -> int:
    try:
        grams = Decimal(cell)
        whole = int(grams.to_integral_value()) if grams.is_finite() else -1
    except InvalidOperation:
        raise CellError(key, f"{cell[:40]!r} is no number of grams") from None
    if not 0 <= whole <= MAX_INT:
        raise CellError(key, f"{cell[:40]!r} is no weight in grams between 0 and {MAX_INT}")
    return whole


def _quantity(row: Row, parsing: Parsing) -> int | None:
    cell = row.get("quantity")
    if not cell:
        return None
    digits = cell.removeprefix("-")
    if not (digits.isascii() and digits.isdigit()) or int(digits[:20]) > MAX_STOCK:
        raise CellError("quantity", f"{cell[:40]!r} is no whole number of units")
    if cell.startswith("-") and int(digits):
        column = parsing.layout.name("quantity")
        parsing.warnings.note("negative", "Quantities below zero were taken as zero.", row=row.number, column=column)
        return 0
    return int(digits)
