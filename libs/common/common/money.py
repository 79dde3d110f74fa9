"""Money: an integer of minor units and its currency, never a float; sums that mix currencies are refused.

Integer arithmetic throughout: taxes, discounts and splits are exact to the last minor unit, the same everywhere.
"""

import re
from collections.abc import Iterable, Sequence
from copy import copy
from decimal import Decimal
from typing import Annotated, Final

from babel import Locale
from pydantic import AfterValidator, BaseModel, ConfigDict, Field

_TWO_DECIMALS = (
    "AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BGN BMD BND BOB BRL BSD BTN BWP BYN BZD CAD CDF CHF CNY COP CRC "
    "CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GTQ GYD HKD HNL HTG HUF IDR ILS INR IRR JMD "
    "KES KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MYR MZN NAD NGN NIO "
    "NOK NPR NZD PAB PEN PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL "
    "THB TJS TMT TOP TRY TTD TWD TZS UAH USD UYU UZS VES WST XCD XCG YER ZAR ZMW ZWG"
)
_NO_DECIMALS = "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX VND VUV XAF XOF XPF"
_THREE_DECIMALS = "BHD IQD JOD KWD LYD OMR TND"

EXPONENTS: Final[dict[str, int]] = {
    code: exponent
    for codes, exponent in ((_NO_DECIMALS, 0), (_TWO_DECIMALS, 2), (_THREE_DECIMALS, 3))
    for code in codes.split()
}
"""Decimals of each currency one can pay with, by ISO 4217 (the locale data of Unicode disagrees for some twenty)."""

MAX_AMOUNT = 2**53 - 1  # what a JSON reader in JavaScript still holds exactly

_DECIMAL = re.compile(r"([+-]?)([0-9]{1,16})(?:\.([0-9]+))?")


class CurrencyMismatchError(ValueError):
    """Two amounts of different currencies were to be added or compared."""

    def __init__(self, one: str, other: str) -> None:
        super().__init__(f"{one} and {other} do not mix; convert one of them first")


def exponent_of(currency: str) -> int:
    """Decimals of ``currency``: 2 for EUR, 0 for JPY, 3 for KWD. Raises ValueError for a code that is none."""
    try:
        return EXPONENTS[currency]
    except KeyError:
        raise ValueError(f"{currency!r} is no ISO 4217 currency code; codes are like EUR, in capitals") from None


def _known(currency: str) -> str:
    exponent_of(currency)
    return currency


Currency = Annotated[
    str,
    AfterValidator(_known),
    Field(description="ISO 4217 code.", json_schema_extra={"pattern": "^[A-Z]{3}$", "examples": ["EUR"]}),
]


