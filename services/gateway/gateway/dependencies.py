"""What routes ask for."""

from typing import Annotated

from fastapi import Depends, Request

from common.http import runtime_of
from gateway.proxy.upstreams import Upstreams
from gateway.resources import Resources
from gateway.settings import Settings
from gateway.tokens.access import AccessTokens
from gateway.users.passwords import Passwords


def resources_of(request: Request) -> Resources:
    """Return what the process opened beside its database."""
    resources: Resources = runtime_of(request).resources
    return resources


async def settings_in(request: Request) -> Settings:
    """Return the gateway's settings."""
    settings = runtime_of(request).settings
    if not isinstance(settings, Settings):
        raise TypeError(f"the gateway runs with {type(settings).__name__}, not with its own Settings")
    return settings


async def _passwords(request: Request) -> Passwords:
    return resources_of(request).passwords


async def _access_tokens(request: Request) -> AccessTokens:
    return resources_of(request).access_tokens


async def _upstreams(request: Request) -> Upstreams:
    return resources_of(request).upstreams


PasswordsOf = Annotated[Passwords, Depends(_passwords)]
AccessTokensOf = Annotated[AccessTokens, Depends(_access_tokens)]
UpstreamsOf = Annotated[Upstreams, Depends(_upstreams)]
SettingsOf = Annotated[Settings, Depends(settings_in)]
