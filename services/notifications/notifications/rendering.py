"""From a template and what it is about to a subject, a text and a page.

Templates are files of the package, a folder each: ``subject.txt``, ``body.txt``, ``body.html``. They run sandboxed,
what they show in HTML is escaped, and a name that nobody gave is an error, never an empty place.
"""

from dataclasses import dataclass
from datetime import datetime
from functools import partial
from zoneinfo import ZoneInfo

from babel.dates import format_date, format_datetime
from jinja2 import PackageLoader, StrictUndefined
from jinja2.sandbox import ImmutableSandboxedEnvironment

from common.money import Money
from notifications.mails.rules import checked_subject, web_link


@dataclass(frozen=True, slots=True)
class Rendered:
    """A message's words."""

    subject: str
    text: str
    html: str


class Renderer:
    """Renders the service's templates for one shop."""

    def __init__(self, *, locale: str, time_zone: str, shop_name: str) -> None:
        self._environment = ImmutableSandboxedEnvironment(
            loader=PackageLoader("notifications", "templates"),
            autoescape=lambda name: name is not None and name.endswith(".html"),
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            auto_reload=False,
        )
        zone = ZoneInfo(time_zone)
        self._environment.globals["shop_name"] = shop_name
        self._environment.filters |= {
            "money": partial(_money, locale=locale),
            "moment": partial(_moment, locale=locale, zone=zone),
            "day": partial(_day, locale=locale, zone=zone),
            "web_link": web_link,
        }

    def render(self, template: str, **about: object) -> Rendered:
        """Render ``template``. Raises UnsafeHeader if what it is about would break the subject's line."""
        return Rendered(
            subject=checked_subject(self._part(template, "subject.txt", about)),
            text=self._part(template, "body.txt", about).strip() + "\n",
            html=self._part(template, "body.html", about),
        )

    def _part(self, template: str, part: str, about: dict[str, object]) -> str:
        return self._environment.get_template(f"{template}/{part}").render(about)


def _money(value: Money, *, locale: str) -> str:
    return value.format(locale)


def _moment(value: datetime, *, locale: str, zone: ZoneInfo) -> str:
    text: str = format_datetime(value, "d MMMM y, HH:mm", tzinfo=zone, locale=locale)
    return text


def _day(value: datetime, *, locale: str, zone: ZoneInfo) -> str:
    text: str = format_date(value.astimezone(zone).date(), "long", locale=locale)
    return text
