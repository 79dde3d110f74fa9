"""What a search is narrowed to. Reads `attr.<name>=` parameters, whose names no document can list."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal

from catalog.products.facets import facet_id, value_id
from catalog.text import storable
from common.problems import FieldError, InvalidInput

Sort = Literal["relevance", "price", "newest", "popularity"]
Bound = Literal["min", "max"]

PREFIX: Final = "attr."
BOUNDS: Final[tuple[Bound, ...]] = ("min", "max")
MAX_ATTRIBUTES = 20  # each is a bit of a mask; nobody chooses so many
MAX_VALUES = 50
MAX_LENGTH = 255


@dataclass(frozen=True, slots=True)
class Choice:
    """A facet of which one of ``values`` is wanted: an attribute, an option, a vendor or a kind of product."""

    parameter: str
    facet: int
    values: dict[int, str]
    other_facet: int = 0  # what the same name would be as a number


@dataclass(frozen=True, slots=True)
class Range:
    """A number attribute that must lie between two bounds, both included."""

    parameter: str
    facet: int
    least: float | None = None
    most: float | None = None
    other_facet: int = 0  # what the same name would be as values


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A search as it was sent. ``q`` None: everything in the category."""

    q: str | None
    category: str | None = None
    currency: str | None = None
    price_min: int | None = None
    price_max: int | None = None
    in_stock: bool = False
    choices: Sequence[Choice] = field(default_factory=list)
    ranges: Sequence[Range] = field(default_factory=list)
    sort: Sort = "relevance"

    def named(self) -> Mapping[str, object]:
        """Return what a cursor must agree with."""
        return {
            "q": self.q,
            "category": self.category,
            "currency": self.currency,
            "price_min": self.price_min,
            "price_max": self.price_max,
            "in_stock": self.in_stock or None,
            "choices": sorted((each.facet, sorted(each.values)) for each in self.choices) or None,
            "ranges": sorted((each.facet, str(each.least), str(each.most)) for each in self.ranges) or None,
            "sort": self.sort,
        }


def choice_of(kind: Literal["vendor", "product_type"], values: Sequence[str]) -> list[Choice]:
    """Make the filter of a product's own field; none without values."""
    if not values:
        return []
    return [Choice(kind, facet_id(kind, kind), {value_id(kind, kind, value): value for value in values})]


def read_attributes(parameters: Iterable[tuple[str, str]]) -> tuple[list[Choice], list[Range]]:
    """Read the query's `attr.…` parameters. Raises InvalidInput with a pointer for each that is wrong."""
    errors: list[FieldError] = []
    choices: dict[str, list[str]] = {}
    bounds: dict[str, dict[Bound, float]] = {}
    for parameter, value in parameters:
        if not parameter.startswith(PREFIX):
            continue
        name, bound = _split(parameter.removeprefix(PREFIX))
        if error := _error_in(name, value):
            errors.append(FieldError(pointer_to(parameter), error))
        elif bound is None:
            choices.setdefault(name, []).append(value)
        elif (number := _number(value)) is None:
            errors.append(FieldError(pointer_to(parameter), f"{value!r} is not a number such as 1.5"))
        else:
            bounds.setdefault(name, {})[bound] = number
    if len(choices) + len(bounds) > MAX_ATTRIBUTES or any(len(values) > MAX_VALUES for values in choices.values()):
        detail = f"at most {MAX_ATTRIBUTES} attributes, and {MAX_VALUES} values of each"
        errors.append(FieldError("/query/attr", detail))
    if errors:
        raise InvalidInput(f"{errors[0].pointer}: {errors[0].detail}", errors=errors)
    return _choices(choices), _ranges(bounds)


def pointer_to(parameter: str) -> str:
    """Return the JSON pointer of a query parameter."""
    return "/query/" + parameter.replace("~", "~0").replace("/", "~1")


def _split(name: str) -> tuple[str, Bound | None]:
    for bound in BOUNDS:
        if name.endswith(f".{bound}"):
            return name[: -len(bound) - 1], bound
    return name, None


def _error_in(name: str, value: str) -> str | None:
    if not name.strip() or len(name) > MAX_LENGTH:
        return f"the attribute's name has 1 to {MAX_LENGTH} characters"
    if not value.strip() or len(value) > MAX_LENGTH:
        return f"a value has 1 to {MAX_LENGTH} characters"
    try:
        storable(name + value)
    except ValueError as error:
        return str(error)
    return None


def _number(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) and "_" not in text else None


def _choices(named: Mapping[str, Sequence[str]]) -> list[Choice]:
    merged: dict[int, Choice] = {}
    for name, values in named.items():
        facet = facet_id("values", name)
        known = merged.get(facet)
        ids = {value_id("values", name, value): value for value in values}
        values_so_far = known.values if known else {}
        merged[facet] = Choice(PREFIX + name, facet, values_so_far | ids, facet_id("number", name))
    return list(merged.values())


def _ranges(named: Mapping[str, Mapping[Bound, float]]) -> list[Range]:
    merged: dict[int, Range] = {}
    for name, bounds in named.items():
        facet = facet_id("number", name)
        known = merged.get(facet, Range(PREFIX + name, facet))
        least, most = bounds.get("min", known.least), bounds.get("max", known.most)
        merged[facet] = Range(known.parameter, facet, least, most, facet_id("values", name))
    return list(merged.values())
