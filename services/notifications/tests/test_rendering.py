"""Words: what a mail says, in the shop's way of writing, and what nobody can make it say."""

import re
from datetime import UTC, datetime
from html.parser import HTMLParser
from importlib.resources import files

import pytest
from jinja2 import UndefinedError

from common.events.contracts.inventory import StockLow, StockOut
from common.events.contracts.notifications import WebhookDisabled
from common.events.contracts.orders import OrderCancelled, OrderPlaced, OrderShipped, OrderSnapshot
from common.money import Money
from notifications.mails.rules import UnsafeHeader, items_of
from notifications.rendering import Rendered, Renderer
from notifications.testing import example_of

TEMPLATES = (
    "order-placed",
    "order-shipped",
    "order-cancelled",
    "stock-low",
    "stock-out",
    "webhook-failing",
    "webhook-disabled",
)
VOID = {"meta", "br", "img", "hr", "link", "input"}


@pytest.fixture(scope="module")
def renderer() -> Renderer:
    """A shop in Berlin that writes British English."""
    return Renderer(locale="en_GB", time_zone="Europe/Berlin", shop_name="The Mug Shop")


def with_title(title: str) -> OrderSnapshot:
    """Return the example's order with a first line of this title."""
    order = example_of(OrderPlaced).object
    return order.model_copy(update={"lines": [order.lines[0].model_copy(update={"title": title}), *order.lines[1:]]})


def rendered(renderer: Renderer, template: str) -> Rendered:
    """Render a template about its event's example."""
    match template:
        case "order-shipped":
            shipped = example_of(OrderShipped)
            return renderer.render(
                template,
                order=shipped.object,
                name="Ada",
                parcel=shipped.parcel,
                items=items_of(shipped.parcel.lines, shipped.object),
                remaining=items_of(shipped.remaining, shipped.object),
            )
        case "stock-low" | "stock-out":
            alert = example_of(StockLow if template == "stock-low" else StockOut)
            return renderer.render(template, alert=alert, level=alert.object, name="Grace")
        case "webhook-failing" | "webhook-disabled":
            webhook = example_of(WebhookDisabled).object
            return renderer.render(
                template,
                name="Ada",
                host=webhook.host,
                description=webhook.description,
                webhook_id=webhook.id,
                reason=webhook.disabled_reason,
                failing_since=webhook.disabled_at,
                hours_left=48,
            )
        case _:
            order = example_of(OrderPlaced if template == "order-placed" else OrderCancelled).object
            return renderer.render(template, order=order, name="Ada")


CONFIRMATION = """
Hello Ada,
thank you for your order 1001 of 24 November 2026, 10:20.
2 x Enamel mug, Blue (MUG-BLUE): €29.98
1 x Assam, 250 g (TEA-ASSAM-250): €8.90
Subtotal: €38.88
Shipping, Standard, 2-3 days: €4.90
Total: €43.78
It includes €6.15 of tax.
It goes to:
Ada Lovelace
Ziegelstrasse 12
10117 Berlin
DE
We write again when a parcel leaves.
--
The Mug Shop
You get this mail because this address was given with order 1001.
"""


def lines_of(text: str) -> list[str]:
    """Return what a text says, without the blanks between."""
    return [line.strip() for line in text.splitlines() if line.strip()]


def test_the_confirmation_reads_as_written_here(renderer: Renderer) -> None:
    """Line by line; blanks are nobody's business."""
    assert lines_of(rendered(renderer, "order-placed").text) == lines_of(CONFIRMATION)


class Page(HTMLParser):
    """Reads a page strictly: what is opened is closed, in order; keeps its text and what it links to."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.words: list[str] = []
        self.links: list[str] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note what opens."""
        if tag not in VOID:
            self.open.append(tag)
        self.links += [value or "" for name, value in attrs if name in {"src", "href", "background"}]

    def handle_endtag(self, tag: str) -> None:
        """Hold it against what was opened last."""
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        """Keep the words."""
        self.words.append(data)


@pytest.mark.parametrize("template", TEMPLATES)
def test_every_page_is_well_formed_in_one_language_and_asks_nothing_of_the_net(
    template: str, renderer: Renderer
) -> None:
    """No pictures, no style sheets, no scripts; the one link is the tracking."""
    words = rendered(renderer, template)
    page = Page(words.html)

    assert page.open == []
    assert '<html lang="en">' in words.html
    assert page.links == (["https://track.example/00340434161094042557"] if template == "order-shipped" else [])
    assert "<script" not in words.html
    assert "url(" not in words.html
    assert not re.search(r"\{[{%]", words.html + words.text + words.subject)


