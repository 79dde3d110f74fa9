"""Remember which SKUs the catalogue has, for titles, and for what the public may ask about."""

from collections.abc import Sequence
from typing import Any

from common.database import UnitOfWork
from common.events import Event, Tombstone
from common.events.contracts.catalog import ProductDeleted, ProductSnapshot
from common.inbox import latest_by_subject
from inventory.products.repository import KnownSku, ProductRepository


async def remember_skus(events: Sequence[Event[Any]], uow: UnitOfWork) -> None:
    """Take the SKUs of products as their newest events tell them."""
    newest = {event.subject: event for event in latest_by_subject(events)}
    repository = ProductRepository(uow)
    newer = await repository.take_newer([(event.subject, event.sequence) for event in newest.values()])
    if newer:
        skus = [
            known
            for product_id in sorted(newer)
            if not isinstance(newest[product_id].data, ProductDeleted)
            for known in _skus_of(newest[product_id].data.object)
        ]
        await repository.replace(sorted(newer), skus)


def _skus_of(product: ProductSnapshot) -> list[KnownSku]:
    return [
        KnownSku(product.id, variant.sku, _title(product, variant.title), product.status == "published")
        for variant in product.variants
    ]


def _title(product: ProductSnapshot, variant: str) -> str:
    """Name the variant where the product alone would not tell which one it is."""
    return product.title if len(product.variants) == 1 or not variant else f"{product.title}, {variant}"


async def forget_skus(tombstone: Tombstone, uow: UnitOfWork) -> None:
    """Forget the SKUs of a product that is gone."""
    repository = ProductRepository(uow)
    if await repository.take_newer([(tombstone.key, tombstone.sequence)]):
        await repository.replace([tombstone.key], [])
