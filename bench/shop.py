"""Reads and checkouts against a running shop: ``python bench/shop.py [--gateway URL] [--clients 8] [--seconds 10]``.

Load generator, services, PostgreSQL and Kafka share the machine, so compare within one run only. Start the shop with
``make run``; the SKUs that are bought are counted up first, and the orders stay: they are none that the demo buys.
"""

import argparse
import asyncio
import json
import os
import time
import uuid
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import aiohttp

SKUS = ("MUG-GREEN", "MUG-RED")
UNITS = 1_000_000
ADDRESS = {"name": "Ada", "line1": "Torstr. 1", "city": "Berlin", "postal_code": "10119", "country": "DE"}

Work = Callable[[aiohttp.ClientSession], Awaitable[None]]


class WrongAnswer(Exception):  # the fact
    """A figure made of refusals would be worth nothing."""


async def call(client: aiohttp.ClientSession, method: str, path: str, *, body: Any = None, **headers: str) -> Any:  # noqa: ANN401 - JSON
    """Send a request and read its answer whole; anything but 2xx ends the run."""
    async with client.request(method, path, json=body, headers=headers) as answer:
        content = await answer.read()
        if answer.status >= 300:  # noqa: PLR2004 - 2xx
            raise WrongAnswer(f"{method} {path}: {answer.status} {content[:300]!r}")
        return json.loads(content) if content else None


def new_key() -> dict[str, str]:
    """Make an Idempotency-Key where one is required; carts take none here, as in most storefronts."""
    return {"Idempotency-Key": str(uuid.uuid4())}


async def read_product(client: aiohttp.ClientSession) -> None:
    """A product page, as a shopper sees it."""
    await call(client, "GET", "/v1/products/enamel-mug")


async def list_products(client: aiohttp.ClientSession) -> None:
    """Twenty cards."""
    await call(client, "GET", "/v1/products?limit=20")


async def search(client: aiohttp.ClientSession) -> None:
    """Two words."""
    await call(client, "GET", "/v1/search?q=enamel+mug")


async def check_out(client: aiohttp.ClientSession) -> None:
    """A guest's eight calls: cart, two lines, addresses, options, option, checkout, order."""
    cart = await call(client, "POST", "/v1/carts", body={"currency": "EUR", "channel": "web", "country": "DE"})
    path, token = f"/v1/carts/{cart['id']}", {"Cart-Token": cart["token"]}
    for sku in SKUS:
        await call(client, "POST", f"{path}/lines", body={"sku": sku, "quantity": 1}, **token)
    await call(client, "PUT", f"{path}/addresses", body={"shipping": ADDRESS}, **token)
    options = await call(client, "GET", f"{path}/shipping-options", **token)
    await call(client, "PUT", f"{path}/shipping-option", body={"id": options["items"][0]["id"]}, **token)
    payment = {"method": "test", "token": "approve"}
    body = {"email": "bench@example.com", "payment": payment}
    order = await call(client, "POST", f"{path}/checkout", body=body, **token, **new_key())
    await call(client, "GET", f"/v1/orders/{order['id']}", **token)


async def measure(gateway: str, work: Work, *, clients: int, seconds: float) -> list[float]:
    """Run ``work`` by so many clients for so long; returns the seconds that each took, in order."""
    taken: list[float] = []
    end = time.perf_counter() + seconds

    async def one() -> None:
        async with aiohttp.ClientSession(gateway) as client:
            while (begun := time.perf_counter()) < end:
                await work(client)
                taken.append(time.perf_counter() - begun)

    await asyncio.gather(*(one() for _ in range(clients)))
    return sorted(taken)


async def fill(gateway: str, logins: dict[str, Any]) -> None:
    """Put enough units on the shelf."""
    warehouse = next(user for user in logins["users"] if user["role"] == "warehouse")
    async with aiohttp.ClientSession(gateway) as client:
        form = {"grant_type": "password", "username": warehouse["email"], "password": warehouse["password"]}
        async with client.post("/v1/auth/token", data=form) as answer:
            bearer = {"Authorization": f"Bearer {(await answer.json())['access_token']}"}
        locations = await call(client, "GET", "/v1/locations", **bearer)
        for sku in SKUS:
            body = {"location_id": locations["items"][0]["id"], "count": UNITS, "reason": "bench"}
            await call(client, "POST", f"/v1/stock/{sku}/adjustments", body=body, **bearer, **new_key())


async def run(gateway: str, logins: dict[str, Any], *, clients: int, seconds: float) -> None:
    """Print a line for each kind of work, after a short warm-up of it."""
    await fill(gateway, logins)
    kinds: dict[str, Work] = {
        "product page": read_product,
        "list of 20": list_products,
        "search, two words": search,
        "checkout, 8 calls": check_out,
    }
    for name, work in kinds.items():
        await measure(gateway, work, clients=clients, seconds=min(2.0, seconds))
        taken = await measure(gateway, work, clients=clients, seconds=seconds)
        p50, p99 = (taken[int(len(taken) * part)] * 1000 for part in (0.5, 0.99))
        print(f"{name:<20} {len(taken) / seconds:8.1f} /s   p50 {p50:7.1f} ms   p99 {p99:7.1f} ms   {clients} clients")


def main() -> None:
    """Read the arguments and measure."""
    data_dir = os.environ.get("DATA_DIR", ".data")
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--gateway")
    parser.add_argument("--clients", type=int, default=8)
    parser.add_argument("--seconds", type=float, default=10.0)
    arguments = parser.parse_args()
    logins = json.loads(Path(data_dir, "demo.json").read_text())
    gateway = arguments.gateway or logins["gateway"]
    asyncio.run(run(gateway, logins, clients=arguments.clients, seconds=arguments.seconds))


if __name__ == "__main__":
    main()
