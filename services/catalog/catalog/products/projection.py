"""What readers get, made of the aggregate once per change: page, card, list rows, search text, event.

Pure functions. The public page holds no stock figure, so that it changes only when the product does.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson

from catalog.products.facets import Facets, facets_of
from catalog.products.models import CategoryRef, Product, Variant
from catalog.text import fold, plain, searchable
from common.events.contracts.catalog import ProductSnapshot

EVERYTHING = UUID(int=0)  # stands for "no category" in list rows
ANY_CURRENCY = ""
NO_PRICE_RANK = "~"  # after every currency code

SEARCHED_DESCRIPTION = 5_000  # characters; beyond, words say little about the product
SEARCHED_CHOICES = 1_000  # characters; they stand in the narrow row that a search goes over
TITLE_KEY = 120

Document = dict[str, Any]
Categories = Mapping[UUID, CategoryRef]


@dataclass(frozen=True, slots=True)
class SearchText:
    """What is indexed of a product: exact codes, and words by how much they say."""

    codes: list[str]
    title: str
    labels: str
    choices: str
    description: str


def document_of(product: Product, categories: Categories) -> Document:
    """Build the body of the product's page."""
    return {
        "id": product.id,
        "handle": product.handle,
        "title": product.title,
        "description": product.description,
        "status": product.status,
        "vendor": product.vendor,
        "product_type": product.product_type,
        "seo_title": product.seo_title,
        "seo_description": product.seo_description,
        "tags": product.tags,
        "channels": product.channels,
        "categories": [_category(categories[each]) for each in product.category_ids],
        "options": [{"name": option.name, "values": option.values} for option in product.options],
        "attributes": [{"name": each.name, "type": each.type, "value": each.value} for each in product.attributes],
        "media": [{"url": each.url, "alt": each.alt, "position": each.position} for each in product.media],
        "variants": [_variant(product, variant) for variant in product.variants],
        "version": product.version,
        "created_at": product.created_at,
        "updated_at": product.updated_at,
        "published_at": product.published_at,
    }


def _category(category: CategoryRef) -> Document:
    return {"id": category.id, "handle": category.handle, "title": category.title, "path": category.path}


def _variant(product: Product, variant: Variant) -> Document:
    return {
        "id": variant.id,
        "sku": variant.sku,
        "title": product.title_of(variant),
        "options": product.options_of(variant),
        "prices": _money(variant.prices),
        "compare_at_prices": _money(variant.compare_at),
        "barcode": variant.barcode,
        "weight_grams": variant.weight_grams,
        "tax_class": variant.tax_class,
        "requires_shipping": variant.requires_shipping,
        "image": variant.image,
        "position": variant.position,
    }


def _money(amounts: Mapping[str, int]) -> list[Document]:
    return [{"amount": amounts[currency], "currency": currency} for currency in sorted(amounts)]


def to_json(document: Document) -> str:
    """Write a document as answers are written: times in UTC with a Z."""
    return orjson.dumps(document, default=str, option=orjson.OPT_UTC_Z).decode()  # default: the driver's own UUIDs


def in_currency(body: str, currency: str) -> bytes:
    """Return a page with the prices of ``currency`` alone."""
    document = orjson.loads(body)
    for variant in document["variants"]:
        for name in ("prices", "compare_at_prices"):
            variant[name] = [price for price in variant[name] if price["currency"] == currency]
    return orjson.dumps(document)


def snapshot_of(document: Document, product: Product) -> ProductSnapshot:
    """Turn a page's document into the snapshot that events carry."""
    paths = ["/".join(category["path"]) for category in document["categories"]]
    return ProductSnapshot.model_validate({**document, "category_ids": product.category_ids, "categories": paths})


def lowest_prices(product: Product) -> dict[str, int]:
    """Currency -> the least that any variant costs in it."""
    lowest: dict[str, int] = {}
    for variant in product.variants:
        for currency, amount in variant.prices.items():
            lowest[currency] = min(amount, lowest.get(currency, amount))
    return lowest


def card_of(product: Product) -> Document:
    """Build what lists and search show; ``with_price`` adds the price in the reader's currency."""
    image = product.media[0] if product.media else None
    return {
        "id": product.id,
        "handle": product.handle,
        "title": product.title,
        "status": product.status,
        "image": {"url": image.url, "alt": image.alt} if image else None,
        "vendor": product.vendor,
        "product_type": product.product_type,
        "variant_count": len(product.variants),
        "updated_at": product.updated_at,
        "published_at": product.published_at,
    }


def with_price(card: str, *, rank: str, amount: int, currency: str) -> bytes:
    """Add ``price_from`` to a stored card. ``currency`` is what an empty ``rank`` stands for."""
    price = "null" if rank == NO_PRICE_RANK else f'{{"amount":{amount},"currency":"{rank or currency}"}}'
    return f'{card[:-1]},"price_from":{price}}}'.encode()


def ancestors_of(product: Product, categories: Categories) -> list[UUID]:
    """Every category whose list shows the product."""
    return list(dict.fromkeys(above for each in product.category_ids for above in categories[each].ancestors))


def listing_rows(
    product: Product, scopes: Sequence[UUID], lowest: Mapping[str, int], *, shop_currency: str
) -> Iterator[Document]:
    """Build the narrow rows: one for each category (and none) and currency (and any)."""
    row = {
        "product_id": product.id,
        "published": product.status == "published",
        "channels": product.channels,
        "sort_time": sort_time(product),
        "title_key": fold(product.title)[:TITLE_KEY],
        "vendor": product.vendor,
        "product_type": product.product_type,
        "tags": product.tags,
        "updated_at": product.updated_at,
    }
    rank, own = own_price(lowest, shop_currency=shop_currency)
    for category in (EVERYTHING, *scopes):
        yield row | {"category_id": category, "currency": ANY_CURRENCY, "price_rank": rank, "price_amount": own}
        for currency, amount in lowest.items():
            yield row | {"category_id": category, "currency": currency, "price_rank": "", "price_amount": amount}


def own_price(lowest: Mapping[str, int], *, shop_currency: str) -> tuple[str, int]:
    """Return rank and amount of the price shown where no currency is asked for: the shop's own before others."""
    own = shop_currency if shop_currency in lowest else min(lowest, default=None)
    if own is None:
        return NO_PRICE_RANK, 0
    return "" if own == shop_currency else own, lowest[own]


def sort_time(product: Product) -> datetime:
    """When it became new to its readers: to the public with its publication, to staff when it was made."""
    return product.published_at or product.created_at


def search_text(product: Product, categories: Categories) -> SearchText:
    """Collect the words of a product."""
    labels = [product.vendor, product.product_type, *product.tags]
    labels += [title for each in product.category_ids for title in categories[each].path]
    choices = [value for option in product.options for value in option.values]
    choices += [str(each.value) for each in product.attributes if isinstance(each.value, str)]
    codes = [code for variant in product.variants for code in (variant.sku, variant.barcode) if code]
    return SearchText(
        codes=sorted({fold(code) for code in codes}),
        title=searchable(product.title),
        labels=searchable(" ".join(label for label in labels if label)),
        choices=searchable(" ".join(choices)[:SEARCHED_CHOICES]),
        description=searchable(plain(product.description, most=SEARCHED_DESCRIPTION)),
    )


def facets_of_product(product: Product) -> Facets:
    """Collect what the product can be narrowed by."""
    return facets_of(
        vendor=product.vendor,
        product_type=product.product_type,
        options=[(option.name, option.values) for option in product.options],
        attributes=[(each.name, each.type, each.value) for each in product.attributes],
    )
