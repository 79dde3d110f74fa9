"""What catalog publishes: products as they stand, and imports that ended."""

from typing import Annotated, ClassVar
from uuid import UUID

from pydantic import AfterValidator, Field, JsonValue

from common.events import _topics
from common.events._contract import ContractModel, EventContract, Snapshot, UtcTime, example, known_values
from common.events._topics import Topic
from common.events.contracts import _examples
from common.money import Money

DESCRIPTION_BYTES = 10_000


def _cut(text: str) -> str:
    """The longest beginning of whole characters that fits."""
    encoded = text.encode()
    return text if len(encoded) <= DESCRIPTION_BYTES else encoded[:DESCRIPTION_BYTES].decode(errors="ignore")


class ProductOption(ContractModel):
    """A choice that the shopper makes, such as size."""

    name: str
    values: list[str] = Field(description="In the order in which they are shown.")


class ProductAttribute(ContractModel):
    """A typed property that all variants share."""

    name: str
    type: Annotated[str, known_values("text", "number", "boolean", "choice")]
    value: JsonValue = Field(description="In the JSON form of its type; a date is `YYYY-MM-DD`.")


class ProductMedia(ContractModel):
    """A picture of the product."""

    url: str
    alt: str = Field(description="The text for those who do not see the picture; may be empty.")
    position: int


class VariantSnapshot(ContractModel):
    """What is sold: one combination of option values, with a SKU of its own."""

    id: UUID
    sku: str = Field(description="1-64 printable characters, compared exactly.")
    barcode: str | None
    title: str
    options: dict[str, str] = Field(description="Option name to the variant's value.")
    prices: list[Money] = Field(description="One for each currency; no entry: not sold in that currency.")
    weight_grams: int | None = Field(description="None: unknown.")
    tax_class: str
    position: int
    requires_shipping: bool


class ProductSnapshot(Snapshot):
    """A product with its variants."""

    handle: str = Field(description="Its name in URLs; unique, may change.")
    title: str
    description: Annotated[str, AfterValidator(_cut)] = Field(description="Cut at 10 kB in events.")
    status: Annotated[str, known_values("draft", "published")]
    vendor: str | None
    product_type: str | None
    tags: list[str]
    channels: list[str] = Field(description="The channels on which it is offered once published.")
    category_ids: list[UUID]
    categories: list[str] = Field(description="The paths of these categories, such as `Kitchen/Mugs`.")
    options: list[ProductOption]
    attributes: list[ProductAttribute]
    media: list[ProductMedia]
    variants: list[VariantSnapshot]
    version: int = Field(description="One more with each committed change; the ETag.")
    created_at: UtcTime
    updated_at: UtcTime
    published_at: UtcTime | None = Field(description="None: never published.")


class ImportCounts(ContractModel):
    """What became of an import's rows and products."""

    rows: int = Field(description="Rows read, without the header.")
    created: int = Field(description="Products made.")
    updated: int = Field(description="Products changed.")
    unchanged: int = Field(description="Products that stood already as the file says.")
    failed: int = Field(description="Rows refused, each with an entry in the import's error list.")


class ImportSnapshot(Snapshot):
    """An import of products from a file."""

    source: Annotated[str, known_values("shopify")]
    file_name: str
    status: Annotated[str, known_values("completed", "failed")]
    counts: ImportCounts
    started_at: UtcTime
    completed_at: UtcTime


class ProductEvent(EventContract):
    """A change of a product."""

    topic: ClassVar[Topic] = _topics.CATALOG_PRODUCT

    object: ProductSnapshot


class ProductCreated(ProductEvent):
    """A product was added to the catalogue, by a person or by an import.

    It may still be a draft, which the public does not see: look at `status` before showing it.
    """

    type: ClassVar[str] = "product.created"

    model_config = example(object=_examples.PRODUCT, changed=[])


class ProductUpdated(ProductEvent):
    """Something about a product or one of its variants changed.

    At most one for a product and transaction, whatever the number of variants touched. The event carries the whole
    product: a reader that missed an earlier one needs nothing else.
    """

    type: ClassVar[str] = "product.updated"

    model_config = example(
        object={**_examples.PRODUCT, "version": 4, "updated_at": "2026-11-24T10:02:11.250000Z"},
        changed=["/variants/0/prices", "/tags"],
    )


class ProductDeleted(ProductEvent):
    """A product left the catalogue for good.

    Carries the product as it last stood. A tombstone follows on the same key, so that compaction forgets it. Orders
    keep their own copy of what was sold.
    """

    type: ClassVar[str] = "product.deleted"

    model_config = example(object={**_examples.PRODUCT, "version": 5}, changed=[])


class ImportCompleted(EventContract):
    """An import ended: every row was applied or refused, or the file could not be read at all (`failed`).

    The products themselves were announced one by one while it ran; the refused rows are listed with reasons under
    `GET /v1/imports/{id}`.
    """

    type: ClassVar[str] = "import.completed"
    topic: ClassVar[Topic] = _topics.CATALOG_IMPORT

    object: ImportSnapshot

    model_config = example(object=_examples.IMPORT, changed=["/status", "/counts", "/completed_at"])


CONTRACTS: tuple[type[EventContract], ...] = (ProductCreated, ProductUpdated, ProductDeleted, ImportCompleted)
