"""What rows of a file make of a product: identity, absent and empty cells, options, pictures.

A cell that says what an export of the product would say changes nothing, also where a cell can hold less than the
product has: blanks at an end, a comma within a tag, a second category.

Pure: the batch holds what is known of the catalogue, and each group of rows sees what earlier ones of the batch did.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal
from uuid import UUID

from catalog.imports.models import ABSENT, ProductRows, RowError, VariantRow
from catalog.imports.shopify import DEFAULT_OPTION, Layout, distinct_sku, path_of, tags_of
from catalog.products.models import Change, Media, Option, Product, Variant
from catalog.products.rules import MAX_VARIANTS
from common.database import uuid7

Outcome = Literal["created", "updated", "unchanged"]


class RefusedError(ValueError):
    """The rows cannot be merged: the message is the reason for ``row`` and ``key``."""

    def __init__(self, row: int, key: str | None, reason: str) -> None:
        super().__init__(reason)
        self.row = row
        self.key = key
        self.reason = reason


@dataclass(slots=True)
class Merged:
    """A product and the rows that made it."""

    change: Change
    groups: list[ProductRows]
    outcome: Outcome
    applied: list[tuple[VariantRow, Variant]]


@dataclass(slots=True)
class Batch:
    """What the catalogue knows of a batch's handles and SKUs, updated group by group.

    ``seen`` are the products that earlier rows of this import made or touched; ``refused`` the handles of which rows
    were refused, so that the row with the product's own cells may be among them.
    """

    currency: str
    layout: Layout
    now: datetime
    by_handle: dict[str, UUID]
    owners: dict[str, UUID]
    stored: dict[UUID, Product]
    seen: set[UUID]
    refused: set[str]
    category_ids: dict[tuple[str, ...], UUID]
    category_paths: dict[UUID, tuple[str, ...]]
    merged: dict[UUID, Merged] = field(default_factory=dict)

    def merge(self, rows: ProductRows) -> None:
        """Merge one group; what cannot be is told in its ``errors``. One that is refused already is only noted."""
        if not rows.refused:
            try:
                self._merge(rows)
            except RefusedError as refused:
                column = self.layout.names.get(refused.key) if refused.key else None
                rows.refuse(refused.row, column, refused.reason)
        if rows.refused:
            self.refused.add(rows.handle)

    def _merge(self, rows: ProductRows) -> None:
        product_id = self._identify(rows)
        earlier = self.merged.get(product_id) if product_id else None
        before = self.stored.get(product_id) if product_id else None
        again = earlier is not None or product_id in self.seen or rows.handle in self.refused
        base = earlier.change.after if earlier else before
        product = base.copy() if base else self._new(rows)
        self._put_fields(product, rows, again=again)
        applied = self._put_variants(product, rows)
        if not product.variants and product.status == "published":
            if all(any(error.row == number for error in rows.errors) for number in rows.numbers):
                rows.refused = True
                return
            raise RefusedError(
                rows.numbers[0], "sku", "a published product needs a row with a price, a SKU or an option value"
            )
        self._put_images(product, rows, again=again)
        if base is None or _choices(product) != _choices(base):
            product.collect_option_values()
        product.put_in_order(at=self.now)
        self._remember(before, product, rows, applied, earlier)

    def _remember(
        self,
        before: Product | None,
        product: Product,
        rows: ProductRows,
        applied: list[tuple[VariantRow, Variant]],
        earlier: Merged | None,
    ) -> None:
        outcome: Outcome = "created"
        if before is not None:
            outcome = "unchanged" if product.says_the_same_as(before) else "updated"
            product.version = before.version + (outcome == "updated")
            product.updated_at = self.now if outcome == "updated" else before.updated_at
        self.merged[product.id] = Merged(
            Change(before, product),
            [*(earlier.groups if earlier else []), rows],
            outcome,
            [*(earlier.applied if earlier else []), *applied],
        )
        self.by_handle[product.handle] = product.id
        self.owners |= {variant.sku: product.id for variant in product.variants}

    def _identify(self, rows: ProductRows) -> UUID | None:
        """Find the product: by its handle, else by its SKUs, which a renamed product still has."""
        if (product_id := self.by_handle.get(rows.handle)) is not None:
            return product_id
        owners = {self.owners[row.sku]: row for row in rows.variants if row.sku in self.owners}
        touched = self.seen | self.merged.keys()
        if len(owners) == 1 and not owners.keys() & touched:
            return next(iter(owners))
        return None

    def _new(self, rows: ProductRows) -> Product:
        if rows.headless:
            raise RefusedError(rows.numbers[0], None, "a new product needs its first row")
        if not rows.fields.get("title"):
            reason = "is empty; a new product needs a title" if self.layout.has("title") else (
                "the file has no column Title, and there is no product of this handle"
            )  # fmt: skip
            raise RefusedError(rows.numbers[0], "title", reason)
        return Product(
            id=uuid7(), handle=rows.handle, title=rows.fields["title"], created_at=self.now, updated_at=self.now,
            status="published",
        )  # fmt: skip

    def _put_fields(self, product: Product, rows: ProductRows, *, again: bool) -> None:
        """Set the product's own cells. Rows that come back to a product only add: their empty cells say nothing."""
        fields = rows.fields
        product.handle = rows.handle
        if fields.get("title"):
            product.title = _unless_same(product.title, fields["title"])
        if fields.get("status"):
            product.status = fields["status"]
        for name in ("vendor", "product_type", "seo_title", "seo_description"):
            if name in fields and (fields[name] or not again):
                setattr(product, name, _unless_same(getattr(product, name) or "", fields[name]) or None)
        if "description" in fields and (fields["description"] or not again):
            product.description = _unless_same(product.description, fields["description"])
        if "tags" in fields and (fields["tags"] or not again) and tags_of(", ".join(product.tags)) != fields["tags"]:
            product.tags = list(fields["tags"])
        if rows.category is not ABSENT and (rows.category or not again):
            self._put_category(product, rows.category)

    def _put_category(self, product: Product, path: tuple[str, ...]) -> None:
        """Set the one category that a row can name; further ones stay while it names the first."""
        main = product.category_ids[0] if product.category_ids else None
        if main is not None and path and path == path_of(" > ".join(self.category_paths.get(main, ()))):
            return
        wanted = self.category_ids[path] if path else None
        if wanted != main:
            product.category_ids = [wanted] if wanted else []

    # -- variants -----------------------------------------------------------------------------------------------------

    def _put_variants(self, product: Product, rows: ProductRows) -> list[tuple[VariantRow, Variant]]:
        names = self._option_names(product, rows)
        matches = self._match(product, rows)
        self._rename_options(product, rows, names, {variant.id for _, variant in matches})
        applied = []
        chosen = {variant.values: variant.id for variant in product.variants}
        present = {variant.id for variant in product.variants}
        for row, variant in matches:
            values = self._values(row, names, variant)
            if values is None:
                rows.errors.append(RowError(row.row, self.layout.names.get("value1"), _choice_error(names)))
                continue
            if chosen.get(values, variant.id) != variant.id:
                rows.errors.append(RowError(row.row, self.layout.names.get("value1"), _twin_error(values)))
                continue
            if variant.id not in present:
                if len(product.variants) >= MAX_VARIANTS:
                    reason = f"a product has at most {MAX_VARIANTS} variants"
                    rows.errors.append(RowError(row.row, None, reason))
                    continue
                product.variants.append(variant)
                present.add(variant.id)
            if chosen.get(variant.values) == variant.id:
                del chosen[variant.values]
            chosen[values] = variant.id
            if len(variant.values) == len(values):
                values = tuple(map(_unless_same, variant.values, values))
            variant.values = values
            variant.sku = row.sku or variant.sku
            self._put_variant_fields(variant, row)
            applied.append((row, variant))
        return applied

    def _option_names(self, product: Product, rows: ProductRows) -> list[str]:
        named = [] if rows.option_names == [DEFAULT_OPTION[0]] and all(not row.values for row in rows.variants) else (
            rows.option_names
        )  # fmt: skip
        if named or not product.variants:
            most = max((len(row.values) for row in rows.variants), default=0)
            if most > len(named):
                row = next(row for row in rows.variants if len(row.values) > len(named))
                raise RefusedError(row.row, f"value{len(named) + 1}", "has a value, but the option has no name")
            return list(named)
        return [option.name for option in product.options]

    def _rename_options(self, product: Product, rows: ProductRows, names: list[str], matched: set[UUID]) -> None:
        """Give the options the file's names; with another number of options, no variant may be left behind."""
        if len(names) != len(product.options):
            left = [variant.sku for variant in product.variants if variant.id not in matched]
            if left:
                reason = f"the product's variant {left[0]} is not in the file and would have no place in these options"
                raise RefusedError(rows.numbers[0], "name1", reason)
            product.options = [Option(name, []) for name in names]
        for option, name in zip(product.options, names, strict=True):
            option.name = _unless_same(option.name, name)

    def _match(self, product: Product, rows: ProductRows) -> list[tuple[VariantRow, Variant]]:
        """Pair each row with its variant: by SKU, else by option values; a new one otherwise."""
        by_sku = {variant.sku: variant for variant in product.variants}
        by_values = {variant.values: variant for variant in product.variants}
        named = {by_sku[row.sku].id for row in rows.variants if row.sku in by_sku}
        taken: dict[UUID, int] = {}
        pairs = []
        for row in rows.variants:
            variant = by_sku.get(row.sku) if row.sku else None
            if variant is None:
                variant = by_values.get(row.values)
                if row.sku and variant is not None and variant.id in named:
                    variant = None
            if variant is None and row.sku and self.owners.get(row.sku, product.id) != product.id:
                reason = f"the SKU {row.sku} belongs to another product"
                rows.errors.append(RowError(row.row, self.layout.names.get("sku"), reason))
                continue
            if variant is not None and variant.id in taken:
                rows.errors.append(RowError(row.row, None, f"says the same variant as row {taken[variant.id]}"))
                continue
            if variant is None:
                variant = Variant(id=uuid7(), sku=row.sku or self._free_sku(product, row), values=row.values)
                by_values.setdefault(row.values, variant)
                by_sku[variant.sku] = variant
            elif row.sku and row.sku != variant.sku:
                if self.owners.get(row.sku, product.id) != product.id:
                    reason = f"the SKU {row.sku} belongs to another product"
                    rows.errors.append(RowError(row.row, self.layout.names.get("sku"), reason))
                    continue
                by_sku[row.sku] = variant
            taken[variant.id] = row.row
            pairs.append((row, variant))
        return pairs

    def _free_sku(self, product: Product, row: VariantRow) -> str:
        made = row.made_sku
        if self.owners.get(made, product.id) == product.id and all(each.sku != made for each in product.variants):
            return made
        return distinct_sku(made, product.handle, row.values)

    @staticmethod
    def _values(row: VariantRow, names: list[str], variant: Variant) -> tuple[str, ...] | None:
        """Return the row's choice; one that names the SKU alone keeps the variant's. None: it chooses too little."""
        if len(row.values) == len(names):
            return row.values
        return variant.values if not row.values and len(variant.values) == len(names) else None

    def _put_variant_fields(self, variant: Variant, row: VariantRow) -> None:
        fields = row.fields
        if "price" in fields:
            _put_amount(variant.prices, self.currency, fields["price"])
        if "compare_at" in fields and (fields["compare_at"] or 0) != variant.compare_at.get(self.currency, 0):
            _put_amount(variant.compare_at, self.currency, fields["compare_at"] or None)
        if "barcode" in fields:
            variant.barcode = _unless_same(variant.barcode or "", fields["barcode"] or "") or None
        if "weight_grams" in fields:
            variant.weight_grams = fields["weight_grams"]
        if "image" in fields:
            variant.image = _unless_same(variant.image or "", fields["image"] or "") or None
        if "requires_shipping" in fields:
            variant.requires_shipping = fields["requires_shipping"] is not False
        if "taxable" in fields:
            variant.tax_class = _tax_class(variant.tax_class, taxable=fields["taxable"] is not False)

    def _put_images(self, product: Product, rows: ProductRows, *, again: bool) -> None:
        if rows.images is ABSENT:
            return
        images = [Media(url, alt, place) for url, (place, alt) in rows.images.items()]
        if again:
            known = {media.url for media in product.media}
            after = len(product.media)
            new = [each for each in sorted(images, key=lambda media: media.position) if each.url not in known]
            images = product.media + [Media(each.url, each.alt, after + place) for place, each in enumerate(new, 1)]
        if _in_order(images) != _in_order(product.media):
            product.media = images[:250]


