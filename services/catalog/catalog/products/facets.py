"""What a product can be narrowed by: its attributes, its options, who makes it and what kind of thing it is.

A facet and each of its values have a number, made of their folded words: so the same wherever and whenever it is made,
without asking. Search rows hold these numbers; ``search_facet`` says what they stand for.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Literal

from catalog.text import fold

Kind = Literal["vendor", "product_type", "values", "number"]

LONGEST_VALUE = 120  # characters; a text that is longer describes, and nobody narrows by it


@dataclass(frozen=True, slots=True)
class FacetValue:
    """A value of a facet, or the facet of a number, which has no values to choose from."""

    id: int
    facet: int
    kind: Kind
    name: str
    value: str | None


@dataclass(frozen=True, slots=True)
class Facets:
    """All that one product can be narrowed by."""

    values: list[FacetValue]
    numbers: list[tuple[FacetValue, float]]


def facet_id(kind: Kind, name: str) -> int:
    """Return the number of a facet; spellings that differ in case or accents are one."""
    return _number(kind, fold(name.strip()))


def value_id(kind: Kind, name: str, value: str) -> int:
    """Return the number of a facet's value."""
    return _number(kind, fold(name.strip()), fold(value.strip()))


def _number(*words: str) -> int:
    digest = sha256("\x1f".join(words).encode()).digest()
    return int.from_bytes(digest[:8], "big", signed=True)


def facets_of(
    *,
    vendor: str | None,
    product_type: str | None,
    options: Iterable[tuple[str, Sequence[str]]],
    attributes: Iterable[tuple[str, str, Any]],
) -> Facets:
    """Collect the facets of a product; ``options`` are (name, values), ``attributes`` (name, type, value)."""
    values = {}
    numbers = {}
    for each in _values_of(vendor, product_type, options):
        values[each.id] = each
    for name, kind, value in attributes:
        if kind == "number":
            facet = facet_id("number", name)
            numbers[facet] = (FacetValue(facet, facet, "number", name, None), float(value))
        elif (text := _as_text(value)) is not None:
            made = _value("values", name, text)
            values[made.id] = made
    return Facets(list(values.values()), list(numbers.values()))


def _values_of(
    vendor: str | None, product_type: str | None, options: Iterable[tuple[str, Sequence[str]]]
) -> Iterator[FacetValue]:
    if vendor:
        yield _value("vendor", "vendor", vendor)
    if product_type:
        yield _value("product_type", "product_type", product_type)
    for name, choices in options:
        for choice in choices:
            if len(choice) <= LONGEST_VALUE:
                yield _value("values", name, choice)


def _as_text(value: object) -> str | None:
    if isinstance(value, bool):
        return "true" if value else "false"
    text = str(value).strip()
    return text if 0 < len(text) <= LONGEST_VALUE else None


def _value(kind: Kind, name: str, value: str) -> FacetValue:
    return FacetValue(value_id(kind, name, value), facet_id(kind, name), kind, name.strip(), value.strip())
