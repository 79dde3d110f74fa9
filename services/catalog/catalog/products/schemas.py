"""Bodies of product requests and answers."""

import re
from datetime import date, datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError, model_validator

from catalog.fields import (
    Body,
    Channel,
    Description,
    Flag,
    Grams,
    Position,
    Price,
    ProductHandle,
    Reference,
    ShortText,
    Sku,
    TaxClass,
    Title,
    Url,
)
from catalog.products.models import (
    Attribute,
    AttributeType,
    Media,
    Option,
    Product,
    ProductDraft,
    Variant,
    VariantDraft,
)
from catalog.products.rules import MAX_OPTIONS, MAX_VARIANTS
from catalog.text import storable
from common.http.app import pointer_of
from common.money import Money
from common.problems import FieldError, InvalidInput

Status = Literal["draft", "published"]

_ISO_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")


class OptionBody(Body):
    """A choice that the shopper makes."""

    name: Title = Field(examples=["Colour"])
    values: list[Title] = Field(max_length=MAX_VARIANTS, description="In the order in which they are shown.")

    @model_validator(mode="after")
    def _distinct(self) -> "OptionBody":
        if len(set(self.values)) != len(self.values):
            raise ValueError("lists a value twice")
        return self


class AttributeBody(Body):
    """A typed property that all variants share."""

    name: Title
    type: AttributeType
    value: JsonValue = Field(
        description="A string (`text`, `choice`), a number, true or false, or a date as `YYYY-MM-DD`."
    )

    @model_validator(mode="after")
    def _fits(self) -> "AttributeBody":
        if error := attribute_error(self.type, self.value):
            raise ValueError(error)
        return self


def attribute_error(kind: AttributeType, value: object) -> str | None:
    """Say why ``value`` is not of ``kind``; None if it is."""
    match kind, value:
        case "boolean", bool():
            return None
        case "number", int() | float() if not isinstance(value, bool):
            return None if abs(value) < 2**53 else "the number is too large to keep exactly"
        case "text" | "choice", str():
            storable(value)
            return None if len(value) <= (5000 if kind == "text" else 255) else "the text is too long"
        case "date", str():
            return None if _is_date(value) else "a date is written YYYY-MM-DD"
        case _:
            return f"the value of a {kind} attribute cannot be {type(value).__name__}"


def _is_date(value: str) -> bool:
    try:
        return _ISO_DATE.fullmatch(value) is not None and bool(date.fromisoformat(value))
    except ValueError:
        return False


class MediaBody(Body):
    """A picture by its address."""

    url: Url = Field(description="http, https, or a data:image/ URI of at most 4 kB.")
    alt: ShortText = Field("", description="The text for those who do not see the picture.")
    position: Position | None = Field(None, description="Default: its place in the list.")


class VariantBody(Body):
    """What is sold: one combination of option values."""

    id: UUID | None = Field(None, description="Of an existing variant, to keep it while its SKU changes.")
    sku: Sku = Field(description="Unique among live products, compared exactly.", examples=["MUG-BLUE"])
    options: dict[Title, Title] = Field(
        default_factory=dict, max_length=MAX_OPTIONS, description="Option name to value.", examples=[{"Colour": "Blue"}]
    )
    prices: list[Price] = Field(default_factory=list, max_length=100, description="One for each currency.")
    compare_at_prices: list[Price] = Field(
        default_factory=list, max_length=100, description="What it cost before, to be shown struck through."
    )
    barcode: ShortText | None = None
    weight_grams: Grams | None = None
    tax_class: TaxClass = "standard"
    requires_shipping: Flag = True
    image: Url | None = None
    position: Position | None = Field(None, description="Default: its place in the list.")

    @model_validator(mode="after")
    def _one_price_a_currency(self) -> "VariantBody":
        for name in ("prices", "compare_at_prices"):
            currencies = [price.currency for price in getattr(self, name)]
            if len(set(currencies)) != len(currencies):
                raise ValueError(f"{name} has two amounts in one currency")
        return self

    def to_draft(self) -> VariantDraft:
        """Return the variant as the use case takes it."""
        return VariantDraft(
            id=self.id,
            sku=self.sku,
            options=dict(self.options),
            prices={price.currency: price.amount for price in self.prices},
            compare_at={price.currency: price.amount for price in self.compare_at_prices},
            barcode=self.barcode or None,
            weight_grams=self.weight_grams,
            tax_class=self.tax_class,
            requires_shipping=self.requires_shipping,
            image=self.image,
            position=self.position,
        )


