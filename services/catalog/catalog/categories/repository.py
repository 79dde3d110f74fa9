"""All SQL of categories. Whoever changes the tree locks it first: two moves at once could close a circle."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from uuid import UUID

import asyncpg
import orjson

from catalog.categories.models import Category
from catalog.text import as_uuid
from common.database import UnitOfWork

COLUMNS = "id, parent_id, handle, title, ancestors, path, path_key, version, created_at, updated_at"
LOCK_TREE = "LOCK TABLE category IN SHARE ROW EXCLUSIVE MODE"
BY_ID = f"SELECT {COLUMNS} FROM category WHERE id = $1"  # noqa: S608 - our own SQL, as below
BY_HANDLE = f"SELECT {COLUMNS} FROM category WHERE handle = $1"  # noqa: S608 - our own SQL, as below
BY_PATH_KEYS = f"SELECT {COLUMNS} FROM category WHERE path_key = ANY($1::text[])"  # noqa: S608 - our own SQL, as below
PAGE = f"""
SELECT {COLUMNS} FROM category
WHERE ($1::text IS NULL OR path_key > $1) ORDER BY path_key LIMIT $2
"""  # noqa: S608
HANDLES = "SELECT handle FROM category WHERE handle = $1 OR handle LIKE $2"
INSERT = f"INSERT INTO category ({COLUMNS}) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)"  # noqa: S608
INSERT_ALL = f"INSERT INTO category ({COLUMNS}) SELECT {COLUMNS} FROM json_populate_recordset(NULL::category, $1::json)"  # noqa: S608
TAKEN = "SELECT handle FROM category WHERE handle = ANY($1::text[])"
UPDATE = """
UPDATE category SET parent_id = $2, handle = $3, title = $4, ancestors = $5, path = $6, path_key = $7,
    version = version + 1, updated_at = $8
WHERE id = $1
"""
# $1 the subtree's root · $2 how many levels its old place had · $3, $4, $5 the new place · $6 length of the old key
MOVE_BELOW = """
UPDATE category SET ancestors = $3::uuid[] || ancestors[$2 + 1:], path = $4::text[] || path[$2 + 1:],
    path_key = $5 || substr(path_key, $6 + 1), version = version + 1, updated_at = $7
WHERE ancestors @> ARRAY[$1::uuid] AND id <> $1
"""
LEVELS_BELOW = "SELECT coalesce(max(cardinality(ancestors)), 0) FROM category WHERE ancestors @> ARRAY[$1::uuid]"
IN_USE = """
SELECT (SELECT count(*) FROM category WHERE parent_id = $1) AS children,
    (SELECT count(*) FROM product_category WHERE category_id = $1) AS products
