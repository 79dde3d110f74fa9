"""Decisions about products without I/O: what a draft becomes, and what changed between two states."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from catalog.products.models import Option, Product, ProductDraft, Variant, VariantDraft, unique
from catalog.text import is_handle, slug
from common.database import uuid7
from common.problems import FieldError, InvalidInput

MAX_VARIANTS = 2048
MAX_OPTIONS = 3
MAX_POINTERS = 100  # beyond, an event says "/variants" instead of naming each

PRODUCT_FIELDS = (
    "handle", "title", "description", "status", "vendor", "product_type", "tags", "channels", "options", "attributes",
    "media", "published_at",
)  # fmt: skip
VARIANT_FIELDS = ("sku", "barcode", "prices", "weight_grams", "tax_class", "position", "requires_shipping")


def build(
    draft: ProductDraft, *, onto: Product | None, categories: Mapping[str, UUID], channels: Sequence[str], at: datetime
) -> Product:
    """Make the product that ``draft`` describes, keeping the ids and history of ``onto``.

    ``categories`` maps the draft's references to ids, ``channels`` are those that exist. Raises InvalidInput with a
    pointer for each thing that is wrong.
    """
    errors = [*_wrong_references(draft, categories, channels), *_wrong_variants(draft)]
    options = _options(draft, onto)
    if not errors:
        errors = list(_wrong_options(draft, options))
    if errors:
        raise InvalidInput(f"{errors[0].pointer}: {errors[0].detail}", errors=errors)
    product_id = onto.id if onto else uuid7()
    product = Product(
        id=product_id,
        handle=draft.handle or (onto.handle if onto else handle_from(draft.title, product_id)),
        title=draft.title,
        description=draft.description,
        status=draft.status,
        vendor=draft.vendor,
        product_type=draft.product_type,
        seo_title=draft.seo_title,
        seo_description=draft.seo_description,
        tags=unique(draft.tags),
        channels=unique(draft.channels),
        category_ids=list(dict.fromkeys(categories[reference] for reference in draft.categories)),
        options=options,
        attributes=list(draft.attributes),
        media=list(draft.media),
        variants=_variants(draft, options, onto),
        version=onto.version if onto else 1,
        created_at=onto.created_at if onto else at,
        updated_at=onto.updated_at if onto else at,
        published_at=onto.published_at if onto else None,
    )
    if draft.options is None:
        product.collect_option_values()
    product.put_in_order(at=at)
    return product


def handle_from(title: str, product_id: UUID) -> str:
    """Make a handle of a title; one in a script without Latin letters gets the id's last digits."""
    handle = slug(title)
    return handle if is_handle(handle) else f"product-{product_id.hex[-12:]}"


def _options(draft: ProductDraft, onto: Product | None) -> list[Option]:
    if draft.options is not None:
        return [Option(option.name, list(option.values)) for option in draft.options]
    named = unique(name for variant in draft.variants for name in variant.options)
    before = {option.name: option for option in (onto.options if onto else [])}
    if set(named) == set(before):
        return [Option(option.name, list(option.values)) for option in before.values()]
    return [Option(name, list(before[name].values) if name in before else []) for name in named]


def _variants(draft: ProductDraft, options: Sequence[Option], onto: Product | None) -> list[Variant]:
    by_id = {variant.id: variant for variant in (onto.variants if onto else [])}
    by_sku = {variant.sku: variant for variant in by_id.values()}
    claimed = {variant.id for variant in draft.variants if variant.id in by_id}
    made = []
    for one in draft.variants:
        known = by_id.get(one.id) if one.id else by_sku.get(one.sku)
        if known is not None and one.id is None and known.id in claimed:
            known = None
        made.append(_variant(one, options, known.id if known else uuid7()))
    order = {variant.id: one.position for variant, one in zip(made, draft.variants, strict=True)}
    if all(position is not None for position in order.values()):
        made.sort(key=lambda variant: order[variant.id] or 0)
    return made


