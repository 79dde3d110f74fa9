"""Any product, written as rows and read again, is the product that it was."""

import csv
import io
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import orjson
from hypothesis import given
from hypothesis import strategies as st

from catalog.csv_lines import CsvLines
from catalog.exports.shopify import COLUMNS, rows_of
from catalog.fields import url_error
from catalog.imports.merging import Batch
from catalog.imports.models import Warnings
from catalog.imports.reader import RecordReader
from catalog.imports.shopify import Parsing, layout_of, read_group
from catalog.products import projection
from catalog.products.models import CategoryRef, Media, Option, Product, Variant
from common.database import uuid7

NOW = datetime(2026, 11, 24, 10, tzinfo=UTC)
MAIN, OTHER = uuid7(), uuid7()
CATEGORIES = {
    MAIN: CategoryRef(MAIN, "main", "Pots > Pans", ("Kitchen ", "Pots > Pans"), (MAIN,)),
    OTHER: CategoryRef(OTHER, "other", "Other", ("Other",), (OTHER,)),
}

text = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=20) | st.sampled_from(
    ["=1+1", " x ", '"', 'a"b', "a\r\nb", "a\rb", ";|\t,", "\ufeff", "Title", "Default Title", "a, b", "\u2028", "'"]
)
titles = text.filter(lambda word: bool(word.strip()))
maybe = st.none() | titles
prices = st.dictionaries(st.sampled_from(["EUR", "USD", "JPY"]), st.integers(0, 2**53 - 1), max_size=2)
urls = (
    (st.just("https://shop.example/") | st.just("data:image/png,"))
    .flatmap(lambda start: text.map(lambda end: start + end))
    .filter(lambda url: url_error(url) is None)
)


@st.composite
def products(draw: st.DrawFn) -> Product:
    names = draw(st.lists(titles.filter(lambda name: name.strip() != "Title"), max_size=3, unique_by=str.strip))
    choices = draw(
        st.lists(st.tuples(*[titles] * len(names)), max_size=4, unique_by=lambda one: tuple(map(str.strip, one)))
    )
    if not names:
        choices = choices[:1]
    variants = [
        Variant(
            id=uuid7(), sku=f"SKU-{place}", values=values, prices=draw(prices), compare_at=draw(prices),
            barcode=draw(maybe), weight_grams=draw(st.none() | st.integers(0, 2**31 - 1)),
            tax_class=draw(st.sampled_from(["standard", "reduced", "exempt"])), requires_shipping=draw(st.booleans()),
            image=draw(st.none() | urls),
        )
        for place, values in enumerate(choices)
    ]  # fmt: skip
    shown: bool = draw(st.booleans())
    product = Product(
        id=uuid7(), handle="mug", title=draw(titles), created_at=NOW, updated_at=NOW, description=draw(text),
        status="published" if variants and shown else "draft", vendor=draw(maybe),
        product_type=draw(maybe), seo_title=draw(maybe), seo_description=draw(maybe),
        tags=draw(st.lists(titles, max_size=3, unique=True)),
        category_ids=draw(st.sampled_from([[], [MAIN], [OTHER, MAIN]])),
        options=[
            Option(name, [*dict.fromkeys(values[place] for values in choices), "unused"])
            for place, name in enumerate(names)
        ],
        media=[Media(url, draw(text), place) for place, url in enumerate(draw(st.lists(urls, max_size=3)), start=1)],
        variants=variants,
    )  # fmt: skip
    product.put_in_order(at=NOW)
    return product


def document_of(product: Product) -> dict[str, Any]:
    document: dict[str, Any] = orjson.loads(projection.to_json(projection.document_of(product, CATEGORIES)))
    return document


def written(product: Product, currency: str) -> bytes:
    lines = CsvLines()
    lines.add(COLUMNS)
    for cells in rows_of(document_of(product), currency=currency):
        lines.add(cells)
    return lines.take()


def read(content: bytes, stored: dict[UUID, Product], currency: str) -> Batch:
    reader = RecordReader(start=0, row=1, delimiter=",")
    header, *records = [*reader.feed(content), *reader.finish()]
    layout = layout_of(header.cells)
    rows = read_group(records, Parsing(layout, currency, Warnings()))
    batch = Batch(
        currency=currency,
        layout=layout,
        now=NOW,
        by_handle={product.handle: each for each, product in stored.items()},
        owners={variant.sku: each for each, product in stored.items() for variant in product.variants},
        stored=stored,
        seen=set(),
        refused=set(),
        category_ids={rows.category: OTHER} if isinstance(rows.category, tuple) and rows.category else {},
        category_paths={each.id: each.path for each in CATEGORIES.values()},
    )
    batch.merge(rows)
    assert rows.errors == []
    return batch


@given(products(), st.sampled_from(["EUR", "JPY"]))
def test_an_exported_product_is_unchanged_by_its_import(product: Product, currency: str) -> None:
    before = asdict(product)
    batch = read(written(product, currency), {product.id: product}, currency)
    (merged,) = batch.merged.values()
    assert asdict(merged.change.after) == before
    assert merged.outcome == "unchanged"


@given(products())
def test_what_an_import_makes_of_an_export_is_exported_alike(product: Product) -> None:
    """Into an empty catalogue: what the rows can say is said again, whatever of the rest they could not."""
    product.category_ids = []
    (first,) = read(written(product, "EUR"), {}, "EUR").merged.values()
    once = written(first.change.after, "EUR")
    (second,) = read(once, {}, "EUR").merged.values()
    assert written(second.change.after, "EUR") == once


def test_the_first_row_carries_the_product_and_each_row_a_variant_or_a_picture() -> None:
    variants = [
        Variant(id=uuid7(), sku=f"MUG-{size}", values=(size,), prices={"EUR": 1250, "JPY": 1900}, tax_class=tax)
        for size, tax in (("S", "standard"), ("M", "exempt"))
    ]
    media = [Media(f"https://shop.example/{place}.webp", "", place) for place in (1, 2, 3)]
    product = Product(
        id=uuid7(), handle="mug", title="Mug", created_at=NOW, updated_at=NOW, status="published",
        options=[Option("Size", ["S", "M"])], variants=variants, media=media, tags=["a", "b"], category_ids=[OTHER],
    )  # fmt: skip
    rows = list(csv.DictReader(io.StringIO(written(product, "EUR").decode(), newline="")))
    assert [(row["Title"], row["Option1 Name"], row["Variant SKU"], row["Image Position"]) for row in rows] == [
        ("Mug", "Size", "MUG-S", "1"), ("", "", "MUG-M", "2"), ("", "", "", "3"),
    ]  # fmt: skip
    assert [row["Variant Price"] for row in rows] == ["12.50", "12.50", ""]
    assert [row["Variant Taxable"] for row in rows] == ["TRUE", "FALSE", ""]
    assert (rows[0]["Tags"], rows[0]["Product Category"], rows[0]["Status"]) == ("a, b", "Other", "active")
    assert next(csv.DictReader(io.StringIO(written(product, "JPY").decode())))["Variant Price"] == "1900"