@pytest.mark.parametrize("template", TEMPLATES)
def test_text_and_page_tell_the_same_figures(template: str, renderer: Renderer) -> None:
    """A reader of either misses no amount and no number."""
    words = rendered(renderer, template)
    page = " ".join(Page(words.html).words)

    for figure in re.findall(r"€[\d.]+|\d{4,}", words.text):
        assert figure in page, figure


@pytest.mark.parametrize("template", ["order-placed", "order-cancelled"])
def test_a_title_is_text_and_never_markup(template: str, renderer: Renderer) -> None:
    """What a merchandiser or an import wrote runs in nobody's mail program."""
    words = renderer.render(template, order=with_title("<script>alert(1)</script>"), name="<b>Ada</b>")

    assert "<script>" not in words.html
    assert "<b>Ada" not in words.html
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in words.html
    assert "<script>alert(1)</script>" in words.text


def test_a_title_that_looks_like_a_template_is_not_run(renderer: Renderer) -> None:
    """Data is data."""
    words = renderer.render("order-placed", order=with_title("{{ 7 * 191 }}"), name="Ada")

    assert "{{ 7 * 191 }}" in words.text
    assert "1337" not in words.text + words.html


@pytest.mark.parametrize(
    "url", ["javascript:alert(1)", "data:text/html,x", "//track.example", "https://", "ftp://x/y", None]
)
def test_only_web_addresses_become_links(url: str | None, renderer: Renderer) -> None:
    """A carrier's link goes to a web page or nowhere."""
    shipped = example_of(OrderShipped)
    parcel = shipped.parcel.model_copy(update={"tracking_url": url})
    words = renderer.render(
        "order-shipped",
        order=shipped.object,
        name="Ada",
        parcel=parcel,
        items=items_of(parcel.lines, shipped.object),
        remaining=[],
    )

    assert Page(words.html).links == []
    assert "Follow" not in words.text


def test_a_parcel_without_carrier_and_number_has_no_empty_places(renderer: Renderer) -> None:
    """None is never shown."""
    shipped = example_of(OrderShipped)
    parcel = shipped.parcel.model_copy(update={"carrier": None, "tracking_number": None, "tracking_url": None})
    words = renderer.render(
        "order-shipped", order=shipped.object, name=None, parcel=parcel, items=items_of(parcel.lines, shipped.object),
        remaining=[],
    )  # fmt: skip

    assert "None" not in words.text + words.html
    assert lines_of(words.text)[:2] == ["Hello,", "your order 1001 left on 24 November 2026."]


@pytest.mark.parametrize("number", ["1001\r\nBcc: all@example.com", "1001\nX: y", "10\x0001", "10\u202801"])
def test_a_subject_cannot_become_a_second_header(number: str, renderer: Renderer) -> None:
    """It is refused, not repaired: an order number with a line break is somebody's attack."""
    order = example_of(OrderPlaced).object.model_copy(update={"number": number})

    with pytest.raises(UnsafeHeader):
        renderer.render("order-placed", order=order, name="Ada")


def test_a_word_that_nobody_gave_is_an_error(renderer: Renderer) -> None:
    """Never an empty place in a mail."""
    with pytest.raises(UndefinedError):
        renderer.render("order-placed", order=example_of(OrderPlaced).object)


def test_amounts_and_days_follow_locale_and_zone() -> None:
    """Half past eleven in the evening of New Year's Eve in London is next year in Berlin."""
    order = example_of(OrderPlaced).object.model_copy(
        update={
            "placed_at": datetime(2026, 12, 31, 23, 30, tzinfo=UTC),
            "total": Money(amount=123456789, currency="EUR"),
        }
    )
    german = Renderer(locale="de_DE", time_zone="Europe/Berlin", shop_name="S").render(
        "order-placed", order=order, name="Ada"
    )

    assert "1 Januar 2027, 00:30" in german.text
    assert "1.234.567,89\xa0€" in german.text


def test_prices_without_tax_show_it_before_the_total(renderer: Renderer) -> None:
    """Where prices exclude tax it is added, not contained."""
    order = example_of(OrderPlaced).object.model_copy(update={"prices_include_tax": False})
    lines = lines_of(renderer.render("order-placed", order=order, name="Ada").text)

    assert lines.index("Tax: €6.15") < lines.index("Total: €43.78")
    assert not any(line.startswith("It includes") for line in lines)


def test_every_template_has_its_three_parts_and_a_test() -> None:
    """A new folder without subject, text or page is found here."""
    root = files("notifications").joinpath("templates")
    folders = {each.name for each in root.iterdir() if each.is_dir()}

    assert folders == set(TEMPLATES)
    for folder in folders:
        assert {"subject.txt", "body.txt", "body.html"} == {each.name for each in root.joinpath(folder).iterdir()}
