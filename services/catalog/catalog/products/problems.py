"""What can go wrong with products."""

from collections.abc import Sequence

from common.problems import Conflict, FieldError, NotFound


class ProductNotFound(NotFound):
    """There is no such product, or it is a draft and the caller may not see drafts."""

    slug, title = "product-not-found", "No such product"

    def __init__(self, reference: str) -> None:
        super().__init__(f"There is no product {reference[:200]!r} here.")


class HandleTaken(Conflict):
    """Another product has this handle. Choose another, or leave the handle out to get a free one."""

    slug, title = "handle-taken", "The handle is taken"

    def __init__(self, handle: str) -> None:
        detail = f"Another product has the handle {handle}; choose another one."
        super().__init__(detail, errors=[FieldError("/handle", detail)])


class SkuTaken(Conflict):
    """Another product has a variant with this SKU. A SKU stands for one thing on the shelf."""

    slug, title = "sku-taken", "The SKU is taken"

    def __init__(self, sku: str, *, errors: Sequence[FieldError] = ()) -> None:
        super().__init__(f"The SKU {sku} belongs to another product; choose another one.", errors=errors)
