"""A client that talks to a service in the test's own process, as whoever the test says."""

from typing import Any
from uuid import UUID, uuid4

import httpx2
from fastapi import FastAPI

from common.testing._keys import Keyring

KEYED = frozenset({"POST"})


class Api:
    """Requests as one caller. A POST gets a fresh Idempotency-Key unless the test gives one, or None for none."""

    def __init__(self, app: FastAPI, keyring: Keyring, service: str, claims: dict[str, Any] | str | None) -> None:
        self._app, self._keyring, self._service, self._claims = app, keyring, service, claims
        transport = httpx2.ASGITransport(app=app, raise_app_exceptions=False)
        self._client = httpx2.AsyncClient(transport=transport, base_url=f"http://{service}.test")

    # -- who --------------------------------------------------------------------------------------------------------

    def _as(self, claims: dict[str, Any] | str | None) -> "Api":
        return Api(self._app, self._keyring, self._service, claims)

    def as_user(self, *, scopes: str, subject: UUID | str | None = None, **claims: Any) -> "Api":  # noqa: ANN401 - claims
        """Speak as a member of staff with ``scopes`` (separated by spaces)."""
        return self._as({"sub": str(subject or uuid4()), "kind": "user", "scope": scopes, **claims})

    def as_customer(
        self,
        customer_id: UUID | None = None,
        *,
        email: str = "shopper@example.com",
        **claims: Any,  # noqa: ANN401 - claims
    ) -> "Api":
        """Speak as a registered customer."""
        customer = str(customer_id or uuid4())
        return self._as(
            {"sub": customer, "kind": "user", "scope": "", "customer_id": customer, "email": email, "name": "A Shopper"}
            | claims
        )

    def as_service(self, name: str) -> "Api":
        """Speak as another service."""
        return self._as(name)

    def as_anonymous(self, *, cart_token: str | None = None) -> "Api":
        """Speak as nobody, or as whoever holds a cart token."""
        if cart_token is None:
            return self._as(None)
        from hashlib import sha256  # noqa: PLC0415 - as the gateway does

        return self._as({"kind": "anonymous", "cart": sha256(cart_token.encode()).hexdigest()})

    # -- what -------------------------------------------------------------------------------------------------------

    async def request(self, method: str, path: str, **options: Any) -> httpx2.Response:  # noqa: ANN401 - httpx's options
        """Send one request."""
        headers = {name.lower(): value for name, value in dict(options.pop("headers", None) or {}).items()}
        if method in KEYED:
            headers.setdefault("idempotency-key", str(uuid4()))
        if self._claims is not None:
            headers.setdefault("authorization", f"Bearer {self._token()}")
        headers = {name: value for name, value in headers.items() if value is not None}
        return await self._client.request(method, path, headers=headers, **options)

    def _token(self) -> str:
        if isinstance(self._claims, str):
            return self._keyring.service_token(self._claims, self._service)
        return self._keyring.user_token(self._service, self._claims or {})

    async def get(self, path: str, **options: Any) -> httpx2.Response:  # noqa: ANN401 - httpx's options
        """GET."""
        return await self.request("GET", path, **options)

    async def post(self, path: str, **options: Any) -> httpx2.Response:  # noqa: ANN401 - httpx's options
        """POST."""
        return await self.request("POST", path, **options)

    async def put(self, path: str, **options: Any) -> httpx2.Response:  # noqa: ANN401 - httpx's options
        """PUT."""
        return await self.request("PUT", path, **options)

    async def patch(self, path: str, **options: Any) -> httpx2.Response:  # noqa: ANN401 - httpx's options
        """PATCH."""
        return await self.request("PATCH", path, **options)

    async def delete(self, path: str, **options: Any) -> httpx2.Response:  # noqa: ANN401 - httpx's options
        """DELETE."""
        return await self.request("DELETE", path, **options)
