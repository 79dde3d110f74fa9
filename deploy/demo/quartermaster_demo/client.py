"""The API as a frontend sees it: one gateway, a login or a cart token, answers that must be what they must be."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from typing import Any, TypeVar
from uuid import uuid4

import httpx2

T = TypeVar("T")

WAIT_SECONDS = 30.0


class WrongAnswer(Exception):
    """An answer was not what it must be."""


def must(condition: object, sentence: str) -> None:
    """Raise WrongAnswer with ``sentence`` unless ``condition`` holds."""
    if not condition:
        raise WrongAnswer(sentence)


class Visitor:
    """Somebody who talks to the gateway."""

    def __init__(self, client: httpx2.AsyncClient, headers: dict[str, str] | None = None) -> None:
        self._client = client
        self._headers = headers or {}

    def with_header(self, name: str, value: str) -> "Visitor":
        """The same visitor with one more header, such as a Cart-Token."""
        return Visitor(self._client, self._headers | {name: value})

    async def call(self, method: str, path: str, expect: int = 200, **options: Any) -> httpx2.Response:  # noqa: ANN401 - httpx's options
        """Send a request. Raises WrongAnswer unless the status is ``expect``."""
        headers = self._headers | dict(options.pop("headers", {}))
        if method == "POST" and not path.startswith("/v1/auth/"):
            headers.setdefault("Idempotency-Key", str(uuid4()))
        answer = await self._client.request(method, path, headers=headers, **options)
        must(
            answer.status_code == expect,
            f"{method} {path} answered {answer.status_code} instead of {expect}: {answer.text[:600]}",
        )
        return answer

    async def get(self, path: str, expect: int = 200, **params: Any) -> Any:  # noqa: ANN401 - a JSON document
        """GET a JSON document."""
        return (await self.call("GET", path, expect, params=params)).json()

    async def post(self, path: str, body: object, expect: int = 201, **options: Any) -> Any:  # noqa: ANN401 - a JSON document
        """POST a JSON document and return the answer's."""
        return (await self.call("POST", path, expect, json=body, **options)).json()

    async def put(self, path: str, body: object, expect: int = 200) -> Any:  # noqa: ANN401 - a JSON document
        """PUT a JSON document and return the answer's."""
        return (await self.call("PUT", path, expect, json=body)).json()

    def stream(self, path: str, headers: dict[str, str], **params: str) -> AbstractAsyncContextManager[httpx2.Response]:
        """GET an answer that is read while it comes; its status is the caller's to look at."""
        return self._client.stream("GET", path, headers=self._headers | headers, params=params)


async def login(client: httpx2.AsyncClient, email: str, password: str) -> Visitor:
    """Sign in and return whoever that is."""
    form = {"grant_type": "password", "username": email, "password": password}
    answer = await Visitor(client).call("POST", "/v1/auth/token", data=form)
    return Visitor(client, {"Authorization": f"Bearer {answer.json()['access_token']}"})


async def eventually(what: str, look: Callable[[], Awaitable[T | None]]) -> T:
    """Look until there is something to see. Raises WrongAnswer when it does not come in time."""
    try:
        async with asyncio.timeout(WAIT_SECONDS):
            while True:
                found = await look()
                if found:
                    return found
                await asyncio.sleep(0.05)
    except TimeoutError:
        raise WrongAnswer(f"{what} did not happen within {WAIT_SECONDS:.0f} s") from None
