"""Words as the catalogue compares, sorts and addresses them.

``fold`` is for comparing and searching, ``slug`` for URLs. Both are pure functions of their text, so that what was
stored under one of them is found again.
"""

import re
import unicodedata
from html import unescape
from uuid import UUID

HANDLE_PATTERN = r"^[a-z0-9][a-z0-9._~-]{0,199}$"

_HANDLE = re.compile(HANDLE_PATTERN)
_NO_SLUG = re.compile(r"[^a-z0-9]+")
_TAG = re.compile(r"<[^>]{0,2000}>")
_BLANKS = re.compile(r"\s+")
_WORD = re.compile(r"[^\W_]+")
_NO_LETTERS = str.maketrans(dict.fromkeys("\u2122\u2120\u00ae\u00a9", " "))  # TM, SM, registered, copyright
_SLUG_LENGTH = 120  # leaves room for what makes a handle or a SKU unique


def storable(text: str) -> str:
    """Return ``text``, or raise ValueError for what PostgreSQL cannot hold: NUL, or half a surrogate pair."""
    if "\x00" in text:
        raise ValueError("must not contain the NUL character")
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ValueError("contains half of a surrogate pair; send whole characters") from None
    return text


def fold(text: str) -> str:
    """Forget case and accents: what people mean by the same word."""
    if text.isascii():
        return text.lower()
    decomposed = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", text).casefold())
    return "".join(character for character in decomposed if not unicodedata.combining(character)).casefold()


def searchable(text: str) -> str:
    """Return the folded words of ``text`` with single spaces, as they are indexed and as they are looked for.

    PostgreSQL's own parser would take the end of ``MUG-1`` for a negative number, and ``1.7l`` for a host's name. Signs
    that would become letters, such as the one of a trade mark, are none.
    """
    return " ".join(_WORD.findall(fold(unescape(text).translate(_NO_LETTERS))))


def words_of(text: str, *, most: int) -> list[str]:
    """Return the first ``most`` words of a folded ``text``."""
    return [word[:64] for word in searchable(text).split(" ")[:most] if word]


def slug(text: str) -> str:
    """Write ``text`` for a URL: ``Café Mug, 2 l`` is ``cafe-mug-2-l``; empty if it has no Latin letter or digit."""
    return _NO_SLUG.sub("-", fold(text)).strip("-")[:_SLUG_LENGTH].strip("-")


def is_handle(text: str) -> bool:
    """Tell whether ``text`` can be a handle; what reads as an id cannot."""
    return _HANDLE.match(text) is not None and as_uuid(text) is None


def as_uuid(reference: str) -> UUID | None:
    """Read ``reference`` as an id; None if it must be a handle."""
    try:
        return UUID(reference)
    except ValueError:
        return None


def plain(html: str, *, most: int) -> str:
    """Return the words of an HTML text without its tags, at most ``most`` characters."""
    return _BLANKS.sub(" ", unescape(_TAG.sub(" ", html[: most * 4]))).strip()[:most]