class NewProduct(Body):
    """A whole product."""

    title: Title
    handle: ProductHandle | None = Field(None, description="Its name in URLs; made of the title where it is left out.")
    description: Description = Field("", description="HTML, kept as it is given. Shops clean it when they show it.")
    status: Status = "draft"
    vendor: ShortText | None = None
    product_type: ShortText | None = None
    seo_title: ShortText | None = None
    seo_description: Annotated[ShortText, Field(max_length=255)] | None = None
    tags: list[Title] = Field(default_factory=list, max_length=250)
    channels: list[Channel] = Field(default_factory=lambda: ["web"], max_length=50)
    categories: list[Reference] = Field(
        default_factory=list, max_length=50, description="Ids or handles; the first is the main one."
    )
    options: list[OptionBody] | None = Field(
        None, max_length=MAX_OPTIONS, description="Left out: what the variants choose, in the order in which they do."
    )
    attributes: list[AttributeBody] = Field(default_factory=list, max_length=250)
    media: list[MediaBody] = Field(default_factory=list, max_length=250)
    variants: list[VariantBody] = Field(default_factory=list, max_length=MAX_VARIANTS)

    @model_validator(mode="after")
    def _distinct_names(self) -> "NewProduct":
        for name, items in (("options", self.options or []), ("attributes", self.attributes)):
            names = [each.name for each in items]
            if len(set(names)) != len(names):
                raise ValueError(f"{name} has one name twice")
        return self

    def to_draft(self) -> ProductDraft:
        """Return the product as the use case takes it."""
        media = [Media(each.url, each.alt, each.position or place) for place, each in enumerate(self.media, start=1)]
        return ProductDraft(
            handle=self.handle,
            title=self.title,
            description=self.description,
            status=self.status,
            vendor=self.vendor or None,
            product_type=self.product_type or None,
            seo_title=self.seo_title or None,
            seo_description=self.seo_description or None,
            tags=self.tags,
            channels=self.channels,
            categories=self.categories,
            options=None if self.options is None else [Option(each.name, each.values) for each in self.options],
            attributes=[Attribute(each.name, each.type, each.value) for each in self.attributes],
            media=media,
            variants=[variant.to_draft() for variant in self.variants],
        )


class ProductPatch(NewProduct):
    """A JSON Merge Patch (RFC 7396) of a product.

    What is left out stays, null takes away, lists are replaced whole. A variant keeps its id when it comes with it, or
    with its SKU.
    """

    title: Title | None = None  # type: ignore[assignment] # null is refused later, with its pointer
    description: Description | None = None  # type: ignore[assignment] # the same for the following
    status: Status | None = None  # type: ignore[assignment]
    tags: list[Title] | None = Field(None, max_length=250)  # type: ignore[assignment]
    channels: list[Channel] | None = Field(None, max_length=50)  # type: ignore[assignment]
    categories: list[Reference] | None = Field(None, max_length=50)  # type: ignore[assignment]
    attributes: list[AttributeBody] | None = Field(None, max_length=250)  # type: ignore[assignment]
    media: list[MediaBody] | None = Field(None, max_length=250)  # type: ignore[assignment]
    variants: list[VariantBody] | None = Field(None, max_length=MAX_VARIANTS)  # type: ignore[assignment]

    @model_validator(mode="after")
    def _distinct_names(self) -> "ProductPatch":
        return self  # judged once merged

    def onto(self, product: Product) -> ProductDraft:
        """Merge into ``product``. Raises InvalidInput for what the product may not be."""
        merged = _writable(product)
        if "variants" in self.model_fields_set and "options" not in self.model_fields_set:
            merged.pop("options")
        for name in self.model_fields_set:
            value = getattr(self, name)
            if value is None:
                merged.pop(name, None)
            else:
                merged[name] = value
        try:
            return NewProduct.model_validate(merged).to_draft()
        except ValidationError as error:
            errors = [FieldError(pointer_of(each["loc"]), each["msg"]) for each in error.errors()]
            raise InvalidInput(f"{errors[0].pointer}: {errors[0].detail}", errors=errors) from error


