"""Reactions to catalog's events: a projection gated by sequence, so that late and repeated ones change nothing."""

from common.database import UnitOfWork
from common.events import Event, Tombstone
from common.events.contracts.catalog import ProductDeleted, ProductEvent
from orders.catalogue.repository import CatalogueRepository


async def project_product(event: Event[ProductEvent], uow: UnitOfWork) -> None:
    """Take over the product as it stands."""
    catalogue = CatalogueRepository(uow)
    if await catalogue.advance(event.subject, event.sequence):
        await catalogue.store(event.data.object)


async def remove_product(event: Event[ProductDeleted], uow: UnitOfWork) -> None:
    """Stop selling a product that was deleted."""
    catalogue = CatalogueRepository(uow)
    if await catalogue.advance(event.subject, event.sequence):
        await catalogue.remove(event.subject)


async def forget_product(tombstone: Tombstone, uow: UnitOfWork) -> None:
    """Stop selling a product of which compaction left the tombstone alone."""
    catalogue = CatalogueRepository(uow)
    if await catalogue.advance(tombstone.key, tombstone.sequence):
        await catalogue.remove(tombstone.key)
