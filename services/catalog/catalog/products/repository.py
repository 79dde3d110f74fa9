"""All SQL that loads and saves products. Sets at a time: one product is a set of one.

Rows travel as one JSON parameter, so that the statements are the same for one product and for a hundred. Nothing here
commits or announces.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import asyncpg
import orjson

from catalog.fields import RESERVED_HANDLES
from catalog.products import projection
from catalog.products.indexing import delete_search_row, write_search_rows
from catalog.products.models import Attribute, CategoryRef, Change, Media, Option, Product, Variant
from common.database import UnitOfWork

LOAD_PRODUCTS = """
SELECT p.id, p.handle, p.title, p.description, p.status, p.vendor, p.product_type, p.seo_title, p.seo_description,
    p.tags, p.channels, p.options, p.attributes, p.media, p.version, p.created_at, p.updated_at, p.published_at,
    ARRAY(SELECT c.category_id FROM product_category AS c WHERE c.product_id = p.id ORDER BY c.position) AS category_ids
FROM product AS p WHERE p.id = ANY($1::uuid[]) AND p.deleted_at IS NULL ORDER BY p.id
"""
LOCK = "FOR NO KEY UPDATE OF p"

LOAD_VARIANTS = """
SELECT v.id, v.product_id, v.sku, v.barcode, v.option_values, v.weight_grams, v.tax_class, v.requires_shipping,
    v.image, v.position, p.prices
FROM variant AS v LEFT JOIN LATERAL (
    SELECT json_agg(json_build_array(currency, amount, compare_at)) AS prices FROM variant_price WHERE variant_id = v.id
) AS p ON true
WHERE v.product_id = ANY($1::uuid[]) AND v.live ORDER BY v.product_id, v.position
"""

FIND_BY_HANDLES = "SELECT id, handle FROM product WHERE handle = ANY($1::text[]) AND deleted_at IS NULL"
FIND_BY_SKUS = "SELECT product_id, sku FROM variant WHERE sku = ANY($1::text[]) AND live"
HANDLES_LIKE = "SELECT handle FROM product WHERE deleted_at IS NULL AND (handle = $1 OR handle LIKE $2)"
CATEGORIES = "SELECT id, handle, title, path, ancestors FROM category WHERE id = ANY($1::uuid[])"
CATEGORY_IDS = "SELECT id, handle FROM category WHERE id = ANY($1::uuid[]) OR handle = ANY($2::text[]) FOR KEY SHARE"
CHANNELS = "SELECT handle FROM channel ORDER BY handle"

INSERT_PRODUCTS = """
INSERT INTO product (id, handle, title, description, status, vendor, product_type, seo_title, seo_description, tags,
    channels, options, attributes, media, version, created_at, updated_at, published_at)
SELECT id, handle, title, description, status, vendor, product_type, seo_title, seo_description, tags,
    channels, options, attributes, media, version, created_at, updated_at, published_at
FROM json_populate_recordset(NULL::product, $1::json)
"""
UPDATE_PRODUCTS = """
UPDATE product AS p SET handle = n.handle, title = n.title, description = n.description, status = n.status,
    vendor = n.vendor, product_type = n.product_type, seo_title = n.seo_title, seo_description = n.seo_description,
    tags = n.tags, channels = n.channels, options = n.options, attributes = n.attributes, media = n.media,
    version = n.version, updated_at = n.updated_at, published_at = n.published_at
FROM json_populate_recordset(NULL::product, $1::json) AS n WHERE p.id = n.id
"""
DELETE_VARIANTS = "DELETE FROM variant WHERE id = ANY($1::uuid[])"
# A SKU that wanders from one variant to another must be free in between: the unique index looks at each row.
HIDE_VARIANTS = "UPDATE variant SET live = false WHERE id = ANY($1::uuid[])"
UPSERT_VARIANTS = """
INSERT INTO variant (id, product_id, sku, barcode, option_values, weight_grams, tax_class, requires_shipping, image,
    position, live)
SELECT id, product_id, sku, barcode, option_values, weight_grams, tax_class, requires_shipping, image, position, true
FROM json_populate_recordset(NULL::variant, $1::json)
ON CONFLICT (id) DO UPDATE SET sku = excluded.sku, barcode = excluded.barcode, option_values = excluded.option_values,
    weight_grams = excluded.weight_grams, tax_class = excluded.tax_class,
    requires_shipping = excluded.requires_shipping, image = excluded.image, position = excluded.position, live = true
