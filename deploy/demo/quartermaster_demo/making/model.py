"""What a product of the demo shop is made of, and the variants that follow from it."""

import hashlib
import html
import itertools
import re
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, kw_only=True)
class Variant:
    """One thing that can be bought."""

    sku: str
    options: tuple[str, ...]
    price: int
    compare_at: int | None
    grams: int
    units: int
    barcode: str


@dataclass(frozen=True, kw_only=True)
class Product:
    """A product as its author writes it down: prices in cents, weights in grams.

    A SKU is the product's, followed by a code for each option value. `adds` and `weighs` hold what an option value puts
    on top of price and weight. `stock` names the units of single SKUs; the others get a number made from the SKU.
    """

    title: str
    handle: str = ""
    vendor: str
    category: str
    type: str
    tags: tuple[str, ...]
    body: str
    sku: str
    price: int
    grams: int
    picture: str
    options: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    adds: Mapping[str, int] = field(default_factory=dict)
    weighs: Mapping[str, int] = field(default_factory=dict)
    stock: Mapping[str, int] = field(default_factory=dict)
    leaves_out: frozenset[str] = frozenset()
    saves: int = 0  # cents: the compare-at price is the price and this
    paint: str = ""  # a colour's name, for what has no option Color
    close_up: bool = False
    draft: bool = False
    barcodes: bool = True

    @property
    def slug(self) -> str:
        """The handle: the title in plain letters, unless one is given."""
        return self.handle or re.sub(r"[^a-z0-9]+", "-", plain(self.title).lower()).strip("-")

    @property
    def colours(self) -> tuple[str, ...]:
        """The colours that it is sold, and therefore drawn, in."""
        return self.options.get("Color", (self.paint,))

    def variants(self) -> Iterator[Variant]:
        """Yield every combination of option values that exists, in the order of the options."""
        for values in itertools.product(*self.options.values()):
            sku = "-".join((self.sku, *(code(value) for value in values)))
            if sku in self.leaves_out:
                continue
            price = self.price + sum(self.adds.get(value, 0) for value in values)
            yield Variant(
                sku=sku,
                options=values,
                price=price,
                compare_at=price + self.saves if self.saves else None,
                grams=self.grams + sum(self.weighs.get(value, 0) for value in values),
                units=self.stock.get(sku, 30 + fingerprint(sku) % 90),
                barcode=internal_ean13(sku) if self.barcodes else "",
            )


SPELLINGS = {ord("ø"): "o", ord("Ø"): "", ord("ß"): "ss", ord("ł"): "l", ord("Ł"): "L", ord("–"): "-", ord("×"): "x"}


def story(*paragraphs: str, points: tuple[str, ...] = ()) -> str:
    """Write a description in HTML, one line a paragraph."""
    lines = [f"<p>{html.escape(paragraph, quote=False)}</p>" for paragraph in paragraphs]
    if points:
        lines += ["<ul>", *(f"<li>{html.escape(point, quote=False)}</li>" for point in points), "</ul>"]
    return "\n".join(lines)


def plain(text: str) -> str:
    """Spell a text in ASCII: accents dropped, letters that have none replaced."""
    return unicodedata.normalize("NFKD", text.translate(SPELLINGS)).encode("ascii", "ignore").decode()


def code(value: str) -> str:
    """Shorten an option value for a SKU: `Ø 12 cm` is 12CM."""
    return re.sub(r"[^A-Z0-9.-]", "", plain(value).upper())


def fingerprint(text: str) -> int:
    """Turn a text into a number, the same one everywhere and always."""
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8])


def internal_ean13(sku: str) -> str:
    """Make an EAN-13 in the range 200 to 299, which is free for a shop's own use."""
    body = f"2{fingerprint(sku) % 10**11:011d}"
    return body + check_digit(body)


def check_digit(body: str) -> str:
    """Compute the last digit of an EAN-13 from the twelve before it."""
    total = sum(int(digit) * (3 if place % 2 else 1) for place, digit in enumerate(body))
    return str(-total % 10)
