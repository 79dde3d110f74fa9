"""The read model's SQL. A product's variants are replaced as a whole, by a later event than the last one applied."""

import orjson

from common.database import UnitOfWork
from common.events.contracts.catalog import ProductSnapshot

ADVANCE = """
INSERT INTO product (id, sequence) VALUES ($1, $2)
ON CONFLICT (id) DO UPDATE SET sequence = EXCLUDED.sequence WHERE product.sequence < EXCLUDED.sequence
RETURNING id
"""
REMOVE = "DELETE FROM variant WHERE product_id = $1 AND NOT sku = ANY ($2::text[])"
STORE = """
INSERT INTO variant (
    sku, product_id, variant_id, title, variant_title, options, prices, weight_grams, tax_class, requires_shipping,
    channels
)
SELECT v.sku, $1, v.id, $2, v.title, v.options, v.prices, v.weight_grams, v.tax_class, v.requires_shipping, $3
FROM jsonb_to_recordset($4::jsonb) AS v(
    sku text, id uuid, title text, options jsonb, prices jsonb, weight_grams bigint, tax_class text,
    requires_shipping boolean
)
ON CONFLICT (sku, product_id) DO UPDATE SET
    variant_id = EXCLUDED.variant_id, title = EXCLUDED.title, variant_title = EXCLUDED.variant_title,
    options = EXCLUDED.options, prices = EXCLUDED.prices, weight_grams = EXCLUDED.weight_grams,
    tax_class = EXCLUDED.tax_class, requires_shipping = EXCLUDED.requires_shipping, channels = EXCLUDED.channels
"""


class CatalogueRepository:
    """Products as carts need them."""

    def __init__(self, uow: UnitOfWork) -> None:
        self._uow = uow

    async def advance(self, product_id: object, sequence: int) -> bool:
        """Note that the event ``sequence`` is being applied; False when it, or a later one, was before."""
        return await self._uow.fetchval(ADVANCE, product_id, sequence) is not None

    async def store(self, product: ProductSnapshot) -> None:
        """Make the variants those of ``product``. A draft's are kept, for sale nowhere."""
        await self._uow.execute(REMOVE, product.id, [variant.sku for variant in product.variants])
        channels = product.channels if product.status == "published" else []
        rows = [
            variant.model_dump(mode="json", include=_STORED)
            | {"prices": {price.currency: price.amount for price in variant.prices}}
            for variant in product.variants
        ]
        await self._uow.execute(STORE, product.id, product.title, channels, orjson.dumps(rows).decode())

    async def remove(self, product_id: object) -> None:
        """Forget the variants of a product that is no more; what was sold keeps its own copy."""
        await self._uow.execute(REMOVE, product_id, [])


_STORED = {"id", "sku", "title", "options", "weight_grams", "tax_class", "requires_shipping"}
