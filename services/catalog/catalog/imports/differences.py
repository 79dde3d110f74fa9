"""What differs between two states of a product, field by field, as people read it. Pure."""

from collections.abc import Iterator, Mapping
from uuid import UUID

from catalog.imports.models import FieldChange, FieldValue
from catalog.products.models import CategoryRef, Product, Variant

MAX_FIELDS = 100  # of one product; beyond, the rest is counted
MAX_VALUE = 200  # characters of one value; beyond, it ends in an ellipsis


def differences(
    before: Product | None, after: Product, categories: Mapping[UUID, CategoryRef]
) -> tuple[list[FieldChange], int]:
    """Return the fields that differ, at most MAX_FIELDS, and how many more there are.

    Args:
        before: What is there; None: nothing.
        after: What would be there.
        categories: Those of both.
    """
    old = dict(_fields(before, before, categories)) if before else {}
    new = dict(_fields(after, before, categories))
    changed = [
        FieldChange(f"/{name}", _cut(old.get(name)), _cut(new.get(name)))
        for name in dict.fromkeys((*new, *old))
        if old.get(name) != new.get(name)
    ]
    return changed[:MAX_FIELDS], max(len(changed) - MAX_FIELDS, 0)


def _cut(value: FieldValue) -> FieldValue:
    return f"{value[:MAX_VALUE]}…" if isinstance(value, str) and len(value) > MAX_VALUE else value


def _fields(
    product: Product, names: Product | None, categories: Mapping[UUID, CategoryRef]
) -> Iterator[tuple[str, FieldValue]]:
    """Yield name and value of all that an import can set; empty is None. ``names`` is what variants are known by."""
    for name in ("handle", "title", "description", "status", "vendor", "product_type", "seo_title", "seo_description"):
        yield name, getattr(product, name) or None
    yield "tags", ", ".join(product.tags) or None
    yield "categories", ", ".join(" > ".join(categories[each].path) for each in product.category_ids) or None
    yield "options", ", ".join(option.name for option in product.options) or None
    for media in product.media:
        yield f"media/{media.position - 1}", " ".join(filter(None, (media.url, media.alt)))
    known = {variant.id: variant.sku for variant in names.variants} if names else {}
    for variant in product.variants:
        for name, value in _variant_fields(variant):
            yield f"variants/{_escaped(known.get(variant.id, variant.sku))}/{name}", value


def _variant_fields(variant: Variant) -> Iterator[tuple[str, FieldValue]]:
    yield "sku", variant.sku
    yield "options", " / ".join(variant.values) or None
    for currency in sorted(variant.prices):
        yield f"prices/{currency}", variant.prices[currency]
    for currency in sorted(variant.compare_at):
        yield f"compare_at_prices/{currency}", variant.compare_at[currency]
    for name in ("barcode", "weight_grams", "tax_class", "requires_shipping", "image", "position"):
        yield name, getattr(variant, name)


def _escaped(name: str) -> str:
    """A name as a part of a JSON Pointer; a SKU has no slash."""
    return name.replace("~", "~0")
