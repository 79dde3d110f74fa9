"""What of a query is kept. No I/O."""

import re

from catalog.text import fold

LONGEST_QUERY = 100  # characters; a longer one is told apart by its beginning

_BLANKS = re.compile(r"\s+")
_PERSONAL = re.compile(r"@|\d(?:[\s./()-]*\d){6,}")  # an e-mail address; a phone, card, order or parcel number


def normalised(query: str) -> str | None:
    """Write ``query`` as it is counted; None for what is not kept: seven digits in a row, or an e-mail address.

    A barcode goes the same way: nobody can tell it from a telephone number.
    """
    text = _BLANKS.sub(" ", fold(query)).strip()[:LONGEST_QUERY].strip()
    return None if not text or _PERSONAL.search(text) else text
