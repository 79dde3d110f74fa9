"""A dry run's own view of the catalogue: what is there, under what its earlier rows would have made of it.

Later rows of the same file must meet what earlier ones made, or the counts told would not be those of the real run. So
products that would be new or changed are kept as drafts of this import, in its own tables; nobody else reads them.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from uuid import UUID, uuid5

import orjson
from pydantic import TypeAdapter

from catalog.categories.models import path_key
from catalog.categories.repository import CategoryRepository
from catalog.imports.differences import differences
from catalog.imports.merging import Merged
from catalog.imports.models import ProductChange
from catalog.products import projection, rules
from catalog.products.models import CategoryRef, Product
from common.database import UnitOfWork
from common.events import EventContract, EventTooLargeError, serialise
from common.events.contracts.catalog import ProductCreated, ProductUpdated

FIND = """
SELECT product_id, handle, body, paths FROM import_draft WHERE import_id = $1 AND product_id IN (
    SELECT unnest($2::uuid[])
    UNION SELECT product_id FROM import_draft WHERE import_id = $1 AND handle = ANY($3::text[])
    UNION SELECT product_id FROM import_draft_sku WHERE import_id = $1 AND sku = ANY($4::text[])
)
"""
FORGET = "DELETE FROM import_draft WHERE import_id = $1 AND product_id = ANY($2::uuid[])"
KEEP = """
INSERT INTO import_draft (import_id, product_id, handle, body, paths)
SELECT $1, d.product_id, d.handle, d.body, d.paths::json
FROM unnest($2::uuid[], $3::text[], $4::text[], $5::text[]) AS d(product_id, handle, body, paths)
"""
KEEP_SKUS = "INSERT INTO import_draft_sku (import_id, product_id, sku) SELECT $1, * FROM unnest($2::uuid[], $3::text[])"

_PRODUCT: TypeAdapter[Product] = TypeAdapter(Product)


@dataclass(slots=True)
class Drafts:
    """The drafts that some rows may meet, and the paths of categories that only drafts have."""

    products: dict[UUID, Product] = field(default_factory=dict)
    paths: dict[UUID, tuple[str, ...]] = field(default_factory=dict)

    @classmethod
    async def find(
        cls, uow: UnitOfWork, import_id: UUID, *, ids: Iterable[UUID], handles: Iterable[str], skus: Iterable[str]
    ) -> "Drafts":
        """Load the drafts that have one of the ids, handles or SKUs."""
        found = cls()
        for row in await uow.fetch(FIND, import_id, list(ids), list(handles), list(skus)):
            found.products[row["product_id"]] = _PRODUCT.validate_json(row["body"])
            found.paths |= {UUID(each): tuple(path) for each, path in orjson.loads(row["paths"]).items()}
        return found

    def over_handles(self, there: Mapping[str, UUID]) -> dict[str, UUID]:
        """Lay the drafts' handles over the catalogue's."""
        kept = {handle: each for handle, each in there.items() if each not in self.products}
        return kept | {product.handle: product.id for product in self.products.values()}

    def over_skus(self, there: Mapping[str, UUID]) -> dict[str, UUID]:
        """Lay the drafts' SKUs over the catalogue's."""
        kept = {sku: each for sku, each in there.items() if each not in self.products}
        return kept | {variant.sku: product.id for product in self.products.values() for variant in product.variants}

    async def keep(self, uow: UnitOfWork, import_id: UUID, products: Sequence[Product]) -> None:
        """Keep products as they would now be, in place of earlier drafts of them."""
        if not products:
            return
        ids = [product.id for product in products]
        await uow.execute(FORGET, import_id, ids)
        await uow.execute(
            KEEP,
            import_id,
            ids,
            [product.handle for product in products],
            [orjson.dumps(product, default=str).decode() for product in products],
            [orjson.dumps(self._paths_of(product)).decode() for product in products],
        )
        skus = [(product.id, variant.sku) for product in products for variant in product.variants]
        if skus:
            await uow.execute(KEEP_SKUS, import_id, *map(list, zip(*skus, strict=True)))

    def _paths_of(self, product: Product) -> dict[str, tuple[str, ...]]:
        return {str(each): self.paths[each] for each in product.category_ids if each in self.paths}


async def categories_as_if(
    uow: UnitOfWork, import_id: UUID, paths: Sequence[tuple[str, ...]]
) -> dict[tuple[str, ...], UUID]:
    """Map paths to categories; those that the real run would make get ids that nothing has, the same each time."""
    known = await CategoryRepository(uow).by_path_keys({path_key(path) for path in paths})
    return {
        path: known[key].id if (key := path_key(path)) in known else uuid5(import_id, key) for path in paths if path
    }


def shown_as(category_id: UUID, path: tuple[str, ...]) -> CategoryRef:
    """Return what products would show of a category that is not there yet."""
    return CategoryRef(category_id, "", path[-1], path, (category_id,))


def announcement_error(merged: Merged, categories: Mapping[UUID, CategoryRef]) -> str | None:
    """Say why the product could not be announced, as the real run would; None if it could."""
    change = merged.change
    snapshot = projection.snapshot_of(projection.document_of(change.after, categories), change.after)
    event: EventContract = (
        ProductCreated(object=snapshot, changed=[])
        if change.before is None
        else ProductUpdated(object=snapshot, changed=rules.changed_pointers(change.before, change.after))
    )
    try:
        serialise(event)
    except EventTooLargeError as error:
        return str(error)
    return None


def change_of(merged: Merged, there: Product | None, categories: Mapping[UUID, CategoryRef]) -> ProductChange:
    """Tell what would change of a product that is ``there`` now; None: there is none yet."""
    after = merged.change.after
    fields, left_out = differences(there, after, categories)
    return ProductChange(after.id, after.handle, "updated" if there else "created", fields, left_out)
