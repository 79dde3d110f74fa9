"""Parameters of a list as a dependency that stays on the loop.

FastAPI calls what is no coroutine in a pool of 40 threads: a hop for nothing, and a queue under load.
"""

import inspect
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

T = TypeVar("T")


def on_loop(kind: Callable[..., T]) -> Callable[..., Awaitable[T]]:
    """Wrap a class whose parameters are query parameters, for ``Depends(on_loop(PageParams))``."""

    async def make(**given: Any) -> T:  # noqa: ANN401 - as the class takes them
        return kind(**given)

    make.__signature__ = inspect.signature(kind)  # type: ignore[attr-defined] # what FastAPI reads
    make.__name__ = make.__qualname__ = getattr(kind, "__name__", "make")
    return make
