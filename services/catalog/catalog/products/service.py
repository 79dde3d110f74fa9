"""Use cases of products. Each works in the transaction of the unit of work that it is given."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import asyncpg

from catalog.products import projection, rules
from catalog.products.models import CategoryRef, Change, Product, ProductDraft
from catalog.products.problems import HandleTaken, ProductNotFound, SkuTaken
from catalog.products.repository import ProductRepository
from catalog.text import as_uuid
from common.database import UnitOfWork
from common.events import EventTooLargeError
from common.events.contracts.catalog import ProductCreated, ProductDeleted, ProductSnapshot, ProductUpdated
from common.http import check_version
from common.problems import FieldError, InvalidInput

YIELD_EVERY = 20  # products; an import saves a hundred at once, and other requests wait for the loop


@dataclass(frozen=True, slots=True)
class Saved:
    """A product as it stands after a use case: its version and the page's ready JSON."""

    id: UUID
    version: int
    body: bytes


async def create_product(uow: UnitOfWork, draft: ProductDraft, *, shop_currency: str) -> Saved:
    """Add a product and announce it. Raises InvalidInput, HandleTaken and SkuTaken."""
    repository = ProductRepository(uow, shop_currency=shop_currency)
    product = await _built(uow, repository, draft, onto=None)
    if draft.handle is None:
        product.handle = await repository.free_handle(product.handle)
    return await _save_one(uow, repository, Change(None, product))


async def edit_product(
    uow: UnitOfWork,
    reference: str,
    edit: Callable[[Product], ProductDraft],
    *,
    expected: int,
    shop_currency: str,
) -> Saved:
    """Let ``edit`` rewrite a product, and announce what changed; nothing changed, nothing is written.

    Raises ProductNotFound, PreconditionFailed when ``expected`` is not the present version, and what creating raises.
    """
    repository = ProductRepository(uow, shop_currency=shop_currency)
    before = await _locked(repository, reference)
    check_version(expected, before.version)
    after = await _built(uow, repository, edit(before), onto=before)
    if after.says_the_same_as(before):
        return await _as_it_stands(repository, before)
    after.version, after.updated_at = before.version + 1, uow.now
    return await _save_one(uow, repository, Change(before, after))


async def delete_product(uow: UnitOfWork, reference: str, *, expected: int | None, shop_currency: str) -> None:
    """Take a product out of the shop and announce it; its SKUs and its handle are free again.

    Raises ProductNotFound and PreconditionFailed.
    """
    repository = ProductRepository(uow, shop_currency=shop_currency)
    product = await _locked(repository, reference)
    check_version(expected, product.version)
    categories = await repository.categories(product.category_ids)
    await repository.delete(product.id, at=uow.now)
    product.version, product.updated_at = product.version + 1, uow.now
    snapshot = projection.snapshot_of(projection.document_of(product, categories), product)
    uow.publish(ProductDeleted(object=snapshot, changed=[]))
    uow.publish_tombstone(ProductDeleted.topic, product.id)


async def save_changes(
    uow: UnitOfWork,
    repository: ProductRepository,
    changes: Sequence[Change],
    categories: dict[UUID, CategoryRef] | None = None,
) -> dict[UUID, projection.Document]:
    """Save products that differ from what they were and announce each once.

    ``categories`` are those already at hand; others are read. Raises HandleTaken or SkuTaken when somebody else was
    faster with one, and InvalidInput for a product that no event can carry.
    """
    known = categories if categories is not None else {}
    wanted = {each for change in changes for each in change.after.category_ids} - known.keys()
    known |= await repository.categories(wanted)
    try:
        documents = await repository.save(changes, known)
    except asyncpg.UniqueViolationError as error:
        raise _taken(error) from error
    for place, change in enumerate(changes):
        _announce(uow, change, projection.snapshot_of(documents[change.after.id], change.after))
        if place % YIELD_EVERY == YIELD_EVERY - 1:
            await asyncio.sleep(0)
    return documents


def _announce(uow: UnitOfWork, change: Change, snapshot: ProductSnapshot) -> None:
    try:
        if change.before is None:
            uow.publish(ProductCreated(object=snapshot, changed=[]))
        else:
            changed = rules.changed_pointers(change.before, change.after, change.also)
            uow.publish(ProductUpdated(object=snapshot, changed=changed))
    except EventTooLargeError as error:
        detail = "the product is too large to be announced; shorten its texts or have fewer variants"
        raise InvalidInput(f"{error}", errors=[FieldError("", detail)]) from error


def _taken(error: asyncpg.UniqueViolationError) -> HandleTaken | SkuTaken | asyncpg.UniqueViolationError:
    details: Any = error
    value = str(details.detail or "").partition("=(")[2].partition(") already")[0]
    if details.constraint_name == "uq_variant_sku":
        return SkuTaken(value)
    if details.constraint_name in {"uq_product_handle", "uq_product_page_handle"}:
        return HandleTaken(value)
    return error


async def _locked(repository: ProductRepository, reference: str) -> Product:
    product_id = as_uuid(reference)
    if product_id is None:
        product_id = (await repository.ids_of_handles([reference])).get(reference)
    found = await repository.load([product_id], lock=True) if product_id else {}
    if product_id is None or product_id not in found:
        raise ProductNotFound(reference)
    return found[product_id]


async def _built(
    uow: UnitOfWork, repository: ProductRepository, draft: ProductDraft, *, onto: Product | None
) -> Product:
    """Check a draft against the catalogue and make its product."""
    categories = await repository.category_ids({each: as_uuid(each) for each in draft.categories})
    channels = await repository.channels()
    product = rules.build(draft, onto=onto, categories=categories, channels=channels, at=uow.now)
    owners = await repository.owners_of_skus(variant.sku for variant in product.variants)
    if foreign := {sku for sku, owner in owners.items() if owner != product.id}:
        errors = [
            FieldError(f"/variants/{place}/sku", f"the SKU {each.sku} belongs to another product")
            for place, each in enumerate(draft.variants)
            if each.sku in foreign
        ]
        raise SkuTaken(min(foreign), errors=errors)
    if draft.handle is not None:
        owner = (await repository.ids_of_handles([draft.handle])).get(draft.handle)
        if owner not in {None, product.id}:
            raise HandleTaken(draft.handle)
    return product


async def _save_one(uow: UnitOfWork, repository: ProductRepository, change: Change) -> Saved:
    documents = await save_changes(uow, repository, [change])
    return _saved(change.after, documents[change.after.id])


async def _as_it_stands(repository: ProductRepository, product: Product) -> Saved:
    categories = await repository.categories(product.category_ids)
    return _saved(product, projection.document_of(product, categories))


def _saved(product: Product, document: projection.Document) -> Saved:
    return Saved(product.id, product.version, projection.to_json(document).encode())