"""
DELETE_PRICES = "DELETE FROM variant_price WHERE variant_id = ANY($1::uuid[])"
INSERT_PRICES = """
INSERT INTO variant_price (variant_id, currency, amount, compare_at)
SELECT * FROM unnest($1::uuid[], $2::text[], $3::bigint[], $4::bigint[])
"""
DELETE_CATEGORIES = "DELETE FROM product_category WHERE product_id = ANY($1::uuid[])"
INSERT_CATEGORIES = """
INSERT INTO product_category (product_id, category_id, position)
SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::integer[])
"""

UPSERT_PAGES = """
INSERT INTO product_page (product_id, handle, published, channels, version, body, card)
SELECT p.id, p.handle, p.status = 'published', p.channels, p.version, n.body, n.card
FROM unnest($1::uuid[], $2::text[], $3::text[]) AS n(id, body, card) JOIN product AS p USING (id)
ON CONFLICT (product_id) DO UPDATE SET handle = excluded.handle, published = excluded.published,
    channels = excluded.channels, version = excluded.version, body = excluded.body, card = excluded.card
"""
DELETE_LISTINGS = "DELETE FROM listing WHERE product_id = ANY($1::uuid[])"
INSERT_LISTINGS = "INSERT INTO listing SELECT * FROM json_populate_recordset(NULL::listing, $1::json)"
BODIES = "SELECT product_id, body FROM product_page WHERE product_id = ANY($1::uuid[])"

SOFT_DELETE = "UPDATE product SET deleted_at = $2, updated_at = $2, version = version + 1 WHERE id = $1"
RETIRE_VARIANTS = "UPDATE variant SET live = false WHERE product_id = $1"
DELETE_PAGE = "DELETE FROM product_page WHERE product_id = $1"


class ProductRepository:
    """Products as aggregates, in the transaction of ``uow``."""

    def __init__(self, uow: UnitOfWork, *, shop_currency: str) -> None:
        self._uow = uow
        self._shop_currency = shop_currency

    # -- loading ------------------------------------------------------------------------------------------------------

    async def load(self, ids: Sequence[UUID], *, lock: bool) -> dict[UUID, Product]:
        """Load the live products of ``ids``, whole; locked in the order of their ids until the transaction ends."""
        if not ids:
            return {}
        rows = await self._uow.fetch(f"{LOAD_PRODUCTS} {LOCK if lock else ''}", ids)
        products = {row["id"]: _product(row) for row in rows}
        for row in await self._uow.fetch(LOAD_VARIANTS, list(products)):
            products[row["product_id"]].variants.append(_variant(row))
        return products

    async def ids_of_handles(self, handles: Iterable[str]) -> dict[str, UUID]:
        """Map the handles that live products have to their ids."""
        rows = await self._uow.fetch(FIND_BY_HANDLES, list(handles))
        return {row["handle"]: row["id"] for row in rows}

    async def owners_of_skus(self, skus: Iterable[str]) -> dict[str, UUID]:
        """Map the SKUs that live variants have to the ids of their products."""
        rows = await self._uow.fetch(FIND_BY_SKUS, list(skus))
        return {row["sku"]: row["product_id"] for row in rows}

    async def free_handle(self, wanted: str) -> str:
        """Return ``wanted``, or with the first number behind it that makes it free."""
        rows = await self._uow.fetch(HANDLES_LIKE, wanted, f"{wanted.replace('_', chr(92) + '_')}-%")
        taken = {row["handle"] for row in rows} | RESERVED_HANDLES
        number = 1
        while (handle := wanted if number == 1 else f"{wanted}-{number}") in taken:
            number += 1
        return handle

    async def categories(self, ids: Iterable[UUID]) -> dict[UUID, CategoryRef]:
        """Load what products show of their categories."""
        wanted = list(ids)
        rows = await self._uow.fetch(CATEGORIES, wanted) if wanted else []
        return {
            row["id"]: CategoryRef(row["id"], row["handle"], row["title"], tuple(row["path"]), tuple(row["ancestors"]))
            for row in rows
        }

    async def category_ids(self, references: Mapping[str, UUID | None]) -> dict[str, UUID]:
        """Map references, given with the id that they read as, to the categories there are; these cannot go now."""
        if not references:
            return {}
        ids = [each for each in references.values() if each is not None]
        rows = await self._uow.fetch(CATEGORY_IDS, ids, [name for name, each in references.items() if each is None])
        by_id = {row["id"]: row["id"] for row in rows}
        by_handle = {row["handle"]: row["id"] for row in rows}
        found = {name: by_handle.get(name) if each is None else by_id.get(each) for name, each in references.items()}
        return {name: each for name, each in found.items() if each is not None}

    async def bodies(self, ids: Sequence[UUID]) -> dict[UUID, str]:
        """Return the pages as they are stored."""
        return {row["product_id"]: row["body"] for row in await self._uow.fetch(BODIES, ids)}

    async def channels(self) -> list[str]:
        """List the channels there are."""
        return [row["handle"] for row in await self._uow.fetch(CHANNELS)]

    # -- saving -------------------------------------------------------------------------------------------------------

    async def save(
        self, changes: Sequence[Change], categories: Mapping[UUID, CategoryRef]
    ) -> dict[UUID, projection.Document]:
        """Write what differs between before and after, and what readers get; return the pages' documents."""
        await self._save_rows(changes)
        return await self.project([change.after for change in changes], categories)

    async def _save_rows(self, changes: Sequence[Change]) -> None:
        new = [change.after for change in changes if change.before is None]
        old = [change for change in changes if change.before is not None]
        if new:
            await self._uow.execute(INSERT_PRODUCTS, _json([_product_row(product) for product in new]))
        if old:
            await self._uow.execute(UPDATE_PRODUCTS, _json([_product_row(change.after) for change in old]))
        await self._save_variants(changes)
        await self._save_categories(changes)

    async def _save_variants(self, changes: Sequence[Change]) -> None:
        differences = _Differences()
        for change in changes:
            differences.add(change)
        if differences.gone:
            await self._uow.execute(DELETE_VARIANTS, differences.gone)
        if differences.renamed:
            await self._uow.execute(HIDE_VARIANTS, differences.renamed)
        if differences.written:
            await self._uow.execute(UPSERT_VARIANTS, _json([_variant_row(*each) for each in differences.written]))
        if differences.repriced:
            await self._uow.execute(DELETE_PRICES, differences.repriced)
        if differences.prices:
            await self._uow.execute(INSERT_PRICES, *map(list, zip(*differences.prices, strict=True)))

    async def _save_categories(self, changes: Sequence[Change]) -> None:
        moved = [
            change
            for change in changes
            if change.after.category_ids != (change.before.category_ids if change.before else [])
        ]
        if known := [change.after.id for change in moved if change.before]:
            await self._uow.execute(DELETE_CATEGORIES, known)
        rows = [
            (change.after.id, category, place)
            for change in moved
            for place, category in enumerate(change.after.category_ids, start=1)
        ]
        if rows:
            await self._uow.execute(INSERT_CATEGORIES, *map(list, zip(*rows, strict=True)))

    async def project(
        self, products: Sequence[Product], categories: Mapping[UUID, CategoryRef]
    ) -> dict[UUID, projection.Document]:
        """Write what readers get of ``products``, whose rows are saved."""
        documents = {product.id: projection.document_of(product, categories) for product in products}
        ids = list(documents)
        bodies = [projection.to_json(document) for document in documents.values()]
        cards = [projection.to_json(projection.card_of(product)) for product in products]
        await self._uow.execute(UPSERT_PAGES, ids, bodies, cards)
        listings: list[projection.Document] = []
        for product in products:
            lowest = projection.lowest_prices(product)
            scopes = projection.ancestors_of(product, categories)
            listings += projection.listing_rows(product, scopes, lowest, shop_currency=self._shop_currency)
        await self._uow.execute(DELETE_LISTINGS, ids)
        await self._uow.execute(INSERT_LISTINGS, _json(listings))
        await write_search_rows(self._uow, products, categories, shop_currency=self._shop_currency)
        return documents

    async def delete(self, product_id: UUID, *, at: datetime) -> None:
        """Take a product out of the shop; its row stays and numbers its last events."""
        await self._uow.execute(SOFT_DELETE, product_id, at)
        await self._uow.execute(RETIRE_VARIANTS, product_id)
        await self._uow.execute(DELETE_CATEGORIES, [product_id])
        await self._uow.execute(DELETE_PAGE, product_id)
        await self._uow.execute(DELETE_LISTINGS, [product_id])
        await delete_search_row(self._uow, product_id)


