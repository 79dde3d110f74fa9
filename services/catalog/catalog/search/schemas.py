"""What a search answers."""

from typing import Literal
from uuid import UUID

from pydantic import Field

from catalog.products.schemas import ProductCard, View


class FoundCard(ProductCard):
    """A product that was found, and whether it can be bought."""

    available: bool | Literal["low"] = Field(
        description='`true`, `false`, or `"low"` when little is left; a product without any stock told of is `false`.'
    )


class FacetOption(View):
    """A value to narrow by."""

    value: str = Field(description="What to send.")
    label: str = Field(description="What to show.")
    path: list[str] | None = Field(None, description="Of a category: titles from the root to it.")
    count: int = Field(description="Products that choosing it would show, under all other filters as they are.")
    selected: bool = Field(description="Whether this search is narrowed to it.")


class Facet(View):
    """Something that the result can be narrowed by."""

    parameter: str = Field(
        description="The query parameter to send, once for each value; a range is sent as `<parameter>_min` and "
        "`<parameter>_max` for the price, as `<parameter>.min` and `<parameter>.max` for an attribute."
    )
    label: str
    kind: Literal["values", "range"]
    count: int = Field(description="Products that have it, counted once for each value.")
    values: list[FacetOption] | None = Field(None, description="At most 100. Null for a range.")
    min: int | float | None = Field(None, description="Least value there is; the price in minor units.")
    max: int | float | None = Field(None, description="Greatest value there is.")
    currency: str | None = Field(None, description="Of the price.")


class SearchResult(View):
    """A page of what was found."""

    items: list[FoundCard]
    next: str | None = Field(description="Cursor of the next page; null on the last.")
    corrected: str | None = Field(description="What was searched for instead, where only a typo stood in the way.")
    facets: list[Facet] | None = Field(description="Null where they were not asked for.")


class CategorySuggestion(View):
    """A category whose title begins like the query."""

    id: UUID
    handle: str
    title: str
    path: list[str]


class Suggestions(View):
    """What a beginning may become."""

    items: list[FoundCard] = Field(description="Products, those that can be bought and sell best first.")
    queries: list[str] = Field(description="The query with its last word completed.")
    categories: list[CategorySuggestion]
