"""The product sheet, in the columns and the row layout of a Shopify product export.

The first row of a handle carries the product; each further row a variant, an image, or both. A product with more images
than variants ends in rows that hold an image only.
"""

import csv
import html
import io
import itertools
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from quartermaster_demo.making.drawings import data_uri, draw
from quartermaster_demo.making.model import Product, Variant, plain

COLUMNS = (
    "Handle",
    "Title",
    "Body (HTML)",
    "Vendor",
    "Product Category",
    "Type",
    "Tags",
    "Published",
    "Option1 Name",
    "Option1 Value",
    "Option2 Name",
    "Option2 Value",
    "Option3 Name",
    "Option3 Value",
    "Variant SKU",
    "Variant Grams",
    "Variant Inventory Tracker",
    "Variant Inventory Qty",
    "Variant Inventory Policy",
    "Variant Fulfillment Service",
    "Variant Price",
    "Variant Compare At Price",
    "Variant Requires Shipping",
    "Variant Taxable",
    "Variant Barcode",
    "Image Src",
    "Image Position",
    "Image Alt Text",
    "Gift Card",
    "SEO Title",
    "SEO Description",
    "Google Shopping / Google Product Category",
    "Google Shopping / Gender",
    "Google Shopping / Age Group",
    "Google Shopping / MPN",
    "Google Shopping / Condition",
    "Google Shopping / Custom Product",
    "Google Shopping / Custom Label 0",
    "Google Shopping / Custom Label 1",
    "Google Shopping / Custom Label 2",
    "Google Shopping / Custom Label 3",
    "Google Shopping / Custom Label 4",
    "Variant Image",
    "Variant Weight Unit",
    "Variant Tax Code",
    "Cost per item",
    "Status",
)

GRAMS_PER_KILOGRAM = 1000

Row = dict[str, str]


@dataclass(frozen=True, kw_only=True)
class Picture:
    """One picture of a product, and the name of its file."""

    file_name: str
    svg: str
    alt: str
    colour: str | None  # the option value that it shows


def pictures_of(product: Product) -> list[Picture]:
    """Draw a product in each of its colours, the close-up last."""
    department = product.category.split(" > ")[0]
    pictures = []
    for position, colour in enumerate(product.colours):
        named = f", {colour.lower()}" if "Color" in product.options else ""
        pictures.append(
            Picture(
                file_name=product.slug + (f"-{plain(colour).lower()}" if position else "") + ".svg",
                svg=draw(product.picture, department=department, paint=colour),
                alt=f"Drawing: {product.title}{named}",
                colour=colour if named else None,
            )
        )
    if product.close_up:
        svg = draw(product.picture, department=department, paint=product.colours[0], close_up=True)
        alt = f"Drawing: {product.title}, close up"
        pictures.append(Picture(file_name=f"{product.slug}-close-up.svg", svg=svg, alt=alt, colour=None))
    return pictures


def sheet(products: Iterable[Product]) -> str:
    """Write the whole file, header first."""
    out = io.StringIO(newline="")
    writer = csv.DictWriter(out, COLUMNS, restval="", lineterminator="\n")
    writer.writeheader()
    for product in products:
        writer.writerows(rows_of(product))
    return out.getvalue()


def rows_of(product: Product) -> Iterator[Row]:
    """Lay out the rows of one product."""
    pictures = pictures_of(product)
    pairs = itertools.zip_longest(product.variants(), pictures)
    for position, (variant, picture) in enumerate(pairs, start=1):
        row: Row = {"Handle": product.slug}
        if position == 1:
            row |= product_cells(product)
        if variant is not None:
            row |= variant_cells(product, variant, pictures)
        if picture is not None:
            row |= {
                "Image Src": data_uri(picture.svg),
                "Image Position": str(position),
                "Image Alt Text": picture.alt,
            }
        yield row


def product_cells(product: Product) -> Row:
    """Fill in what stands on a product's first row only."""
    summary = html.unescape(re.sub(r"<[^>]+>", "", product.body.split("\n", 1)[0]))
    names = tuple(product.options) or ("Title",)
    worn = product.category.startswith("Apparel > ")
    return {
        "Title": product.title,
        "Body (HTML)": product.body,
        "Vendor": product.vendor,
        "Product Category": product.category,
        "Type": product.type,
        "Tags": ", ".join(product.tags),
        "Published": "false" if product.draft else "true",
        **{f"Option{place} Name": name for place, name in enumerate(names, start=1)},
        "Gift Card": "false",
        "SEO Title": product.title,
        "SEO Description": summary,
        "Google Shopping / Gender": "unisex" if worn else "",
        "Google Shopping / Age Group": "adult" if worn else "",
        "Google Shopping / Condition": "new",
        "Google Shopping / Custom Product": "FALSE" if product.barcodes else "TRUE",
        "Status": "draft" if product.draft else "active",
    }


def variant_cells(product: Product, variant: Variant, pictures: list[Picture]) -> Row:
    """Fill in what stands on each row that is a variant."""
    values = variant.options or ("Default Title",)
    shown = next((picture for picture in pictures if picture.colour in variant.options), None)
    return {
        **{f"Option{place} Value": value for place, value in enumerate(values, start=1)},
        "Variant SKU": variant.sku,
        "Variant Grams": str(variant.grams),
        "Variant Inventory Tracker": "shopify",
        "Variant Inventory Qty": str(variant.units),
        "Variant Inventory Policy": "deny",
        "Variant Fulfillment Service": "manual",
        "Variant Price": decimal(variant.price),
        "Variant Compare At Price": decimal(variant.compare_at) if variant.compare_at else "",
        "Variant Requires Shipping": "true",
        "Variant Taxable": "true",
        "Variant Barcode": variant.barcode,
        "Variant Image": data_uri(shown.svg) if shown else "",
        "Variant Weight Unit": "kg" if product.grams >= GRAMS_PER_KILOGRAM else "g",
        "Cost per item": decimal(variant.price * 45 // 100),
    }


def decimal(cents: int) -> str:
    """Write an amount as the sheet does: 1290 is 12.90."""
    return f"{cents // 100}.{cents % 100:02d}"