class _Differences:
    """What is to be written of the variants of some products."""

    def __init__(self) -> None:
        self.written: list[tuple[UUID, Variant]] = []
        self.gone: list[UUID] = []
        self.renamed: list[UUID] = []
        self.repriced: list[UUID] = []
        self.prices: list[tuple[UUID, str, int | None, int | None]] = []

    def add(self, change: Change) -> None:
        before = {variant.id: variant for variant in (change.before.variants if change.before else [])}
        for variant in change.after.variants:
            known = before.pop(variant.id, None)
            if known != variant:
                self._add_variant(change.after.id, known, variant)
        self.gone += before

    def _add_variant(self, product_id: UUID, known: Variant | None, variant: Variant) -> None:
        self.written.append((product_id, variant))
        if known is None:
            self.prices += _price_rows(variant)
            return
        if known.sku != variant.sku:
            self.renamed.append(variant.id)
        if (known.prices, known.compare_at) != (variant.prices, variant.compare_at):
            self.repriced.append(variant.id)
            self.prices += _price_rows(variant)


def _json(rows: Sequence[Mapping[str, Any]]) -> str:
    return orjson.dumps(rows, default=str).decode()


def _product(row: asyncpg.Record) -> Product:
    return Product(
        id=row["id"],
        handle=row["handle"],
        title=row["title"],
        description=row["description"],
        status=row["status"],
        vendor=row["vendor"],
        product_type=row["product_type"],
        seo_title=row["seo_title"],
        seo_description=row["seo_description"],
        tags=list(row["tags"]),
        channels=list(row["channels"]),
        category_ids=list(row["category_ids"]),
        options=[Option(**each) for each in orjson.loads(row["options"])],
        attributes=[Attribute(**each) for each in orjson.loads(row["attributes"])],
        media=[Media(**each) for each in orjson.loads(row["media"])],
        version=row["version"],
        created_at=row["created_at"],
        updated_at=row["updated_at"],
        published_at=row["published_at"],
    )


