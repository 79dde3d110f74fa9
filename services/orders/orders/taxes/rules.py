"""Taxes: integers only, halves away from zero, and parts that add up to the whole."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from common.money import allocate, round_half_away

FULL = 10_000  # basis points in 100 %
EXEMPT = "exempt"
"""The class of goods that no tax is due on. It needs no rate of its own, but its destination must be known."""

Rounding = Literal["line", "total"]


@dataclass(frozen=True, slots=True)
class Rate:
    """A rate of the destination country; ``region`` None is the country's own."""

    region: str | None
    tax_class: str
    basis_points: int


@dataclass(frozen=True, slots=True)
class Taxed:
    """The tax in, or on, each amount, in the order of the lines; shipping's apart."""

    lines: tuple[int, ...]
    shipping: int

    @property
    def total(self) -> int:
        """All of it."""
        return sum(self.lines) + self.shipping


def tax_on(amount: int, basis_points: int, *, included: bool) -> int:
    """Tax in ``amount`` (``included``), or to be added to it; minor units.

    Included: net = gross - round(gross * r / (1 + r)), so what is returned is the rounded part.
    """
    return round_half_away(amount * basis_points, FULL + basis_points if included else FULL)


def rate_for(rates: Sequence[Rate], *, region: str | None, tax_class: str) -> int | None:
    """Basis points for a class: the region's own rate before the country's; None where the table has neither.

    ``rates`` are those of the destination's country; none at all means that the shop does not know it.
    """
    found: Mapping[str | None, int] = {rate.region: rate.basis_points for rate in rates if rate.tax_class == tax_class}
    own = found.get(region) if region is not None else None
    rate = own if own is not None else found.get(None)
    return 0 if rate is None and tax_class == EXEMPT and rates else rate


def tax_order(lines: Sequence[tuple[int, int]], shipping: int, *, included: bool, rounding: Rounding = "line") -> Taxed:
    """Tax lines of (amount, basis points); shipping is taxed at the highest rate among them.

    Rounded on each amount (``line``), or once for each rate over all its amounts and split back by largest remainder
    (``total``), so that the sum is exact either way.
    """
    highest = max((basis_points for _, basis_points in lines), default=0)
    amounts = [*lines, (shipping, highest)]
    if rounding == "line":
        taxes = [tax_on(amount, basis_points, included=included) for amount, basis_points in amounts]
    else:
        taxes = _rounded_once(amounts, included=included)
    return Taxed(lines=tuple(taxes[:-1]), shipping=taxes[-1])


def _rounded_once(amounts: Sequence[tuple[int, int]], *, included: bool) -> list[int]:
    taxes = [0] * len(amounts)
    for rate in {basis_points for _, basis_points in amounts}:
        places = [place for place, (amount, basis_points) in enumerate(amounts) if basis_points == rate and amount]
        weights = [amounts[place][0] for place in places]
        if not places:
            continue
        for place, part in zip(places, allocate(tax_on(sum(weights), rate, included=included), weights), strict=True):
            taxes[place] = part
    return taxes
