"""Where a visit came from: decided once, as it begins, and never rewritten.

Words are folded to lower case: ``Email`` and ``email`` are one medium. What the address says (``utm_*``) goes before
click ids, click ids before the referrer. The shop's own hosts and those of payment providers are where a visit passes
through, never where it comes from.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from urllib.parse import parse_qsl, urlsplit

LONGEST = 100  # of each word kept
MAX_PARAMETERS = 100

DIRECT, ORGANIC, SOCIAL, REFERRAL = "direct", "organic", "social", "referral"

CLICK_IDS: Mapping[str, tuple[str, str]] = {
    "gclid": ("google", "cpc"),
    "gbraid": ("google", "cpc"),
    "wbraid": ("google", "cpc"),
    "msclkid": ("bing", "cpc"),
    "fbclid": ("facebook", "paid_social"),
    "ttclid": ("tiktok", "paid_social"),
}
"""Put into the address by who sells the click."""

PAID_MEDIUMS = frozenset({"cpc", "ppc", "cpm", "cpv", "cpa", "display", "banner", "retargeting", "affiliate"})

SEARCH = (
    "google", "bing", "duckduckgo", "yahoo", "ecosia", "yandex", "baidu", "qwant", "startpage", "seznam", "naver",
    "brave",
)  # fmt: skip
NETWORKS: Mapping[str, str] = {
    "facebook.com": "facebook",
    "instagram.com": "instagram",
    "t.co": "x",
    "x.com": "x",
    "twitter.com": "x",
    "pinterest.com": "pinterest",
    "tiktok.com": "tiktok",
    "reddit.com": "reddit",
    "linkedin.com": "linkedin",
    "lnkd.in": "linkedin",
    "youtube.com": "youtube",
}
PAYMENT_HOSTS = (
    "paypal.com", "stripe.com", "klarna.com", "adyen.com", "mollie.com", "checkout.com", "braintreegateway.com",
    "amazonpay.com", "payments.amazon.com", "pay.google.com", "sofort.com", "worldpay.com", "squareup.com", "payu.com",
    "przelewy24.pl", "ideal.nl", "3dsecure.io",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Landing:
    """The page that a visit began on, and where it came from.

    Attributes:
        host: Of the page; empty where the events name none.
        path: Of the page, without its query.
        referrer: Host of the page before, None if it is one of ours.
        source: Such as `google`; None: came by itself.
        medium: Such as `cpc`, `organic`, `referral`, `direct`.
        campaign: As the address names it.
        paid: Whether someone was paid for the click.
    """

    host: str
    path: str | None
    referrer: str | None
    source: str | None
    medium: str
    campaign: str | None
    paid: bool


def landing_of(url: str | None, referrer: str | None, *, passed_through: Iterable[str] = ()) -> Landing:
    """Read a visit's beginning from its first page and the page before.

    ``passed_through`` are hosts that are no sources, beside the page's own.
    """
    page = urlsplit(url or "")
    host = host_of(url)
    given = _parameters(page.query)
    before = host_of(referrer)
    if _below(before, host) or _below(host, before) or any(_below(before, each) for each in passed_through):
        before = ""
    source, medium = _guessed(given, before)
    if "utm_source" in given:
        source, medium = given["utm_source"], REFERRAL if medium == DIRECT else medium
    medium = given.get("utm_medium", medium)
    return Landing(
        host=host,
        path=path_of(url),
        referrer=before or None,
        source=source,
        medium=medium,
        campaign=given.get("utm_campaign"),
        paid=any(name in given for name in CLICK_IDS) or medium in PAID_MEDIUMS or medium.startswith("paid"),
    )


def path_of(url: str | None) -> str | None:
    """Return the path of an address; its query may hold what is nobody's business."""
    return urlsplit(url or "").path[:1024] or None


def host_of(url: str | None) -> str:
    """Return the host of an address, in lower case and without ``www.``; empty if it has none."""
    return ((urlsplit(url or "").hostname or "")[:255]).removeprefix("www.")


def _parameters(query: str) -> dict[str, str]:
    """Return what the address says of the visit; the first of two counts."""
    given: dict[str, str] = {}
    for name, value in parse_qsl(query, max_num_fields=None)[:MAX_PARAMETERS]:
        word = " ".join(value.replace("\0", "").split()).casefold()[:LONGEST]
        if word:
            given.setdefault(name.lower(), word)
    return given


def _guessed(given: Mapping[str, str], before: str) -> tuple[str | None, str]:
    """Tell source and medium where the address does not name them."""
    for name, clicked in CLICK_IDS.items():
        if name in given:
            return clicked
    if not before:
        return None, DIRECT
    for domain, network in NETWORKS.items():
        if _below(before, domain):
            return network, SOCIAL
    engine = _engine(before.split("."))
    return (before, REFERRAL) if engine is None else (engine, ORGANIC)


def _engine(labels: list[str]) -> str | None:
    """Tell which search engine a host is; `de.search.yahoo.com` and `google.co.uk` are one, `mail.google.com` none."""
    for engine in SEARCH:
        if engine in labels[:-1]:
            place = labels.index(engine)
            if all(label in {"search", "m", "r"} or len(label) == len("de") for label in labels[:place]):
                return engine
    return None


def _below(host: str, domain: str) -> bool:
    """Tell whether a host is a domain or lies below it."""
    return bool(host and domain) and (host == domain or host.endswith(f".{domain}"))
