"""Who is asking, and what that one may do."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Annotated, Literal
from uuid import UUID

from fastapi import Depends, Request

from common.problems import Forbidden, Unauthenticated


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """The verified principal of a request.

    ``cart`` is the SHA-256 (hex) of a Cart-Token that came along; only orders can tell whether it fits a cart.
    ``personal_data`` is False for roles that read figures and orders but not who the people are: views leave it out.
    """

    subject: str | None = None
    kind: Literal["user", "service", "anonymous"] = "anonymous"
    scopes: frozenset[str] = frozenset()
    customer_id: UUID | None = None
    cart: str | None = None
    email: str | None = None
    name: str | None = None
    personal_data: bool = True

    def has(self, scope: str) -> bool:
        """Tell whether ``scope`` was granted."""
        return scope in self.scopes

    @property
    def principal(self) -> str | None:
        """Whose Idempotency-Keys these are: the login, else the cart token; None without credential."""
        if self.subject is not None:
            return self.subject
        return f"cart:{self.cart}" if self.cart is not None else None


ANONYMOUS = Caller()


async def anyone(request: Request) -> Caller:
    """Whoever asks, signed in or not. Raises Unauthenticated for a credential that is expired or not ours."""
    found: Caller | None = request.scope.get("caller")
    if found is None:
        header = request.headers.get("authorization")
        found = request.app.state.runtime.verifier.caller(header) if header else ANONYMOUS
        request.scope["caller"] = found
    return found


Anyone = Annotated[Caller, Depends(anyone)]


async def signed_in(caller: Anyone) -> Caller:
    """Whoever is signed in as a user."""
    if caller.kind != "user":
        raise Unauthenticated("This needs a signed-in user; send an access token as Authorization: Bearer.")
    return caller


SignedIn = Annotated[Caller, Depends(signed_in)]


class requires:  # noqa: N801 - reads as a word of the route: Depends(requires("orders:fulfil"))
    """Let pass whoever has one of ``scopes``. 401 without credential, 403 without scope."""

    def __init__(self, *scopes: str) -> None:
        self.scopes = scopes

    async def __call__(self, caller: Anyone) -> Caller:
        """Return the caller, or refuse."""
        if caller.kind == "anonymous":
            raise Unauthenticated("This needs a credential; send an access token as Authorization: Bearer.")
        if not any(caller.has(scope) for scope in self.scopes):
            raise Forbidden(f"This needs the scope {' or '.join(self.scopes)}, which this credential does not have.")
        return caller


def requires_service(*names: str) -> Callable[[Caller], Awaitable[Caller]]:
    """Let pass only the services named: for routes under /internal."""

    async def check(caller: Anyone) -> Caller:
        if caller.kind != "service":
            raise Unauthenticated("This route is for the suite's own services.")
        if caller.subject not in names:
            raise Forbidden(f"The service {caller.subject} has no business here; {', '.join(names)} may call.")
        return caller

    return check
