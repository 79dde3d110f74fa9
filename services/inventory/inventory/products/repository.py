"""SQL of the SKUs that the catalogue knows: a projection, written only by newer events."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from common.database import UnitOfWork

GATE = """
INSERT INTO known_product AS p (id, sequence) SELECT n.* FROM unnest($1::uuid[], $2::bigint[]) AS n ORDER BY 1
ON CONFLICT (id) DO UPDATE SET sequence = excluded.sequence WHERE p.sequence < excluded.sequence
RETURNING id
"""

FORGET = "DELETE FROM known_sku WHERE product_id = ANY ($1::uuid[])"

INSERT = """
INSERT INTO known_sku (product_id, sku, title, published)
SELECT n.* FROM unnest($1::uuid[], $2::text[], $3::text[], $4::boolean[]) AS n ON CONFLICT DO NOTHING
"""


@dataclass(frozen=True, slots=True)
class KnownSku:
    """A SKU as one product offers it."""

    product_id: UUID
    sku: str
    title: str
    published: bool


class ProductRepository:
    """What inventory remembers of the catalogue, in one unit of work."""

    def __init__(self, uow: UnitOfWork) -> None:
        self._uow = uow

    async def take_newer(self, versions: Sequence[tuple[UUID, int]]) -> set[UUID]:
        """Note (product, sequence), each product once; returns those that are newer than what was known."""
        ids, sequences = zip(*versions, strict=True)
        return {row["id"] for row in await self._uow.fetch(GATE, list(ids), list(sequences))}

    async def replace(self, product_ids: Sequence[UUID], skus: Sequence[KnownSku]) -> None:
        """Let these products have these SKUs and no others."""
        await self._uow.execute(FORGET, list(product_ids))
        if skus:
            await self._uow.execute(
                INSERT,
                [known.product_id for known in skus],
                [known.sku for known in skus],
                [known.title for known in skus],
                [known.published for known in skus],
            )