def _writable(product: Product) -> dict[str, Any]:
    """Return the product as an editor would have written it."""
    return {
        "title": product.title,
        "handle": product.handle,
        "description": product.description,
        "status": product.status,
        "vendor": product.vendor,
        "product_type": product.product_type,
        "seo_title": product.seo_title,
        "seo_description": product.seo_description,
        "tags": product.tags,
        "channels": product.channels,
        "categories": [str(each) for each in product.category_ids],
        "options": [{"name": option.name, "values": option.values} for option in product.options],
        "attributes": [{"name": each.name, "type": each.type, "value": each.value} for each in product.attributes],
        "media": [{"url": each.url, "alt": each.alt, "position": each.position} for each in product.media],
        "variants": [_writable_variant(product, variant) for variant in product.variants],
    }


def _writable_variant(product: Product, variant: Variant) -> dict[str, Any]:
    return {
        "id": variant.id,
        "sku": variant.sku,
        "options": product.options_of(variant),
        "prices": [{"amount": amount, "currency": currency} for currency, amount in variant.prices.items()],
        "compare_at_prices": [
            {"amount": amount, "currency": currency} for currency, amount in variant.compare_at.items()
        ],
        "barcode": variant.barcode,
        "weight_grams": variant.weight_grams,
        "tax_class": variant.tax_class,
        "requires_shipping": variant.requires_shipping,
        "image": variant.image,
        "position": variant.position,
    }


# -- answers -------------------------------------------------------------------------------------------------------


class View(BaseModel):
    """An answer's part; its bytes are written by the projection, a test holds the two together."""

    model_config = ConfigDict(extra="forbid")


class CategoryOfProduct(View):
    """A category that the product is in."""

    id: UUID
    handle: str
    title: str
    path: list[str] = Field(description="Titles from the root to this category.")


class OptionView(View):
    """A choice that the shopper makes."""

    name: str
    values: list[str]


class AttributeView(View):
    """A typed property."""

    name: str
    type: str
    value: JsonValue


class MediaView(View):
    """A picture."""

    url: str
    alt: str
    position: int


class VariantView(View):
    """What is sold."""

    id: UUID
    sku: str
    title: str
    options: dict[str, str]
    prices: list[Money] = Field(description="One for each currency, or that of `?currency=` alone.")
    compare_at_prices: list[Money]
    barcode: str | None
    weight_grams: int | None
    tax_class: str
    requires_shipping: bool
    image: str | None
    position: int


class ProductView(View):
    """A product with its variants; no stock figures, ask `/v1/stock` for those."""

    id: UUID
    handle: str
    title: str
    description: str
    status: Status
    vendor: str | None
    product_type: str | None
    seo_title: str | None
    seo_description: str | None
    tags: list[str]
    channels: list[str]
    categories: list[CategoryOfProduct]
    options: list[OptionView]
    attributes: list[AttributeView]
    media: list[MediaView]
    variants: list[VariantView]
    version: int
    created_at: datetime
    updated_at: datetime
    published_at: datetime | None


class CardImage(View):
    """A product's first picture."""

    url: str
    alt: str


class ProductCard(View):
    """What lists and search show of a product."""

    id: UUID
    handle: str
    title: str
    status: Status
    image: CardImage | None
    vendor: str | None
    product_type: str | None
    variant_count: int
    updated_at: datetime
    published_at: datetime | None
    price_from: Money | None = Field(
        description="The least that a variant costs: in `?currency=`, else in the shop's currency, else in its own."
    )


class ProductList(View):
    """A page of products."""

    items: list[ProductCard]
    next: str | None = Field(description="Cursor of the next page; null on the last.")
    total: int | None = Field(None, description="How many there are in all; only with `count=true`.")
