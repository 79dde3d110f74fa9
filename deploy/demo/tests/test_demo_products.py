"""The demo shop's product file keeps what Shopify's exports and the import ask for."""

import importlib.util
import itertools
import re
from collections import defaultdict
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from types import ModuleType
from urllib.parse import unquote
from xml.etree import ElementTree as ET

import pytest

from quartermaster_demo import shop
from quartermaster_demo.making.drawings import DRAWINGS, draw
from quartermaster_demo.making.model import check_digit
from quartermaster_demo.making.sheet import COLUMNS

Row = dict[str, str]

PRODUCT_COLUMNS = ("Title", "Body (HTML)", "Vendor", "Product Category", "Type", "Tags", "Published", "Status")


@pytest.fixture
def generator() -> ModuleType:
    """Load the script `make_shop.py`, which belongs to no package."""
    spec = importlib.util.spec_from_file_location("make_shop", Path(__file__).parent.parent / "make_shop.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def by_handle(rows: list[Row]) -> Iterator[tuple[str, list[Row]]]:
    for handle, group in itertools.groupby(rows, key=lambda row: row["Handle"]):
        yield handle, list(group)


def test_checked_in_files_are_what_the_generator_makes(generator: ModuleType) -> None:
    assert generator.stale_files() == []


def test_generator_notices_a_changed_a_missing_and_a_foreign_file(
    generator: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(generator, "DATA", tmp_path)
    generator.write()
    assert generator.stale_files() == []
    (tmp_path / "products.csv").write_text("Handle\n")
    (tmp_path / "pictures" / "enamel-mug.svg").unlink()
    (tmp_path / "pictures" / "unicorn.svg").write_text("<svg/>")
    assert [path.name for path in generator.stale_files()] == ["enamel-mug.svg", "unicorn.svg", "products.csv"]
    generator.write()
    assert generator.stale_files() == []


def test_sixty_products_have_two_hundred_variants(rows: list[Row], variants: list[Row]) -> None:
    assert len({row["Handle"] for row in rows}) == 60
    assert len(variants) == 200


def test_columns_are_those_of_a_genuine_export(rows: list[Row]) -> None:
    assert tuple(rows[0]) == COLUMNS
    assert len(set(COLUMNS)) == 47
    assert all(None not in row and None not in row.values() for row in rows)


def test_a_product_stands_in_one_block_whose_first_row_alone_describes_it(rows: list[Row]) -> None:
    handles = [handle for handle, _ in by_handle(rows)]
    assert len(handles) == len(set(handles))
    for handle, (first, *others) in by_handle(rows):
        assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", handle)
        assert all(first[column] for column in PRODUCT_COLUMNS), handle
        assert not any(row[column] for row in others for column in PRODUCT_COLUMNS), handle


def test_skus_are_unique_and_legal(variants: list[Row]) -> None:
    skus = [row["Variant SKU"] for row in variants]
    assert len(skus) == len(set(skus))
    for sku in skus:
        assert 1 <= len(sku) <= 64
        assert sku.isprintable()
        assert "/" not in sku
        assert sku == sku.strip()


def test_option_values_are_unique_within_a_product_and_each_has_its_name(rows: list[Row]) -> None:
    places = (1, 2, 3)
    for handle, group in by_handle(rows):
        names = [bool(group[0][f"Option{place} Name"]) for place in places]
        sold = [tuple(row[f"Option{place} Value"] for place in places) for row in group if row["Option1 Value"]]
        assert len(sold) == len(set(sold)), handle
        assert all([bool(value) for value in values] == names for values in sold), handle


def test_a_product_without_options_is_written_as_the_default_title(rows: list[Row]) -> None:
    single = [group[0] for _, group in by_handle(rows) if group[0]["Option1 Name"] == "Title"]
    assert len(single) >= 8
    assert {row["Option1 Value"] for row in single} == {"Default Title"}


def test_prices_are_exact_to_two_decimals_and_the_compare_at_price_is_higher(variants: list[Row]) -> None:
    for row in variants:
        amounts = [row["Variant Price"], row["Cost per item"]]
        if row["Variant Compare At Price"]:
            amounts.append(row["Variant Compare At Price"])
            assert float(row["Variant Compare At Price"]) > float(row["Variant Price"])
        assert all(re.fullmatch(r"[1-9]\d*\.\d\d|0\.[1-9]\d", amount) for amount in amounts), row["Variant SKU"]
        assert float(row["Cost per item"]) < float(row["Variant Price"])
    assert 20 <= sum(bool(row["Variant Compare At Price"]) for row in variants) <= 60


def test_barcodes_are_valid_internal_ean13(variants: list[Row]) -> None:
    barcodes = [row["Variant Barcode"] for row in variants if row["Variant Barcode"]]
    assert len(barcodes) == len(set(barcodes)) == 195
    assert all(re.fullmatch(r"2\d{12}", barcode) and check_digit(barcode[:12]) == barcode[12] for barcode in barcodes)


def test_check_digit_agrees_with_a_published_barcode() -> None:
    assert check_digit("400638133393") == "1"


def test_weights_and_units_are_whole_numbers(variants: list[Row]) -> None:
    assert all(int(row["Variant Grams"]) > 0 and int(row["Variant Inventory Qty"]) >= 0 for row in variants)


def test_the_skus_that_the_demo_relies_on_are_on_sale(rows: list[Row]) -> None:
    status = {row["Handle"]: row["Status"] for row in rows if row["Status"]}
    named = {row["Variant SKU"]: row for row in rows}
    assert named["MUG-BLUE"]["Handle"] == "enamel-mug"
    assert {"MUG-BLUE", "MUG-WHITE", "MUG-GREEN", "MUG-RED"} <= named.keys()
    assert int(named[shop.PLENTIFUL_SKU]["Variant Inventory Qty"]) >= 300
    assert named[shop.SCARCE_SKU]["Variant Inventory Qty"] == "12"
    assert status[named[shop.PLENTIFUL_SKU]["Handle"]] == status[named[shop.SCARCE_SKU]["Handle"]] == "active"


def test_the_file_has_what_makes_real_exports_hard(rows: list[Row], variants: list[Row]) -> None:
    text = shop.products_csv().decode()
    assert sum(row["Status"] == "draft" for row in rows) == 3
    assert all(row["Published"] == ("false" if row["Status"] == "draft" else "true") for row in rows if row["Status"])
    assert any("\n" in row["Body (HTML)"] for row in rows)
    assert any("," in row["Title"] for row in rows)
    assert any('"' in row["Title"] for row in rows)
    assert any(not character.isascii() for character in text)
    assert [row for row in rows if row["Image Src"] and not row["Option1 Value"]]
    assert any(row["Variant Inventory Qty"] == "0" for row in variants)
    assert any(row["Option3 Value"] for row in variants)


def test_categories_are_paths_below_six_departments(rows: list[Row]) -> None:
    paths = {tuple(row["Product Category"].split(" > ")) for row in rows if row["Title"]}
    assert {path[0] for path in paths} == {"Kitchen", "Desk", "Garden", "Bags", "Apparel", "Books & Paper"}
    assert all(len(path) == 2 and all(part == part.strip() for part in path) for path in paths)


class OpenTags(HTMLParser):
    """Keeps the tags that are open; fails when one is closed that is not."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag in {"p", "ul", "li"}
        assert not attrs
        self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_descriptions_are_well_formed_html(rows: list[Row]) -> None:
    for row in rows:
        parser = OpenTags()
        parser.feed(row["Body (HTML)"])
        parser.close()
        assert parser.open == []
        assert not re.search(r"&(?!amp;|lt;|gt;)", row["Body (HTML)"])


def test_pictures_are_small_well_formed_svg() -> None:
    pictures = shop.pictures()
    assert len(pictures) >= 60
    for name, svg in pictures.items():
        assert len(svg) < 900, name
        root = ET.fromstring(svg)  # noqa: S314  our own drawing
        assert root.tag == "{http://www.w3.org/2000/svg}svg"
        assert len(root) >= 3, name


def test_image_addresses_hold_the_pictures(rows: list[Row]) -> None:
    svgs = {svg.strip() for svg in shop.pictures().values()}
    shown = set()
    for row in rows:
        for uri in filter(None, (row["Image Src"], row["Variant Image"])):
            assert len(uri) < 1500
            assert uri.isascii()
            assert not re.search(r"[\s#<>\"]", uri)
            shown.add(unquote(uri.removeprefix("data:image/svg+xml,")))
    assert shown == svgs


def test_images_are_numbered_from_one_and_have_a_text(rows: list[Row]) -> None:
    for handle, group in by_handle(rows):
        images = [row for row in group if row["Image Src"]]
        assert [row["Image Position"] for row in images] == [str(place) for place in range(1, len(images) + 1)], handle
        assert images, handle
        assert all(row["Image Alt Text"] for row in images), handle


def test_a_variant_image_is_an_image_of_its_product_and_differs_by_colour(rows: list[Row]) -> None:
    for handle, group in by_handle(rows):
        sources = {row["Image Src"] for row in group} - {""}
        colour = next((place for place in (1, 2, 3) if group[0][f"Option{place} Name"] == "Color"), None)
        shown: defaultdict[str, set[str]] = defaultdict(set)
        for row in group:
            if row["Variant Image"]:
                assert colour is not None
                assert row["Variant Image"] in sources, handle
                shown[row[f"Option{colour} Value"]].add(row["Variant Image"])
        assert all(len(images) == 1 for images in shown.values()), handle
        assert len(set().union(*shown.values())) == len(shown), handle


@pytest.mark.parametrize("name", DRAWINGS)
def test_a_drawing_takes_its_colour_from_the_product(name: str) -> None:
    assert draw(name, department="Desk", paint="Red") != draw(name, department="Desk", paint="Blue")
