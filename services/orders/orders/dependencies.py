"""What routes are given."""

from typing import Annotated

from fastapi import Depends, Request

from common.auth import Caller, SignedIn, requires
from common.http import runtime_of
from common.problems import Forbidden
from common.service import Runtime
from orders.resources import Resources
from orders.settings import Settings


async def runtime(request: Request) -> Runtime:
    """Return the process's runtime."""
    return runtime_of(request)


async def resources(request: Request) -> Resources:
    """Return the process's ports."""
    held: Resources = runtime_of(request).resources
    return held


async def settings(request: Request) -> Settings:
    """Return the process's settings."""
    held = runtime_of(request).settings
    if not isinstance(held, Settings):
        raise TypeError("orders runs on its own settings")
    return held


async def customer(caller: SignedIn) -> Caller:
    """Whoever is signed in as a customer; staff have no things of their own here."""
    if caller.customer_id is None:
        raise Forbidden("This login is not a customer's; sign in as a customer.")
    return caller


OurRuntime = Annotated[Runtime, Depends(runtime)]
OurSettings = Annotated[Settings, Depends(settings)]
OurResources = Annotated[Resources, Depends(resources)]
Customer = Annotated[Caller, Depends(customer)]
CanFulfil = Annotated[Caller, Depends(requires("orders:fulfil"))]
CanImport = Annotated[Caller, Depends(requires("orders:import"))]
