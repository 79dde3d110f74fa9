"""Where visits come from."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from metrics.collect.sources import PAYMENT_HOSTS, Landing, landing_of

SHOP = "https://www.shop.example/mugs"


def came_from(query: str = "", referrer: str | None = None, **options: tuple[str, ...]) -> tuple[str | None, str, bool]:
    landing = landing_of(f"{SHOP}?{query}", referrer, **options)
    return landing.source, landing.medium, landing.paid


@pytest.mark.parametrize(
    ("query", "referrer", "expected"),
    [
        ("", None, (None, "direct", False)),
        ("", "https://www.google.co.uk/", ("google", "organic", False)),
        ("", "https://de.search.yahoo.com/search", ("yahoo", "organic", False)),
        ("", "https://search.brave.com/", ("brave", "organic", False)),
        ("", "https://mail.google.com/", ("mail.google.com", "referral", False)),
        ("", "https://l.facebook.com/l.php", ("facebook", "social", False)),
        ("", "https://blog.example/mugs", ("blog.example", "referral", False)),
        ("utm_source=News&utm_medium=Email", "https://www.google.com/", ("news", "email", False)),
        ("utm_source=%20Spring%20%20Flyer", None, ("spring flyer", "referral", False)),
        ("UTM_Source=a&utm_source=b", None, ("a", "referral", False)),
        ("gclid=abc", "https://www.google.com/", ("google", "cpc", True)),
        ("gclid=abc", None, ("google", "cpc", True)),
        ("msclkid=abc", "https://www.bing.com/", ("bing", "cpc", True)),
        ("fbclid=abc", "https://m.facebook.com/", ("facebook", "paid_social", True)),
        ("utm_source=Google&gclid=abc", None, ("google", "cpc", True)),
        ("utm_source=google&utm_medium=CPC", None, ("google", "cpc", True)),
        ("utm_medium=paidsearch&utm_source=x", None, ("x", "paidsearch", True)),
    ],
)
def test_a_visit_comes_from(query: str, referrer: str | None, expected: tuple[str | None, str, bool]) -> None:
    assert came_from(query, referrer) == expected


@pytest.mark.parametrize(
    "referrer",
    ["https://shop.example/cart", "https://checkout.shop.example/", "https://www.paypal.com/checkoutnow",
     "https://checkout.stripe.com/pay", "https://pay.local/", "https://till.example/"],
)  # fmt: skip
def test_the_shop_itself_and_payment_pages_are_no_source(referrer: str) -> None:
    hosts = (*PAYMENT_HOSTS, "pay.local", "till.example")
    assert came_from(referrer=referrer, passed_through=hosts) == (None, "direct", False)
    assert came_from("utm_source=mail", referrer, passed_through=hosts)[0] == "mail"


def test_a_payment_host_does_not_hide_its_owner() -> None:
    assert came_from(referrer="https://www.google.com/", passed_through=PAYMENT_HOSTS) == ("google", "organic", False)


def test_what_the_address_says_beyond_the_source_is_not_kept() -> None:
    landing = landing_of(f"{SHOP}?email=ada@example.com&utm_campaign=May#me", "https://blog.example/?q=secret")
    assert landing == Landing(
        host="shop.example", path="/mugs", referrer="blog.example", source="blog.example", medium="referral",
        campaign="may", paid=False,
    )  # fmt: skip


@given(st.text(max_size=200), st.text(st.characters(max_codepoint=0x24F, exclude_characters="\0[]:"), max_size=200))
def test_any_query_and_referrer_have_a_source(query: str, referrer: str) -> None:
    landing = landing_of(f"{SHOP}?{query}", f"https://{referrer}/")
    assert len(landing.medium) <= 100
    assert "\0" not in (landing.source or "") + landing.medium + (landing.campaign or "")
