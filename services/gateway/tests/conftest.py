"""The gateway served for real, in front of tiny services that stand in for the suite's."""

from collections.abc import AsyncIterator, Mapping

import httpx2
import pytest
import pytest_asyncio
from aiohttp import web
from fastapi import FastAPI

from common.auth import Caller, TokenVerifier
from common.service import Runtime, Service
from common.testing import Keyring, TestClock
from common.testing.served import Served
from gateway.app import SERVICE
from gateway.proxy.front import Front
from gateway.proxy.table import RouteTable
from gateway.resources import Resources
from gateway.testing import NAMES, Bearer, ReadToken, Serve, Suite, TinyService, make_user
from gateway.users.repository import User


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def tiny_services() -> AsyncIterator[Suite]:
    """Start one for each service."""
    services = {name: TinyService(name) for name in NAMES}
    for each in services.values():
        await each.start()
    yield services
    for each in services.values():
        await each.stop()


@pytest.fixture
def suite(tiny_services: Suite) -> Suite:
    """Return the services behind the gateway, with nothing on record."""
    for each in tiny_services.values():
        each.reset()
    return tiny_services


@pytest.fixture
def catalog(suite: Suite) -> TinyService:
    return suite["catalog"]


@pytest.fixture
def orders(suite: Suite) -> TinyService:
    return suite["orders"]


@pytest.fixture(scope="session")
def service() -> Service:
    return SERVICE


def urls_of(services: Suite) -> dict[str, str]:
    """Say where the services listen."""
    return {f"GATEWAY_{name.upper()}_URL": each.url for name, each in services.items()}


@pytest.fixture(scope="session")
def service_environment(tiny_services: Suite) -> Mapping[str, str]:
    return urls_of(tiny_services) | {
        "GATEWAY_CORS_ORIGINS": "https://shop.example, https://console.example/",
        "TEST_CLOCK": "1",
    }


@pytest.fixture
def serve(app: FastAPI, runtime: Runtime) -> Serve:
    """Serve the gateway with another route table."""

    def make(table: RouteTable) -> Served:
        return Served(Front(app, runtime, table=table))

    return make


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def address(app: FastAPI, runtime: Runtime) -> AsyncIterator[str]:
    """Where the gateway listens."""
    async with Served(Front(app, runtime)) as served:
        yield served.url


@pytest_asyncio.fixture(loop_scope="session")
async def gate(address: str) -> AsyncIterator[httpx2.AsyncClient]:
    """Talk to the gateway over a real connection."""
    async with httpx2.AsyncClient(base_url=address, timeout=20, trust_env=False) as client:
        yield client


@pytest.fixture(scope="module")
def resources(runtime: Runtime) -> Resources:
    opened: Resources = runtime.resources
    return opened


@pytest.fixture
def bearer(resources: Resources) -> Bearer:
    """Make the header of a user with a role: ``bearer("admin")``, or of a given user."""

    def header(role: str = "customer", *, user: User | None = None) -> dict[str, str]:
        token = resources.access_tokens.issue(user or make_user(role=role), client_id="test")
        return {"Authorization": f"Bearer {token}"}

    return header


@pytest.fixture
def read_token(keyring: Keyring, clock: TestClock) -> ReadToken:
    """Read what a service was told, with a service's own verifier."""

    def read(request: web.Request, audience: str) -> Caller:
        verifier = TokenVerifier(keyring.trusted, audience, now=lambda: clock.now().timestamp())
        return verifier.caller(request.headers["Authorization"])

    return read
