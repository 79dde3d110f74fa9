"""Shoppers who buy without end, and try again whatever breaks, as a sensible client does."""

import asyncio
from collections import Counter
from types import TracebackType
from typing import Any, Self
from uuid import uuid4

import httpx2

from common.testing.suite import until
from tests.support.shop import ADDRESS, SHIPPING, Shop

PATIENCE_SECONDS = 60.0
PAUSE_SECONDS = 0.2
PASSING = frozenset({502, 503, 504})
PASSING_CONFLICTS = frozenset(
    {"/problems/request-in-progress", "/problems/cart-checking-out", "/problems/cart-changed"}
)


class Stream:
    """Checkouts under way for the block; at its end every shopper has come to the end of theirs."""

    def __init__(self, shop: Shop, sku: str, *, shoppers: int = 8) -> None:
        self.placed: dict[str, str] = {}
        """Order -> its cart, of every 201."""
        self.strange: list[str] = []
        """Answers that no client should see, whatever breaks."""
        self.trouble: Counter[str] = Counter()
        """What was tried again."""
        self._shop, self._sku, self._shoppers = shop, sku, shoppers
        self._stop = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> Self:
        self._tasks = [asyncio.create_task(self._buy_on()) for _ in range(self._shoppers)]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._stop.set()
        await asyncio.gather(*self._tasks)

    async def more(self, orders: int) -> None:
        """Wait until so many more were placed."""
        wanted = len(self.placed) + orders

        async def enough() -> bool:
            for task in self._tasks:
                if task.done():
                    task.result()
            return len(self.placed) >= wanted

        await until(enough, timeout=PATIENCE_SECONDS)

    async def _buy_on(self) -> None:
        while not self._stop.is_set():
            await self._buy()

    async def _buy(self) -> None:
        cart = await self._insist("POST", "/v1/carts", {"currency": "EUR", "country": "DE"}, 201, {})
        token, path = {"Cart-Token": cart["token"]}, f"/v1/carts/{cart['id']}"
        await self._insist("POST", f"{path}/lines", {"sku": self._sku, "quantity": 1}, 201, token)
        await self._insist("PUT", f"{path}/addresses", {"shipping": ADDRESS}, 200, token)
        await self._insist("PUT", f"{path}/shipping-option", {"id": SHIPPING}, 200, token)
        body = {"email": "stream@example.com", "payment": {"method": "test", "token": "approve"}}
        order = await self._insist("POST", f"{path}/checkout", body, 201, token)
        self.placed[order["id"]] = cart["id"]

    async def _insist(self, method: str, path: str, body: object, expect: int, headers: dict[str, str]) -> Any:  # noqa: ANN401 - a JSON document
        """Send a request with one key until it is answered for good."""
        headers = headers | ({"Idempotency-Key": str(uuid4())} if method == "POST" else {})
        async with asyncio.timeout(PATIENCE_SECONDS):
            while True:
                pause = PAUSE_SECONDS
                try:
                    answer = await self._shop.client.request(method, path, json=body, headers=headers)
                except httpx2.TransportError as error:
                    self.trouble[type(error).__name__] += 1
                else:
                    if answer.status_code == expect:
                        return answer.json()
                    self._note(method, path, answer)
                    pause = float(answer.headers.get("retry-after", PAUSE_SECONDS))
                await asyncio.sleep(pause)  # as a client does that was told to come again

    def _note(self, method: str, path: str, answer: httpx2.Response) -> None:
        kind = answer.json().get("type", "")
        self.trouble[f"{answer.status_code} {kind}"] += 1
        passing = answer.status_code in PASSING or kind in PASSING_CONFLICTS
        if not passing:
            self.strange.append(f"{method} {path}: {answer.status_code} {answer.text}")
            raise AssertionError(self.strange[-1])
