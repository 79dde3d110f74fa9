"""Bodies of category requests and answers."""

from datetime import datetime
from uuid import UUID

from pydantic import BaseModel, Field

from catalog.categories.models import Category
from catalog.categories.service import CategoryDraft
from catalog.fields import Body, Handle, Reference, Title
from common.problems import FieldError, InvalidInput


class NewCategory(Body):
    """A category in its place."""

    title: Title
    handle: Handle | None = Field(None, description="Its name in URLs; made of the title where it is left out.")
    parent_id: Reference | None = Field(None, description="Id or handle of the category above; null: the root.")

    def to_draft(self) -> CategoryDraft:
        """Return the category as the use case takes it."""
        return CategoryDraft(self.title, self.handle, self.parent_id)


class CategoryPatch(Body):
    """A JSON Merge Patch of a category: left out stays, `"parent_id": null` moves to the root."""

    title: Title | None = None
    handle: Handle | None = None
    parent_id: Reference | None = None

    def onto(self, draft: CategoryDraft) -> CategoryDraft:
        """Merge into ``draft``. Raises InvalidInput for a title or handle of null."""
        given = self.model_fields_set
        for name in ("title", "handle"):
            if name in given and getattr(self, name) is None:
                detail = f"a category needs a {name}; it cannot be taken away"
                raise InvalidInput(f"/{name}: {detail}", errors=[FieldError(f"/{name}", detail)])
        return CategoryDraft(
            title=self.title or draft.title,
            handle=self.handle or draft.handle,
            parent=self.parent_id if "parent_id" in given else draft.parent,
        )


class CategoryView(BaseModel):
    """A category and where it hangs."""

    id: UUID
    parent_id: UUID | None = Field(description="Null at the root.")
    handle: str
    title: str
    path: list[str] = Field(description="Titles from the root to this category.")
    depth: int = Field(description="0 at the root.")
    version: int
    created_at: datetime
    updated_at: datetime

    @classmethod
    def of(cls, category: Category) -> "CategoryView":
        """Show ``category``."""
        return cls(
            id=category.id,
            parent_id=category.parent_id,
            handle=category.handle,
            title=category.title,
            path=list(category.path),
            depth=len(category.path) - 1,
            version=category.version,
            created_at=category.created_at,
            updated_at=category.updated_at,
        )
