"""Turns what a search counted into the facets of its answer. No I/O."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from catalog.search.filters import PREFIX, Asked, Choice
from catalog.search.schemas import Facet, FacetOption

MOST_FACETS = 40
MOST_VALUES = 100  # of one facet; the most frequent ones

LABELS: Final = {"vendor": "Vendor", "product_type": "Product type"}


def facets_of(counted: Mapping[str, Any], asked: Asked, *, currency: str) -> list[Facet]:
    """List the facets that occur: those of the shop first, then attributes by how many products have them."""
    fields, attributes = _of_values(counted["values"] or [], asked)
    attributes += _of_numbers(counted["numbers"] or [], asked)
    attributes.sort(key=lambda facet: (-facet.count, facet.label))
    shop = [
        *_of_categories(counted["categories"] or [], asked),
        *_of_price(counted["price"], currency),
        *_of_stock(counted["in_stock"], asked),
        *fields,
    ]
    return (shop + attributes)[:MOST_FACETS]


def _of_values(rows: Iterable[Sequence[Any]], asked: Asked) -> tuple[list[Facet], list[Facet]]:
    chosen = {each.facet: each for each in asked.choices}
    grouped: dict[int, list[Sequence[Any]]] = {}
    for row in rows:
        grouped.setdefault(row[1], []).append(row)
    fields: list[Facet] = []
    attributes: list[Facet] = []
    for facet, values in grouped.items():
        kind, name = values[0][0], min(row[3] for row in values)
        made = _choices(values, chosen.get(facet), parameter=kind if kind in LABELS else PREFIX + name)
        made.label = LABELS.get(kind, name)
        (fields if kind in LABELS else attributes).append(made)
    return sorted(fields, key=lambda each: each.parameter, reverse=True), attributes


def _choices(rows: Sequence[Sequence[Any]], chosen: Choice | None, *, parameter: str) -> Facet:
    options = [
        FacetOption(value=value, label=value, count=hits, selected=chosen is not None and value_id in chosen.values)
        for _, _, value_id, _, value, hits in rows
    ]
    options.sort(key=lambda option: (not option.selected, -option.count, option.label))
    shown = options[:MOST_VALUES]
    return Facet(
        parameter=parameter,
        label="",
        kind="values",
        count=sum(option.count for option in options),
        values=sorted(shown, key=lambda option: (-option.count, option.label)),
    )


def _of_numbers(rows: Iterable[Sequence[Any]], asked: Asked) -> list[Facet]:
    return [
        Facet(parameter=PREFIX + name, label=name, kind="range", count=hits, min=least, max=most)
        for _, name, least, most, hits in rows
    ]


def _of_categories(rows: Iterable[Sequence[Any]], asked: Asked) -> list[Facet]:
    options = [
        FacetOption(value=handle, label=title, path=path, count=hits, selected=handle == asked.category)
        for handle, title, path, hits in rows
    ]
    options.sort(key=lambda option: (len(option.path or []), -option.count, option.label))
    if not options:
        return []
    count = sum(option.count for option in options if len(option.path or []) == 1)
    return [Facet(parameter="category", label="Category", kind="values", count=count, values=options[:MOST_VALUES])]


def _of_price(row: Sequence[Any], currency: str) -> list[Facet]:
    least, most, hits = row
    if not hits:
        return []
    return [Facet(parameter="price", label="Price", kind="range", count=hits, min=least, max=most, currency=currency)]


def _of_stock(hits: int, asked: Asked) -> list[Facet]:
    if not hits:
        return []
    option = FacetOption(value="true", label="In stock", count=hits, selected=asked.in_stock)
    return [Facet(parameter="in_stock", label="Availability", kind="values", count=hits, values=[option])]
