"""The types that bodies share."""

import pytest
from pydantic import TypeAdapter, ValidationError

from orders.words import COUNTRIES, Sku


def test_countries_are_those_of_iso_3166() -> None:
    assert len(COUNTRIES) == 249
    assert {"DE", "US", "GB", "TW"} <= COUNTRIES
    assert not {"EU", "UK", "XK", "ZZ"} & COUNTRIES


@pytest.mark.parametrize("sku", ["A", "a b", "ÄÖ-1", "x" * 64, "(1)"])
def test_skus_are_any_printable_words(sku: str) -> None:
    assert TypeAdapter(Sku).validate_python(sku) == sku


@pytest.mark.parametrize("sku", ["", " a", "a ", "a/b", "x" * 65, "a\nb", "a\x00"])
def test_what_is_no_sku_is_refused(sku: str) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(Sku).validate_python(sku)
