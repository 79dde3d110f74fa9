"""Tax arithmetic."""

from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from orders.taxes.rules import Rate, Rounding, rate_for, tax_on, tax_order

AMOUNTS = st.integers(0, 2_000_000)
RATES = st.integers(0, 10_000)
LINES = st.lists(st.tuples(AMOUNTS, RATES), max_size=12)
ROUNDINGS = st.sampled_from(["line", "total"])


def test_included_tax_is_gross_less_rounded_net() -> None:
    assert tax_on(1999, 1900, included=True) == 319
    assert tax_on(100, 0, included=True) == 0


def test_halves_go_away_from_zero() -> None:
    assert tax_on(50, 100, included=False) == 1  # 0.5
    assert tax_on(-50, 100, included=False) == -1


@given(AMOUNTS, RATES)
def test_included_tax_is_the_exact_one_rounded(gross: int, rate: int) -> None:
    exact = Fraction(gross * rate, 10_000 + rate)
    assert abs(tax_on(gross, rate, included=True) - exact) <= Fraction(1, 2)


@given(AMOUNTS, RATES)
def test_net_and_tax_make_the_gross(gross: int, rate: int) -> None:
    net = gross - tax_on(gross, rate, included=True)
    assert abs(net + tax_on(net, rate, included=False) - gross) <= 1


@given(LINES, AMOUNTS, st.booleans(), ROUNDINGS)
def test_parts_add_up_and_none_is_more_than_a_cent_off(
    lines: list[tuple[int, int]],
    shipping: int,
    included: bool,  # noqa: FBT001 - drawn
    rounding: Rounding,
) -> None:
    taxed = tax_order(lines, shipping, included=included, rounding=rounding)
    assert taxed.total == sum(taxed.lines) + taxed.shipping
    for (amount, rate), tax in zip(lines, taxed.lines, strict=True):
        exact = Fraction(amount * rate, 10_000 + rate if included else 10_000)
        assert abs(tax - exact) <= Fraction(3, 2)
        assert tax >= 0


@given(LINES, AMOUNTS, st.booleans())
def test_rounding_the_total_rounds_once_for_each_rate(
    lines: list[tuple[int, int]],
    shipping: int,
    included: bool,  # noqa: FBT001 - drawn
) -> None:
    highest = max((rate for _, rate in lines), default=0)
    by_rate: dict[int, int] = {}
    for amount, rate in [*lines, (shipping, highest)]:
        by_rate[rate] = by_rate.get(rate, 0) + amount
    wanted = sum(tax_on(amount, rate, included=included) for rate, amount in by_rate.items())
    assert tax_order(lines, shipping, included=included, rounding="total").total == wanted


def test_line_and_total_rounding_differ_where_cents_meet() -> None:
    lines = [(105, 1000)] * 3  # 10.5 cents of tax each
    assert tax_order(lines, 0, included=False, rounding="line").total == 33
    assert tax_order(lines, 0, included=False, rounding="total").total == 32
    assert tax_order(lines, 0, included=False, rounding="total").lines == (11, 11, 10)


def test_shipping_is_taxed_at_the_highest_rate() -> None:
    assert tax_order([(1000, 700), (1000, 1900)], 119, included=True).shipping == 19
    assert tax_order([(1000, 700)], 107, included=True).shipping == 7


def test_a_regions_rate_goes_before_the_countrys() -> None:
    rates = [Rate(None, "standard", 0), Rate("CA", "standard", 725)]
    assert rate_for(rates, region="CA", tax_class="standard") == 725
    assert rate_for(rates, region="OR", tax_class="standard") == 0
    assert rate_for(rates, region=None, tax_class="standard") == 0
    assert rate_for(rates, region="CA", tax_class="reduced") is None
    assert rate_for([], region=None, tax_class="standard") is None


def test_exempt_goods_need_no_rate_but_a_known_country() -> None:
    known = [Rate(None, "standard", 1900)]
    assert rate_for(known, region=None, tax_class="exempt") == 0
    assert rate_for([*known, Rate(None, "exempt", 100)], region=None, tax_class="exempt") == 100
    assert rate_for([], region=None, tax_class="exempt") is None
