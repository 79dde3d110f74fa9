"""Money is exact, and refuses what it cannot hold."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from babel.numbers import list_currencies
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from common.money import (
    EXPONENTS,
    MAX_AMOUNT,
    CurrencyMismatchError,
    Money,
    allocate,
    parse_minor_units,
    round_half_away,
)

amounts = st.integers(min_value=-(10**12), max_value=10**12)
currencies = st.sampled_from(sorted(EXPONENTS))
weights = st.lists(st.integers(min_value=0, max_value=10**9), min_size=1, max_size=20).filter(any)


def eur(amount: int) -> Money:
    return Money(amount=amount, currency="EUR")


def usd(amount: int) -> Money:
    return Money(amount=amount, currency="USD")


def test_every_currency_of_the_table_is_known_to_unicode_and_has_its_iso_decimals() -> None:
    assert set(EXPONENTS) <= set(list_currencies())
    assert {code: EXPONENTS[code] for code in ("EUR", "JPY", "KWD", "ISK", "IQD", "HUF")} == {
        "EUR": 2, "JPY": 0, "KWD": 3, "ISK": 0, "IQD": 3, "HUF": 2,
    }  # fmt: skip


@pytest.mark.parametrize("currency", ["eur", "EURO", "", "XXX", "€", "EU "])
def test_a_currency_that_is_none_is_refused(currency: str) -> None:
    with pytest.raises(ValidationError, match="ISO 4217"):
        Money(amount=1, currency=currency)


@pytest.mark.parametrize("amount", ["1999", 19.0, 19.99, True, None, MAX_AMOUNT + 1, -MAX_AMOUNT - 1])
def test_an_amount_is_a_whole_number_that_json_can_hold(amount: object) -> None:
    with pytest.raises(ValidationError):
        Money.model_validate({"amount": amount, "currency": "EUR"})


def test_it_travels_as_amount_and_currency() -> None:
    assert eur(1999).model_dump_json() == '{"amount":1999,"currency":"EUR"}'
    assert Money.model_validate_json('{"amount":1999,"currency":"EUR"}') == eur(1999)


def test_it_cannot_be_changed() -> None:
    with pytest.raises(ValidationError):
        eur(1).amount = 2  # type: ignore[misc] # that is the claim


def test_currencies_do_not_mix() -> None:
    for mix in (
        lambda: eur(1) + usd(1),
        lambda: eur(1) - usd(1),
        lambda: eur(1) < usd(1),
        lambda: eur(1) >= usd(1),
        lambda: sum([eur(1), usd(1)], eur(0)),
        lambda: Money.sum([eur(1)], "USD"),
    ):
        with pytest.raises(CurrencyMismatchError, match="do not mix"):
            mix()


def test_only_whole_numbers_multiply_and_only_money_adds() -> None:
    money: Any = eur(1)  # as a caller without type checks has it
    wrongs: list[Callable[[], object]] = [
        lambda: money * 1.5,
        lambda: money * True,
        lambda: money + 1,
        lambda: 1 + money,
        lambda: money - 0,
        lambda: sum([money]),
    ]
    for wrong in wrongs:
        with pytest.raises(TypeError):
            wrong()


@given(st.lists(amounts, max_size=10), st.integers(min_value=-1000, max_value=1000))
def test_arithmetic_is_that_of_integers(parts: list[int], factor: int) -> None:
    total = Money.sum(map(eur, parts), "EUR")

    assert total == eur(sum(parts))
    assert factor * total == total * factor == eur(sum(parts) * factor)
    assert total - total == Money.zero("EUR")
    assert -total + total == eur(0)


def test_the_builtin_sum_adds_money() -> None:
    assert sum([eur(1), eur(2)], Money.zero("EUR")) == eur(3)


@pytest.mark.parametrize(
    ("text", "currency", "amount"),
    [
        ("19.99", "EUR", 1999),
        ("19.9", "EUR", 1990),
        ("19", "EUR", 1900),
        ("0.05", "EUR", 5),
        ("-0.05", "EUR", -5),
        ("+7", "EUR", 700),
        ("0019.99", "EUR", 1999),
        ("1999", "JPY", 1999),
        ("1.234", "KWD", 1234),
        ("0", "EUR", 0),
        ("-0", "EUR", 0),
    ],
)
def test_decimals_are_read_exactly(text: str, currency: str, amount: int) -> None:
    assert parse_minor_units(text, currency) == amount


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        " 19.99",
        "19.99 ",
        "1e3",
        "NaN",
        "inf",
        "1,999.00",
        "19,99",
        "€19",
        "0x10",
        "19.",
        ".99",
        "1_000",
        "--1",
        "\uff11\uff19",
        "19.99\n",
    ],
)
def test_what_is_no_plain_decimal_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not a plain decimal"):
        parse_minor_units(text, "EUR")


@pytest.mark.parametrize(
    ("text", "currency"), [("19.999", "EUR"), ("19.990", "EUR"), ("1.5", "JPY"), ("1.0000", "KWD")]
)
def test_more_decimals_than_the_currency_has_are_refused(text: str, currency: str) -> None:
    with pytest.raises(ValueError, match="decimals"):
        parse_minor_units(text, currency)


@pytest.mark.parametrize("text", ["9" * 16, "90071992547409.92"])
def test_an_amount_beyond_what_json_holds_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="more than"):
        parse_minor_units(text, "EUR")


@given(amounts, currencies)
def test_what_is_written_as_a_decimal_is_read_back(amount: int, currency: str) -> None:
    money = Money(amount=amount, currency=currency)

    assert Money.parse(f"{money.to_decimal():f}", currency) == money


@pytest.mark.parametrize(
    ("numerator", "denominator", "rounded"), [(5, 2, 3), (-5, 2, -3), (5, -2, -3), (4, 3, 1), (0, 7, 0)]
)
def test_halves_are_rounded_away_from_zero(numerator: int, denominator: int, rounded: int) -> None:
    assert round_half_away(numerator, denominator) == rounded


@given(st.integers(), st.integers().filter(bool))
def test_rounding_is_off_by_half_a_unit_at_most(numerator: int, denominator: int) -> None:
    rounded = round_half_away(numerator, denominator)

    assert 2 * abs(rounded * denominator - numerator) <= abs(denominator)
    assert round_half_away(-numerator, denominator) == -rounded


def test_nothing_is_divided_by_zero() -> None:
    with pytest.raises(ZeroDivisionError):
        round_half_away(1, 0)


@given(amounts, weights)
def test_a_split_adds_up_and_is_fair_to_the_unit(amount: int, shares: list[int]) -> None:
    parts = allocate(amount, shares)

    assert sum(parts) == amount
    total = sum(shares)
    assert all(abs(part * total - amount * share) < total for part, share in zip(parts, shares, strict=True))


@given(amounts, weights)
def test_a_refund_is_split_as_the_charge_was(amount: int, shares: list[int]) -> None:
    assert allocate(-amount, shares) == [-part for part in allocate(amount, shares)]


def test_the_odd_unit_goes_to_the_largest_remainder_then_to_the_first() -> None:
    assert allocate(100, [1, 1, 1]) == [34, 33, 33]
    assert allocate(10, [1, 8, 4]) == [1, 6, 3]
    assert allocate(5, [0, 1]) == [0, 5]
    assert eur(100).allocate([1, 1, 1]) == [eur(34), eur(33), eur(33)]


@pytest.mark.parametrize("shares", [[], [0, 0], [1, -1], [2, -1]])
def test_weights_that_share_nothing_are_refused(shares: list[int]) -> None:
    with pytest.raises(ValueError, match="weights"):
        allocate(100, shares)


@pytest.mark.parametrize(
    ("money", "locale", "text"),
    [
        (eur(199999), "de-DE", "1.999,99\xa0€"),
        (usd(-500), "en_US", "-$5.00"),
        (Money(amount=1999, currency="JPY"), "ja_JP", "￥1,999"),
        (Money(amount=1500, currency="IQD"), "en_US", "IQD1.500"),
    ],
)
def test_people_read_it_in_their_own_way_and_with_all_its_decimals(money: Money, locale: str, text: str) -> None:
    assert money.format(locale) == text


def test_logs_show_decimals_and_code() -> None:
    assert str(eur(5)) == "0.05 EUR"
    assert eur(5).to_decimal() == Decimal("0.05")