def _variant(row: asyncpg.Record) -> Variant:
    prices = orjson.loads(row["prices"]) if row["prices"] else []
    return Variant(
        id=row["id"],
        sku=row["sku"],
        values=tuple(row["option_values"]),
        prices={currency: amount for currency, amount, _ in prices if amount is not None},
        compare_at={currency: amount for currency, _, amount in prices if amount is not None},
        barcode=row["barcode"],
        weight_grams=row["weight_grams"],
        tax_class=row["tax_class"],
        requires_shipping=row["requires_shipping"],
        image=row["image"],
        position=row["position"],
    )


def _product_row(product: Product) -> dict[str, Any]:
    return {
        "id": product.id,
        "handle": product.handle,
        "title": product.title,
        "description": product.description,
        "status": product.status,
        "vendor": product.vendor,
        "product_type": product.product_type,
        "seo_title": product.seo_title,
        "seo_description": product.seo_description,
        "tags": product.tags,
        "channels": product.channels,
        "options": product.options,
        "attributes": product.attributes,
        "media": product.media,
        "version": product.version,
        "created_at": product.created_at,
        "updated_at": product.updated_at,
        "published_at": product.published_at,
    }


def _variant_row(product_id: UUID, variant: Variant) -> dict[str, Any]:
    return {
        "id": variant.id,
        "product_id": product_id,
        "sku": variant.sku,
        "barcode": variant.barcode,
        "option_values": variant.values,
        "weight_grams": variant.weight_grams,
        "tax_class": variant.tax_class,
        "requires_shipping": variant.requires_shipping,
        "image": variant.image,
        "position": variant.position,
    }


def _price_rows(variant: Variant) -> list[tuple[UUID, str, int | None, int | None]]:
    currencies = sorted(variant.prices.keys() | variant.compare_at.keys())
    return [(variant.id, each, variant.prices.get(each), variant.compare_at.get(each)) for each in currencies]
