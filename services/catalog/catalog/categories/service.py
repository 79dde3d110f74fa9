"""Use cases of the tree."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from uuid import UUID

from catalog.categories.models import MAX_LEVELS, Category, path_key
from catalog.categories.problems import CategoryCycle, CategoryExists, CategoryInUse, CategoryNotFound, TreeTooDeep
from catalog.categories.repository import CategoryRepository
from catalog.products.placing import refresh_products_below
from catalog.text import is_handle, slug
from common.database import UnitOfWork, uuid7
from common.http import check_version
from common.problems import FieldError, InvalidInput


@dataclass(frozen=True, slots=True)
class CategoryDraft:
    """A category as an editor wrote it; ``parent`` is an id or a handle, None the root."""

    title: str
    handle: str | None
    parent: str | None


async def create_category(uow: UnitOfWork, draft: CategoryDraft) -> Category:
    """Add a category. Raises InvalidInput for an unknown parent, CategoryExists, TreeTooDeep."""
    repository = CategoryRepository(uow)
    await repository.lock_tree()
    parent = await _parent(repository, draft.parent)
    return await _add(uow, repository, draft.title, draft.handle, parent)


async def edit_category(
    uow: UnitOfWork, reference: str, edit: Callable[[CategoryDraft], CategoryDraft], *, expected: int
) -> Category:
    """Rename or move a category with all below it; its products follow in a job of the same transaction.

    Raises CategoryNotFound, PreconditionFailed, InvalidInput, CategoryCycle, CategoryExists, TreeTooDeep.
    """
    repository = CategoryRepository(uow)
    await repository.lock_tree()
    before = await _found(repository, reference)
    check_version(expected, before.version)
    written = CategoryDraft(before.title, before.handle, str(before.parent_id) if before.parent_id else None)
    after = await _moved(uow, repository, before, edit(written))
    if replace(after, version=before.version, updated_at=before.updated_at) == before:
        return before
    await repository.replace(before, after, at=uow.now)
    if (before.path, before.handle) != (after.path, after.handle) or before.ancestors != after.ancestors:
        await refresh_products_below(uow, after.id)
    return after


async def delete_category(uow: UnitOfWork, reference: str, *, expected: int | None) -> None:
    """Delete an empty category. Raises CategoryNotFound, PreconditionFailed, CategoryInUse."""
    repository = CategoryRepository(uow)
    await repository.lock_tree()
    category = await _found(repository, reference)
    check_version(expected, category.version)
    children, products = await repository.uses(category.id)
    if children or products:
        raise CategoryInUse(category.handle, children=children, products=products)
    await repository.delete(category.id)


async def ensure_paths(uow: UnitOfWork, paths: Sequence[tuple[str, ...]]) -> dict[tuple[str, ...], UUID]:
    """Map paths of titles to categories, making those that are not there yet."""
    repository = CategoryRepository(uow)
    keys = {path_key(path[:depth]) for path in paths for depth in range(1, len(path) + 1)}
    known = await repository.by_path_keys(keys)
    if keys - known.keys():
        await repository.lock_tree()
        known = await repository.by_path_keys(keys)
    most = max(map(len, paths), default=0)
    for depth in range(1, most + 1):  # a level at a time: the next one stands on its categories
        level = {path_key(path[:depth]): path[:depth] for path in reversed(paths) if len(path) >= depth}
        await _add_level(uow, repository, [path for key, path in level.items() if key not in known], known)
    return {path: known[path_key(path)].id for path in paths if path}


async def _add_level(
    uow: UnitOfWork, repository: CategoryRepository, paths: Sequence[tuple[str, ...]], known: dict[str, Category]
) -> None:
    """Add categories whose parents are in ``known``, and note them there. The tree is locked."""
    if not paths:
        return
    if len(paths[0]) > MAX_LEVELS:
        raise TreeTooDeep(len(paths[0]), MAX_LEVELS)
    ids = [uuid7() for _ in paths]
    handles = await repository.free_handles(
        [_handle_from(path[-1], each) for path, each in zip(paths, ids, strict=True)]
    )
    made = []
    for path, category_id, handle in zip(paths, ids, handles, strict=True):
        parent = known[path_key(path[:-1])] if len(path) > 1 else None
        made.append(_category(uow, category_id, handle, path[-1], parent))
    await repository.add_all(made)
    known.update({category.path_key: category for category in made})


async def _add(
    uow: UnitOfWork, repository: CategoryRepository, title: str, handle: str | None, parent: Category | None
) -> Category:
    category_id = uuid7()
    path = (*(parent.path if parent else ()), title)
    if len(path) > MAX_LEVELS:
        raise TreeTooDeep(len(path), MAX_LEVELS)
    if await repository.by_path_keys([path_key(path)]):
        raise CategoryExists("title", title)
    if handle is None:
        handle = await repository.free_handle(_handle_from(title, category_id))
    elif await repository.find(handle):
        raise CategoryExists("handle", handle)
    category = _category(uow, category_id, handle, title, parent)
    await repository.add(category)
    return category


def _category(uow: UnitOfWork, category_id: UUID, handle: str, title: str, parent: Category | None) -> Category:
    path = (*(parent.path if parent else ()), title)
    return Category(
        id=category_id,
        parent_id=parent.id if parent else None,
        handle=handle,
        title=title,
        ancestors=(*(parent.ancestors if parent else ()), category_id),
        path=path,
        path_key=path_key(path),
        version=1,
        created_at=uow.now,
        updated_at=uow.now,
    )


def _handle_from(title: str, category_id: UUID) -> str:
    handle = slug(title)
    return handle if is_handle(handle) else f"category-{category_id.hex[-12:]}"


async def _moved(uow: UnitOfWork, repository: CategoryRepository, before: Category, draft: CategoryDraft) -> Category:
    """Return the category as the draft says; refuse a circle, a twin, too deep a tree."""
    parent = await _parent(repository, draft.parent)
    if parent is not None and before.id in parent.ancestors:
        raise CategoryCycle(before.handle, parent.handle)
    path = (*(parent.path if parent else ()), draft.title)
    twin = (await repository.by_path_keys([path_key(path)])).get(path_key(path))
    if twin is not None and twin.id != before.id:
        raise CategoryExists("title", draft.title)
    if draft.handle and draft.handle != before.handle and await repository.find(draft.handle):
        raise CategoryExists("handle", draft.handle)
    below = await repository.levels_with(before.id) - len(before.path)
    if len(path) + below > MAX_LEVELS:
        raise TreeTooDeep(len(path) + below, MAX_LEVELS)
    return replace(
        before,
        parent_id=parent.id if parent else None,
        handle=draft.handle or before.handle,
        title=draft.title,
        ancestors=(*(parent.ancestors if parent else ()), before.id),
        path=path,
        path_key=path_key(path),
        version=before.version + 1,
        updated_at=uow.now,
    )


async def _parent(repository: CategoryRepository, reference: str | None) -> Category | None:
    if reference is None:
        return None
    parent = await repository.find(reference)
    if parent is None:
        detail = f"there is no category {reference!r}"
        raise InvalidInput(f"/parent_id: {detail}", errors=[FieldError("/parent_id", detail)])
    return parent


async def _found(repository: CategoryRepository, reference: str) -> Category:
    found = await repository.find(reference)
    if found is None:
        raise CategoryNotFound(reference)
    return found
