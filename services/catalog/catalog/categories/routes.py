"""The tree over HTTP: everybody reads it, staff change it."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Path, Query

from catalog.categories import service
from catalog.categories.models import Category
from catalog.categories.problems import CategoryCycle, CategoryExists, CategoryInUse, CategoryNotFound, TreeTooDeep
from catalog.categories.repository import find_for_reading, page_of_tree
from catalog.categories.schemas import CategoryPatch, CategoryView, NewCategory
from catalog.dependencies import CanWrite, ReadUow, SeesDrafts
from catalog.fields import Reference
from common.http import Answer, IfMatch, RequiredIfMatch, Router, Uow, answer_of, etag_of, problems, public_etag
from common.on_loop import on_loop
from common.pagination import MAX_CURSOR_LENGTH, MAX_LIMIT, Page, decode_cursor
from common.problems import InvalidCursor, PreconditionFailed, PreconditionRequired

router = Router(prefix="/v1/categories", tags=["categories"])

CategoryRef = Annotated[Reference, Path(description="The category's id or handle.")]


@dataclass(frozen=True, slots=True)
class TreePage:
    """Which part of the tree; most shops have it on one page."""

    limit: Annotated[int, Query(ge=1, le=MAX_LIMIT)] = MAX_LIMIT
    after: Annotated[str | None, Query(max_length=MAX_CURSOR_LENGTH)] = None


@router.get("", responses=problems(InvalidCursor))
async def list_categories(
    page: Annotated[TreePage, Depends(on_loop(TreePage))], uow: ReadUow
) -> Answer[Page[CategoryView]]:
    """Read the tree, each category followed by what is below it."""
    after = decode_cursor(page.after, str)[0] if page.after is not None else None
    found = await page_of_tree(uow, after=after, most=page.limit + 1)
    views = Page[Category].of(found, page.limit, lambda category: [category.path_key]).map(CategoryView.of)
    return answer_of(views, status=200)


@router.post("", status_code=201, responses=problems(CategoryExists, TreeTooDeep))
async def create_category(body: NewCategory, _: CanWrite, uow: Uow) -> Answer[CategoryView]:
    """Add a category."""
    async with uow:
        category = await service.create_category(uow, body.to_draft())
        headers = {"Location": f"/v1/categories/{category.id}", "ETag": etag_of(category.version)}
        return uow.answer(CategoryView.of(category), status=201, headers=headers)


@router.get("/{category}", responses=problems(CategoryNotFound))
async def read_category(category: CategoryRef, staff: SeesDrafts, uow: ReadUow) -> Answer[CategoryView]:
    """Read a category by id or handle."""
    found = await find_for_reading(uow, category)
    if found is None:
        raise CategoryNotFound(category)
    answer = answer_of(CategoryView.of(found), status=200)
    answer.headers["ETag"] = etag_of(found.version) if staff else public_etag(found.version, bytes(answer.body))
    return answer


@router.patch(
    "/{category}",
    responses=problems(
        CategoryNotFound, CategoryExists, CategoryCycle, TreeTooDeep, PreconditionRequired, PreconditionFailed
    ),
)
async def change_category(
    category: CategoryRef, body: CategoryPatch, version: RequiredIfMatch, _: CanWrite, uow: Uow
) -> Answer[CategoryView]:
    """Rename or move a category by JSON Merge Patch; all below it moves along."""
    async with uow:
        changed = await service.edit_category(uow, category, body.onto, expected=version)
        return uow.answer(CategoryView.of(changed), headers={"ETag": etag_of(changed.version)})


@router.delete("/{category}", status_code=204, responses=problems(CategoryNotFound, CategoryInUse, PreconditionFailed))
async def delete_category(category: CategoryRef, version: IfMatch, _: CanWrite, uow: Uow) -> Answer[None]:
    """Delete a category that has neither products nor categories below it."""
    async with uow:
        await service.delete_category(uow, category, expected=version)
        return uow.answer(None, status=204)