class Money(BaseModel):
    """An amount in the currency's minor unit: 1999 EUR is €19.99, 1999 JPY is ¥1,999."""

    model_config = ConfigDict(frozen=True)

    amount: Annotated[int, Field(strict=True, ge=-MAX_AMOUNT, le=MAX_AMOUNT, description="Minor units, such as cents.")]
    currency: Currency

    @classmethod
    def zero(cls, currency: str) -> "Money":
        """Nothing, of ``currency``."""
        return cls(amount=0, currency=currency)

    @classmethod
    def parse(cls, text: str, currency: str) -> "Money":
        """Read a decimal such as ``"19.99"`` exactly; see ``parse_minor_units``."""
        return cls(amount=parse_minor_units(text, currency), currency=currency)

    @classmethod
    def sum(cls, parts: Iterable["Money"], currency: str) -> "Money":
        """Add ``parts``, all of ``currency``; nothing at all is zero."""
        total = cls.zero(currency)
        for part in parts:
            total += part
        return total

    def _same(self, other: "Money") -> int:
        if other.currency != self.currency:
            raise CurrencyMismatchError(self.currency, other.currency)
        return other.amount

    def _of(self, amount: int) -> "Money":
        return Money(amount=amount, currency=self.currency)

    def __add__(self, other: "Money") -> "Money":
        if not isinstance(other, Money):
            return NotImplemented
        return self._of(self.amount + self._same(other))

    def __sub__(self, other: "Money") -> "Money":
        if not isinstance(other, Money):
            return NotImplemented
        return self._of(self.amount - self._same(other))

    def __neg__(self) -> "Money":
        return self._of(-self.amount)

    def __mul__(self, factor: int) -> "Money":
        """Multiply by a quantity. Rates go through ``round_half_away``, where the rounding can be seen."""
        if type(factor) is not int:
            return NotImplemented
        return self._of(self.amount * factor)

    __rmul__ = __mul__

    def __lt__(self, other: "Money") -> bool:
        return self.amount < self._same(other)

    def __le__(self, other: "Money") -> bool:
        return self.amount <= self._same(other)

    def __gt__(self, other: "Money") -> bool:
        return self.amount > self._same(other)

    def __ge__(self, other: "Money") -> bool:
        return self.amount >= self._same(other)

    def allocate(self, weights: Sequence[int]) -> list["Money"]:
        """Split by ``weights`` so that the parts add up exactly; see ``allocate``."""
        return [self._of(part) for part in allocate(self.amount, weights)]

    def to_decimal(self) -> Decimal:
        """Major units: ``Decimal("19.99")``, always with the currency's decimals."""
        return Decimal(self.amount).scaleb(-exponent_of(self.currency))

    def format(self, locale: str) -> str:
        """Write it for people, as in ``19,99 €`` for ``de_DE``; ``de-DE`` is understood too."""
        parsed = Locale.parse(locale.replace("-", "_"))
        digits = exponent_of(self.currency)
        pattern = copy(parsed.currency_formats["standard"])
        pattern.frac_prec = (digits, digits)  # ISO's decimals; the locale data would hide the fils of IQD
        text: str = pattern.apply(self.to_decimal(), parsed, currency=self.currency, currency_digits=False)
        return text

    def __str__(self) -> str:
        return f"{self.to_decimal()} {self.currency}"


def parse_minor_units(text: str, currency: str) -> int:
    """Read a decimal exactly: ``"19.99"`` EUR is 1999.

    A sign, digits and a decimal point are all it takes: no blanks, exponents, thousands separators or symbols.
    Raises ValueError for anything else, and for more decimals than the currency has, even if they are zeros.
    """
    exponent = exponent_of(currency)
    match = _DECIMAL.fullmatch(text)
    if match is None:
        raise ValueError(f"{text[:40]!r} is not a plain decimal number such as 19.99")
    sign, whole, fraction = match[1], match[2], match[3] or ""
    if len(fraction) > exponent:
        raise ValueError(f"{text[:40]!r} has {len(fraction)} decimals, {currency} has {exponent}")
    amount = int(whole + fraction.ljust(exponent, "0"))
    if amount > MAX_AMOUNT:
        raise ValueError(f"{text[:40]!r} is more than {currency} amounts can hold here")
    return -amount if sign == "-" else amount


def round_half_away(numerator: int, denominator: int) -> int:
    """Divide and round to the nearest integer, halves away from zero: 5/2 is 3, -5/2 is -3."""
    if denominator < 0:
        numerator, denominator = -numerator, -denominator
    rounded = (2 * abs(numerator) + denominator) // (2 * denominator)
    return rounded if numerator >= 0 else -rounded


def allocate(amount: int, weights: Sequence[int]) -> list[int]:
    """Split ``amount`` in proportion to ``weights`` so that the parts add up to it exactly (largest remainder).

    Each part is within one of its exact share; between equal remainders the earlier part gets the unit, so that the
    same call always gives the same split. A negative amount is the mirror of the positive one.
    Raises ValueError for no weights, a negative one, or none above zero.
    """
    total = sum(weights)
    if total <= 0 or min(weights) < 0:
        raise ValueError(f"weights must be whole numbers from 0 up, one of them above; got {list(weights)}")
    size = abs(amount)
    parts = [size * weight // total for weight in weights]
    by_remainder = sorted(range(len(weights)), key=lambda index: -(size * weights[index] % total))
    for index in by_remainder[: size - sum(parts)]:
        parts[index] += 1
    return parts if amount >= 0 else [-part for part in parts]
