"""Words as they are compared and addressed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from catalog.fields import sku_error
from catalog.imports.shopify import made_sku
from catalog.text import fold, is_handle, plain, slug, words_of


@pytest.mark.parametrize(
    ("text", "expected"),
    [("Café Mug, 2 l", "cafe-mug-2-l"), ("  --  ", ""), ("日本", ""), ("Ärger & Söhne", "arger-sohne"), ("ß", "ss")],
)
def test_a_slug_is_what_a_url_can_hold(text: str, expected: str) -> None:
    assert slug(text) == expected


@given(st.text(max_size=300))
def test_a_slug_is_a_handle_or_nothing(text: str) -> None:
    made = slug(text)
    assert made == "" or is_handle(made) or len(made) >= 32  # the rest reads as an id
    assert slug(made) == made


@given(st.text(max_size=50))
def test_folding_twice_is_folding_once(text: str) -> None:
    assert fold(fold(text)) == fold(text)


def test_an_id_is_no_handle() -> None:
    assert not is_handle("019ab3df-0a00-7b00-b1b2-c3d4e5f60718")
    assert is_handle("mug")
    assert not is_handle("Mug")


def test_html_becomes_its_words() -> None:
    assert plain("<p>Tea &amp; <b>milk</b></p>\n<br/>more", most=100) == "Tea & milk more"
    assert words_of("Mug-1, Grün!", most=2) == ["mug", "1"]


@given(
    st.from_regex(r"[a-z0-9][a-z0-9-]{0,119}", fullmatch=True),
    st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\x00"), min_size=1, max_size=80), max_size=3),
)
def test_a_made_sku_is_always_one(handle: str, values: list[str]) -> None:
    sku = made_sku(handle, values)
    assert sku_error(sku) is None
    assert made_sku(handle, values) == sku
