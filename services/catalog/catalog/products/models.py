"""A product with its variants, as plain values.

The aggregate is loaded whole, changed in memory and saved whole: editor, merge patch and import all go that one way,
and what differs between before and after is what is written and announced.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

Status = Literal["draft", "published"]
AttributeType = Literal["text", "number", "boolean", "choice", "date"]


@dataclass(slots=True)
class Option:
    """A choice that the shopper makes, and its values in the order in which they are shown."""

    name: str
    values: list[str]


@dataclass(slots=True)
class Attribute:
    """A typed property that all variants share."""

    name: str
    type: AttributeType
    value: Any


@dataclass(slots=True)
class Media:
    """A picture."""

    url: str
    alt: str
    position: int


@dataclass(slots=True)
class Variant:
    """What is sold. ``values`` has one value for each option of the product, in their order.

    ``prices`` and ``compare_at`` are minor units by currency; no entry: not sold in it, nothing to compare with.
    """

    id: UUID
    sku: str
    values: tuple[str, ...] = ()
    prices: dict[str, int] = field(default_factory=dict)
    compare_at: dict[str, int] = field(default_factory=dict)
    barcode: str | None = None
    weight_grams: int | None = None
    tax_class: str = "standard"
    requires_shipping: bool = True
    image: str | None = None
    position: int = 1

    def copy(self) -> "Variant":
        """Return a variant that may be changed without changing this one."""
        return replace(self, prices=dict(self.prices), compare_at=dict(self.compare_at))


@dataclass(slots=True)
class Product:
    """The aggregate. ``version`` counts committed changes; ``published_at`` is the first time it was published."""

    id: UUID
    handle: str
    title: str
    created_at: datetime
    updated_at: datetime
    description: str = ""
    status: Status = "draft"
    vendor: str | None = None
    product_type: str | None = None
    seo_title: str | None = None
    seo_description: str | None = None
    tags: list[str] = field(default_factory=list)
    channels: list[str] = field(default_factory=lambda: ["web"])
    category_ids: list[UUID] = field(default_factory=list)
    options: list[Option] = field(default_factory=list)
    attributes: list[Attribute] = field(default_factory=list)
    media: list[Media] = field(default_factory=list)
    variants: list[Variant] = field(default_factory=list)
    version: int = 1
    published_at: datetime | None = None

    def copy(self) -> "Product":
        """Return a product that may be changed without changing this one."""
        return replace(
            self,
            tags=list(self.tags),
            channels=list(self.channels),
            category_ids=list(self.category_ids),
            options=[Option(option.name, list(option.values)) for option in self.options],
            attributes=list(self.attributes),
            media=list(self.media),
            variants=[variant.copy() for variant in self.variants],
        )

    def put_in_order(self, *, at: datetime) -> None:
        """Give variants and media the positions of their places, and note the first publication."""
        for place, variant in enumerate(self.variants, start=1):
            variant.position = place
        self.media = [
            Media(one.url, one.alt, place)
            for place, one in enumerate(sorted(self.media, key=lambda media: media.position), start=1)
        ]
        if self.status == "published" and self.published_at is None:
            self.published_at = at

    def collect_option_values(self) -> None:
        """Let each option list the values that occur: those that it had in their order, then new ones."""
        for place, option in enumerate(self.options):
            used = dict.fromkeys(variant.values[place] for variant in self.variants)
            kept = [value for value in option.values if value in used]
            option.values = kept + [value for value in used if value not in set(kept)]

    def title_of(self, variant: Variant) -> str:
        """Name a variant: its values, or the product's title where there is nothing to choose."""
        return " / ".join(variant.values) or self.title

    def options_of(self, variant: Variant) -> dict[str, str]:
        """Return option name -> the variant's value."""
        return {option.name: value for option, value in zip(self.options, variant.values, strict=True)}

    def says_the_same_as(self, other: "Product") -> bool:
        """Tell whether nothing would change between the two, versions and times apart."""
        return replace(self, version=0, updated_at=other.updated_at) == replace(other, version=0)


@dataclass(frozen=True, slots=True)
class Change:
    """One aggregate's way through a transaction; ``before`` is None for a new one.

    ``also`` points at what changed around it and shows in its snapshot.
    """

    before: Product | None
    after: Product
    also: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class CategoryRef:
    """What a product shows of a category. ``ancestors`` and ``path`` go from the root to the category itself."""

    id: UUID
    handle: str
    title: str
    path: tuple[str, ...]
    ancestors: tuple[UUID, ...]


@dataclass(frozen=True, slots=True)
class VariantDraft:
    """A variant as an editor wrote it; ``id`` or, without one, the SKU says which existing variant it is."""

    id: UUID | None
    sku: str
    options: dict[str, str]
    prices: dict[str, int]
    compare_at: dict[str, int]
    barcode: str | None
    weight_grams: int | None
    tax_class: str
    requires_shipping: bool
    image: str | None
    position: int | None


@dataclass(frozen=True, slots=True)
class ProductDraft:
    """A whole product as an editor wrote it. ``options`` None: whatever the variants say."""

    handle: str | None
    title: str
    description: str
    status: Status
    vendor: str | None
    product_type: str | None
    seo_title: str | None
    seo_description: str | None
    tags: Sequence[str]
    channels: Sequence[str]
    categories: Sequence[str]
    options: Sequence[Option] | None
    attributes: Sequence[Attribute]
    media: Sequence[Media]
    variants: Sequence[VariantDraft]


def unique(items: Iterable[str]) -> list[str]:
    """Drop repetitions, keep the order."""
    return list(dict.fromkeys(items))
