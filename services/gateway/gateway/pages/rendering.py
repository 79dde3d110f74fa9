"""Templates to bytes, each with the policy that lets its own script and style run and nothing else."""

import base64
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from importlib.resources import files
from typing import Final

from jinja2 import DictLoader, Environment, StrictUndefined
from markupsafe import Markup

TEMPLATES: Final = ("home.html", "docs.html", "problem.html", "page.html")
STYLE: Final = "style.css"


@dataclass(frozen=True, slots=True)
class Page:
    """A page and its Content-Security-Policy."""

    body: bytes
    policy: str


def render(template: str, *, script: str | None = None, **values: object) -> Page:
    """Fill in ``template``, with the page's script and the common style inside it."""
    style = _text(STYLE)
    code = _text(script) if script else ""
    body = _environment().get_template(template).render(style=Markup(style), script=Markup(code), **values)  # noqa: S704 - our own files
    sources = [
        f"default-src 'none'; style-src {_allow(style)}; img-src 'self' data:; base-uri 'none'; form-action 'none'"
    ]
    if code:
        sources.append(f"script-src {_allow(code)}; connect-src 'self'")
    return Page(body.encode(), "; ".join(sources))


@cache
def _environment() -> Environment:
    return Environment(
        loader=DictLoader({name: _text(name) for name in TEMPLATES}),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


@cache
def _text(name: str) -> str:
    return files("gateway.pages").joinpath(name).read_text(encoding="utf-8")


@cache
def _allow(text: str) -> str:
    return f"'sha256-{base64.b64encode(sha256(text.encode()).digest()).decode()}'"
