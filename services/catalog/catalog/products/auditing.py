"""Makes the facets of products anew and holds them against the search rows; for `catalog verify`."""

from collections.abc import Iterator, Sequence
from typing import Any, Final
from uuid import UUID

import asyncpg
import orjson

from catalog.products.facets import Facets, facets_of
from common.database import UnitOfWork

BATCH: Final = 500

NEXT = """
SELECT p.id, p.vendor, p.product_type, p.options, p.attributes, d.facets, d.number_facets, d.number_values
FROM product AS p JOIN search_document AS d ON d.product_id = p.id
WHERE p.deleted_at IS NULL AND ($1::uuid IS NULL OR p.id > $1) ORDER BY p.id LIMIT $2
"""


async def wrong_facets(uow: UnitOfWork, *, most: int) -> list[dict[str, Any]]:
    """List products whose search row has other facets than the product, at most ``most``."""
    wrong: list[dict[str, Any]] = []
    after: UUID | None = None
    while len(wrong) < most:
        rows = await uow.fetch(NEXT, after, BATCH)
        wrong += _wrong(rows)
        if len(rows) < BATCH:
            break
        after = rows[-1]["id"]
    return wrong[:most]


def _wrong(rows: Sequence[asyncpg.Record]) -> Iterator[dict[str, Any]]:
    for row in rows:
        due = _due(row)
        kept = set(row["facets"]), dict(zip(row["number_facets"], row["number_values"], strict=True))
        if kept != (values := {each.id for each in due.values}, {each.id: value for each, value in due.numbers}):
            yield {"product_id": row["id"], "missing": len(values - kept[0]), "left_over": len(kept[0] - values)}


def _due(row: asyncpg.Record) -> Facets:
    return facets_of(
        vendor=row["vendor"],
        product_type=row["product_type"],
        options=[(each["name"], each["values"]) for each in orjson.loads(row["options"])],
        attributes=[(each["name"], each["type"], each["value"]) for each in orjson.loads(row["attributes"])],
    )
