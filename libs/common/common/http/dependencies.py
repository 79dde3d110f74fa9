"""What routes are given: the runtime and the unit of work, with the caller's Idempotency-Key."""

from typing import TYPE_CHECKING, Annotated

from fastapi import Depends, Header, Request

from common.auth import Anyone, Caller
from common.database import UnitOfWork
from common.idempotency import IdempotencyScope
from common.problems import BadRequest, IdempotencyKeyMissing

if TYPE_CHECKING:
    from common.service import Runtime

KEY_LENGTH = 255


def runtime_of(request: Request) -> "Runtime":
    """Return the process's runtime."""
    runtime: Runtime = request.app.state.runtime
    return runtime


async def _scope(request: Request, caller: Caller, key: str | None) -> IdempotencyScope | None:
    if key is None or caller.principal is None:
        return None
    if not 1 <= len(key) <= KEY_LENGTH or not key.isprintable():
        raise BadRequest(f"Idempotency-Key must be 1 to {KEY_LENGTH} printable characters.")
    return IdempotencyScope.of(
        principal=caller.principal,
        key=key,
        method=request.method,
        path=request.url.path,
        body=await request.body(),
    )


Key = Annotated[
    str | None, Header(alias="Idempotency-Key", description="Makes a repeated request act once; kept 24 hours.")
]


async def unit_of_work(request: Request, caller: Anyone, idempotency_key: Key = None) -> UnitOfWork:
    """Make the request's unit of work; a key is honoured where the caller has a credential."""
    scope = await _scope(request, caller, idempotency_key) if request.method == "POST" else None
    uow = runtime_of(request).database.uow(idempotency=scope)
    await uow.read_clock()
    return uow


async def keyed_unit_of_work(request: Request, caller: Anyone, idempotency_key: Key = None) -> UnitOfWork:
    """Make the request's unit of work. Raises IdempotencyKeyMissing without a key."""
    if idempotency_key is None:
        raise IdempotencyKeyMissing("Send an Idempotency-Key, such as a new UUID, so that a retry cannot act twice.")
    return await unit_of_work(request, caller, idempotency_key)


async def plain_unit_of_work(request: Request) -> UnitOfWork:
    """Make a unit of work that knows no key: reads, uploads, and what answers with a secret."""
    uow = runtime_of(request).database.uow()
    await uow.read_clock()
    return uow


Uow = Annotated[UnitOfWork, Depends(unit_of_work)]
KeyedUow = Annotated[UnitOfWork, Depends(keyed_unit_of_work)]
PlainUow = Annotated[UnitOfWork, Depends(plain_unit_of_work)]
