"""What can go wrong with categories."""

from common.problems import Conflict, FieldError, NotFound


class CategoryNotFound(NotFound):
    """There is no such category."""

    slug, title = "category-not-found", "No such category"

    def __init__(self, reference: str) -> None:
        super().__init__(f"There is no category {reference[:200]!r} here.")


class CategoryExists(Conflict):
    """There is a category of this handle, or of this title in the same place."""

    slug, title = "category-exists", "The category exists"

    def __init__(self, member: str, value: str) -> None:
        detail = f"Another category has the {member} {value!r}" + (" here" if member == "title" else "")
        super().__init__(f"{detail}; choose another one.", errors=[FieldError(f"/{member}", detail)])


class CategoryCycle(Conflict):
    """A category cannot hang below itself. Move it elsewhere, or move the other one first."""

    slug, title = "category-cycle", "A category cannot be its own ancestor"

    def __init__(self, category: str, parent: str) -> None:
        super().__init__(
            f"{parent!r} is {category!r} or lies below it.",
            errors=[FieldError("/parent_id", "lies below the category")],
        )


class CategoryInUse(Conflict):
    """The category still has subcategories or products. Move them elsewhere first."""

    slug, title = "category-in-use", "The category is not empty"

    def __init__(self, handle: str, *, children: int, products: int) -> None:
        super().__init__(
            f"{handle} has {children} subcategories and {products} products; move them elsewhere first.",
            children=children,
            products=products,
        )


class TreeTooDeep(Conflict):
    """The tree would be deeper than shops can show."""

    slug, title = "category-too-deep", "The tree would be too deep"

    def __init__(self, levels: int, most: int) -> None:
        super().__init__(f"The tree would have {levels} levels; at most {most} are allowed.")