"""
DELETE = "DELETE FROM category WHERE id = $1"
MOST_TRIED = 1_000  # numbers behind a handle looked up at a time


class CategoryRepository:
    """The tree, in the transaction of ``uow``."""

    def __init__(self, uow: UnitOfWork) -> None:
        self._uow = uow

    async def lock_tree(self) -> None:
        """Let nobody else change the tree until the transaction ends; readers go on."""
        await self._uow.execute(LOCK_TREE)

    async def find(self, reference: str) -> Category | None:
        """Find a category by id or handle."""
        category_id = as_uuid(reference)
        row = await (
            self._uow.fetchrow(BY_HANDLE, reference) if category_id is None else self._uow.fetchrow(BY_ID, category_id)
        )
        return _category(row) if row is not None else None

    async def by_path_keys(self, keys: Iterable[str]) -> dict[str, Category]:
        """Map the paths that there are to their categories."""
        found = [_category(row) for row in await self._uow.fetch(BY_PATH_KEYS, list(keys))]
        return {category.path_key: category for category in found}

    async def free_handle(self, wanted: str) -> str:
        """Return ``wanted``, or with the first number behind it that makes it free."""
        rows = await self._uow.fetch(HANDLES, wanted, f"{wanted.replace('_', chr(92) + '_')}-%")
        taken = {row["handle"] for row in rows}
        number = 1
        while (handle := wanted if number == 1 else f"{wanted}-{number}") in taken:
            number += 1
        return handle

    async def free_handles(self, wanted: Sequence[str]) -> list[str]:
        """Return for each of ``wanted`` itself, or with the first number behind it that makes it free and distinct."""
        given: dict[str, None] = {}
        numbers = dict.fromkeys(wanted, 1)
        found: list[str | None] = [None] * len(wanted)
        step = 1  # numbers tried at a time
        while None in found:
            open_ones = {handle for handle, place in zip(wanted, found, strict=True) if place is None}
            tried = [_numbered(handle, numbers[handle] + more) for handle in open_ones for more in range(step)]
            taken = {row["handle"] for row in await self._uow.fetch(TAKEN, tried)}
            for place, handle in enumerate(wanted):
                until = numbers[handle] + step
                for number in range(numbers[handle], until) if found[place] is None else ():
                    candidate = _numbered(handle, number)
                    if candidate not in taken and candidate not in given:
                        found[place] = candidate
                        given[candidate] = None
                        break
            numbers |= {handle: numbers[handle] + step for handle in open_ones}
            step = min(step * 4, MOST_TRIED)
        return [handle for handle in found if handle is not None]

    async def add_all(self, categories: Sequence[Category]) -> None:
        """Insert categories, parents before or with their children."""
        await self._uow.execute(INSERT_ALL, orjson.dumps(categories, default=str).decode())

    async def add(self, category: Category) -> None:
        """Insert a category."""
        await self._uow.execute(
            INSERT, category.id, category.parent_id, category.handle, category.title, list(category.ancestors),
            list(category.path), category.path_key, category.version, category.created_at, category.updated_at,
        )  # fmt: skip

    async def replace(self, before: Category, after: Category, *, at: datetime) -> None:
        """Write a changed category, and take its subtree along to where it now is."""
        await self._uow.execute(
            UPDATE, after.id, after.parent_id, after.handle, after.title, list(after.ancestors), list(after.path),
            after.path_key, at,
        )  # fmt: skip
        if before.path != after.path or before.ancestors != after.ancestors:
            await self._uow.execute(
                MOVE_BELOW, after.id, len(before.ancestors), list(after.ancestors), list(after.path), after.path_key,
                len(before.path_key), at,
            )  # fmt: skip

    async def levels_with(self, category_id: UUID) -> int:
        """How deep the subtree reaches, counted from the root of the tree."""
        levels: int = await self._uow.fetchval(LEVELS_BELOW, category_id)
        return levels

    async def uses(self, category_id: UUID) -> tuple[int, int]:
        """Count the categories right below, and the products in it."""
        row = await self._uow.fetchrow(IN_USE, category_id)
        return (row["children"], row["products"]) if row else (0, 0)

    async def delete(self, category_id: UUID) -> None:
        """Delete a category that nothing hangs on."""
        await self._uow.execute(DELETE, category_id)


async def find_for_reading(uow: UnitOfWork, reference: str) -> Category | None:
    """Find a category by id or handle, in one statement of its own."""
    category_id = as_uuid(reference)
    row = await (uow.single_row(BY_HANDLE, reference) if category_id is None else uow.single_row(BY_ID, category_id))
    return _category(row) if row is not None else None


async def page_of_tree(uow: UnitOfWork, *, after: str | None, most: int) -> Sequence[Category]:
    """Read the tree from the root downwards, each category before what is below it."""
    return [_category(row) for row in await uow.single(PAGE, after, most)]


def _numbered(handle: str, number: int) -> str:
    return handle if number == 1 else f"{handle}-{number}"


def _category(row: asyncpg.Record) -> Category:
    return Category(
        id=row["id"],
        parent_id=row["parent_id"],
        handle=row["handle"],
        title=row["title"],
        ancestors=tuple(row["ancestors"]),
        path=tuple(row["path"]),
        path_key=row["path_key"],
        version=row["version"],
        created_at=row["created_at"],
        updated_at=row["updated_at"],
    )
