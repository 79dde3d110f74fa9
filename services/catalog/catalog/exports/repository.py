"""Products for a file, a page at a time.

Each page is a statement of its own, no transaction stays open for as long as somebody downloads: a product is whole in
itself, and one that stays throughout is there exactly once, since pages go by its id; what is added or changed
meanwhile is in the file as it was when its page was read.
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import orjson

from catalog.products import projection
from catalog.products.reading import category_arguments
from common.database import Database

PAGE = """
SELECT p.product_id, p.body FROM product_page AS p
WHERE p.product_id > $1 AND ($2::boolean IS NULL OR p.published = $2) AND EXISTS (
    SELECT FROM listing AS l WHERE l.product_id = p.product_id AND l.currency = $5 AND l.category_id =
        CASE WHEN $4::text IS NULL THEN $3::uuid ELSE (SELECT id FROM category WHERE handle = $4) END
)
ORDER BY p.product_id LIMIT $6
"""
PAGE_PRODUCTS = 25  # a product of 2,048 variants is a document of a megabyte


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which products; None does not narrow. ``category`` is an id or a handle, and means all below it."""

    published: bool | None = None
    category: str | None = None


async def documents(database: Database, wanted: Wanted) -> AsyncIterator[dict[str, Any]]:
    """Yield the pages' documents in the order in which the products were made."""
    after = UUID(int=0)
    narrowing = (wanted.published, *category_arguments(wanted.category), projection.ANY_CURRENCY, PAGE_PRODUCTS)
    while rows := await database.uow().single(PAGE, after, *narrowing):
        for row in rows:
            yield orjson.loads(row["body"])
        after = rows[-1]["product_id"]