def _put_amount(amounts: dict[str, int], currency: str, amount: int | None) -> None:
    if amount is None:
        amounts.pop(currency, None)
    else:
        amounts[currency] = amount


def _unless_same(present: str, said: str) -> str:
    """Keep ``present`` where the cell says it: cells are read without outer blanks."""
    return present if present.strip() == said else said


def _choices(product: Product) -> list[tuple[str, ...]]:
    """What a product's variants choose, in their order; option values that nobody chooses stay while this does."""
    return [variant.values for variant in product.variants]


def _in_order(images: Sequence[Media]) -> list[tuple[str, str]]:
    """What rows can say of pictures: each address once, with its text, in the order of the positions."""
    found: dict[str, str] = {}
    for each in sorted(images, key=lambda media: media.position):
        found.setdefault(each.url.strip(), each.alt[:255].strip())
    return list(found.items())


def _tax_class(present: str, *, taxable: bool) -> str:
    """A class of the shop's own stays where the file only says that there is tax."""
    if not taxable:
        return "exempt"
    return "standard" if present == "exempt" else present


def _choice_error(names: list[str]) -> str:
    return f"must choose a value for each of {', '.join(names)}" if names else "the product has no options"


def _twin_error(values: tuple[str, ...]) -> str:
    return f"another variant of the product is {' / '.join(values) or 'the one without options'} already"
