"""Keyset pages: ``?limit=&after=`` in, ``{"items": […], "next": cursor | null}`` out.

A cursor holds the sort values of the last item and a hash of the list's filters. It is opaque, not secret: whoever
changes one can only move within a list that they may read, and what does not fit is refused as InvalidCursor before it
reaches SQL.
"""

import base64
import binascii
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from types import UnionType
from typing import Annotated, Any, Final, Generic, TypeVar
from uuid import UUID

from fastapi import Depends, Query
from pydantic import BaseModel, Field

from common.on_loop import on_loop
from common.problems import InvalidCursor

T = TypeVar("T")
V = TypeVar("V")

CursorValue = str | int | datetime | UUID | None

DEFAULT_LIMIT = 50
MAX_LIMIT = 200
MAX_CURSOR_LENGTH = 2000

_MAX_BIGINT: Final = 2**63 - 1


def encode_cursor(values: Sequence[CursorValue], *, filters: Mapping[str, object] | None = None) -> str:
    """Make the cursor of the item whose sort values, its id last, are ``values``."""
    document = [_hash_of(filters), *(_tagged(value) for value in values)]
    return base64.urlsafe_b64encode(json.dumps(document, separators=(",", ":")).encode()).rstrip(b"=").decode()


def decode_cursor(
    cursor: str, *types: type | UnionType | None, filters: Mapping[str, object] | None = None
) -> tuple[Any, ...]:
    """Read a cursor back into values of ``types``, such as ``(datetime, UUID)`` or ``(int | None, UUID)``.

    Raises InvalidCursor if it is damaged, was made under other filters, or holds other types.
    """
    document = _document(cursor)
    if document[0] != _hash_of(filters):
        raise InvalidCursor("The cursor was made under other filters; start again without it.")
    try:
        values = tuple(_untagged(item) for item in document[1:])
    except (ValueError, TypeError, OverflowError) as error:
        raise InvalidCursor("The cursor is damaged; start again without it.") from error
    if len(values) != len(types) or not all(
        isinstance(value, kind or type(None)) for value, kind in zip(values, types, strict=True)
    ):
        raise InvalidCursor("The cursor belongs to another list; start again without it.")
    return values


def _document(cursor: str) -> list[Any]:
    try:
        document = json.loads(base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True))
    except (binascii.Error, ValueError, RecursionError) as error:
        raise InvalidCursor("The cursor is damaged; start again without it.") from error
    if not isinstance(document, list) or not document:
        raise InvalidCursor("The cursor is damaged; start again without it.")
    return document


def _hash_of(filters: Mapping[str, object] | None) -> str:
    given = {name: str(value) for name, value in (filters or {}).items() if value is not None}
    return sha256(json.dumps(given, sort_keys=True).encode()).hexdigest()[:12]


def _tagged(value: CursorValue) -> object:
    """JSON has strings, numbers and null; the other types say their name."""
    match value:
        case None | str():
            return value
        case int() if not isinstance(value, bool):
            return value
        case datetime() if value.tzinfo is not None:
            return {"t": value.astimezone(UTC).isoformat()}
        case UUID():
            return {"u": value.hex}
        case _:
            raise TypeError(f"a cursor cannot hold {value!r}")


def _untagged(item: object) -> CursorValue:
    match item:
        case None:
            return None
        case str():
            item.encode()  # PostgreSQL takes neither half a surrogate pair nor NUL
            if "\x00" in item:
                raise ValueError("NUL in a cursor")
            return item
        case bool() | float():
            raise TypeError("no such value in a cursor")
        case int() if -_MAX_BIGINT <= item <= _MAX_BIGINT:
            return item
        case {"t": str(text)}:
            moment = datetime.fromisoformat(text)
            return moment.astimezone(UTC) if moment.tzinfo else _refuse(text)
        case {"u": str(text)}:
            return UUID(hex=text)
        case _:
            return _refuse(item)


def _refuse(item: object) -> CursorValue:
    raise ValueError(f"no such value in a cursor: {item!r}")


@dataclass(frozen=True, slots=True)
class PageParams:
    """``?limit=&after=`` of a list; a route takes it as ``page: Paging``."""

    limit: Annotated[int, Query(ge=1, le=MAX_LIMIT, description="Items per page.")] = DEFAULT_LIMIT
    after: Annotated[
        str | None, Query(max_length=MAX_CURSOR_LENGTH, description="`next` of the page before; absent for the first.")
    ] = None

    def position(
        self, *types: type | UnionType | None, filters: Mapping[str, object] | None = None
    ) -> tuple[Any, ...] | None:
        """Where the page starts: the last item's sort values; None on the first page. Raises InvalidCursor."""
        return None if self.after is None else decode_cursor(self.after, *types, filters=filters)

    @property
    def fetch(self) -> int:
        """Rows to ask SQL for: one more than the page shows tells whether there is a next one."""
        return self.limit + 1


Paging = Annotated[PageParams, Depends(on_loop(PageParams))]


class Page(BaseModel, Generic[T]):
    """One page of a list."""

    items: list[T]
    next: str | None = Field(description="Cursor of the next page; null on the last.")

    @classmethod
    def of(
        cls,
        rows: Sequence[T],
        limit: int,
        key: Callable[[T], Sequence[CursorValue]],
        *,
        filters: Mapping[str, object] | None = None,
    ) -> "Page[T]":
        """Cut ``rows``, of which up to ``limit + 1`` were fetched, to a page.

        ``key`` gives an item's sort values in the order of the list's ORDER BY, the id last.
        """
        items = list(rows[:limit])
        more = len(rows) > limit
        return Page.model_construct(items=items, next=encode_cursor(key(items[-1]), filters=filters) if more else None)

    def map(self, view: Callable[[T], V]) -> "Page[V]":
        """Turn each item into what the route answers with."""
        return Page.model_construct(items=[view(item) for item in self.items], next=self.next)