def _variant(draft: VariantDraft, options: Sequence[Option], variant_id: UUID) -> Variant:
    return Variant(
        id=variant_id,
        sku=draft.sku,
        values=tuple(draft.options[option.name] for option in options),
        prices=dict(draft.prices),
        compare_at=dict(draft.compare_at),
        barcode=draft.barcode,
        weight_grams=draft.weight_grams,
        tax_class=draft.tax_class,
        requires_shipping=draft.requires_shipping,
        image=draft.image,
    )


def _wrong_references(
    draft: ProductDraft, categories: Mapping[str, UUID], channels: Sequence[str]
) -> Iterator[FieldError]:
    for place, reference in enumerate(draft.categories):
        if reference not in categories:
            yield FieldError(f"/categories/{place}", f"there is no category {reference!r}; make it first")
    for place, channel in enumerate(draft.channels):
        if channel not in channels:
            yield FieldError(f"/channels/{place}", f"there is no channel {channel!r}; there is {', '.join(channels)}")


def _wrong_variants(draft: ProductDraft) -> Iterator[FieldError]:
    if draft.status == "published" and not draft.variants:
        yield FieldError("/variants", "a published product needs a variant; there would be nothing to buy")
    seen: dict[str, int] = {}
    for place, variant in enumerate(draft.variants):
        if variant.sku in seen:
            yield FieldError(f"/variants/{place}/sku", f"the SKU {variant.sku} stands at /variants/{seen[variant.sku]}")
        seen.setdefault(variant.sku, place)


def _wrong_options(draft: ProductDraft, options: Sequence[Option]) -> Iterator[FieldError]:
    """Find variants that do not choose one value of each option, or choose what another one chose."""
    if len(options) > MAX_OPTIONS:
        yield FieldError("/variants", f"a product has at most {MAX_OPTIONS} options, here are {len(options)}")
        return
    names = {option.name for option in options}
    listed = {option.name: set(option.values) for option in options} if draft.options is not None else {}
    chosen: dict[tuple[str, ...], int] = {}
    for place, variant in enumerate(draft.variants):
        pointer = f"/variants/{place}/options"
        if variant.options.keys() != names:
            yield FieldError(pointer, f"must choose each of {sorted(names)}, nothing else")
            continue
        for name, value in variant.options.items():
            if listed and value not in listed[name]:
                yield FieldError(pointer, f"{value!r} is no value of the option {name}; add it to /options")
        combination = tuple(variant.options[option.name] for option in options)
        if combination in chosen:
            yield FieldError(pointer, f"the same choice as /variants/{chosen[combination]}")
        chosen.setdefault(combination, place)


def changed_pointers(before: Product, after: Product, also: Sequence[str] = ()) -> list[str]:
    """Point at what differs, as places in the event's snapshot; ``/version`` alone if nothing in there does."""
    pointers = [f"/{name}" for name in PRODUCT_FIELDS if getattr(before, name) != getattr(after, name)]
    if before.category_ids != after.category_ids:
        pointers += ["/category_ids", "/categories"]
    pointers += _variant_pointers(before, after)
    pointers += [pointer for pointer in also if pointer not in pointers]
    return pointers or ["/version"]


def _variant_pointers(before: Product, after: Product) -> list[str]:
    if [variant.id for variant in before.variants] != [variant.id for variant in after.variants]:
        return ["/variants"]
    renamed = [option.name for option in before.options] != [option.name for option in after.options]
    pointers = []
    for place, (old, new) in enumerate(zip(before.variants, after.variants, strict=True)):
        if old == new and not renamed and before.title_of(old) == after.title_of(new):
            continue
        fields: list[Any] = [name for name in VARIANT_FIELDS if getattr(old, name) != getattr(new, name)]
        if renamed or old.values != new.values:
            fields.append("options")
        if before.title_of(old) != after.title_of(new):
            fields.append("title")
        pointers += [f"/variants/{place}/{name}" for name in fields]
    return pointers if len(pointers) <= MAX_POINTERS else ["/variants"]
