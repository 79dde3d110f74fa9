"""A product as rows of Shopify's product CSV: every cell that an import reads, so that one changes nothing.

The first row carries the product's own cells and its first variant and picture; each further row a variant, a picture
or both. Pure; the product is given as the document of its page.
"""

from collections.abc import Iterator, Mapping, Sequence
from itertools import zip_longest
from typing import Any

from common.money import Money

Document = Mapping[str, Any]

COLUMNS = (
    "Handle", "Title", "Body (HTML)", "Vendor", "Product Category", "Type", "Tags", "Published",
    "Option1 Name", "Option1 Value", "Option2 Name", "Option2 Value", "Option3 Name", "Option3 Value",
    "Variant SKU", "Variant Grams", "Variant Price", "Variant Compare At Price", "Variant Requires Shipping",
    "Variant Taxable", "Variant Barcode", "Image Src", "Image Position", "Image Alt Text",
    "SEO Title", "SEO Description", "Variant Image", "Variant Weight Unit", "Status",
)  # fmt: skip
OPTIONS = 3


def rows_of(product: Document, *, currency: str) -> Iterator[list[object]]:
    """Yield a product's rows; prices are those of ``currency``, empty where it is not sold in it."""
    first = _own_cells(product)
    for variant, media in zip_longest(product["variants"] or [None], product["media"]):
        cells = {"Handle": product["handle"]} | first
        if variant is not None:
            cells |= _variant_cells(variant, product["options"], currency)
        if media is not None:
            cells |= {"Image Src": media["url"], "Image Position": media["position"], "Image Alt Text": media["alt"]}
        first = {}
        yield [cells.get(column, "") for column in COLUMNS]


def _own_cells(product: Document) -> dict[str, object]:
    published = product["status"] == "published"
    main = product["categories"][0]["path"] if product["categories"] else []
    return {
        "Title": product["title"],
        "Body (HTML)": product["description"],
        "Vendor": product["vendor"] or "",
        "Product Category": " > ".join(main),
        "Type": product["product_type"] or "",
        "Tags": ", ".join(product["tags"]),
        "Published": _flag(published),
        "SEO Title": product["seo_title"] or "",
        "SEO Description": product["seo_description"] or "",
        "Status": "active" if published else "draft",
        **_option_names(product["options"]),
    }


def _option_names(options: Sequence[Document]) -> dict[str, object]:
    names = [option["name"] for option in options] or ["Title"]
    return {f"Option{place} Name": name for place, name in enumerate(names[:OPTIONS], start=1)}


def _variant_cells(variant: Document, options: Sequence[Document], currency: str) -> dict[str, object]:
    values = [variant["options"][option["name"]] for option in options] or ["Default Title"]
    weight = variant["weight_grams"]
    return {f"Option{place} Value": value for place, value in enumerate(values[:OPTIONS], start=1)} | {
        "Variant SKU": variant["sku"],
        "Variant Grams": "" if weight is None else weight,
        "Variant Price": _amount(variant["prices"], currency),
        "Variant Compare At Price": _amount(variant["compare_at_prices"], currency),
        "Variant Requires Shipping": _flag(variant["requires_shipping"]),
        "Variant Taxable": _flag(variant["tax_class"] != "exempt"),
        "Variant Barcode": variant["barcode"] or "",
        "Variant Image": variant["image"] or "",
        "Variant Weight Unit": "g",
    }


def _amount(prices: Sequence[Document], currency: str) -> str:
    found = next((price["amount"] for price in prices if price["currency"] == currency), None)
    return "" if found is None else str(Money(amount=found, currency=currency).to_decimal())


def _flag(value: bool) -> str:  # noqa: FBT001 - a value, no switch
    return "TRUE" if value else "FALSE"
