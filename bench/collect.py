"""Events through ``POST /v1/collect``: ``python bench/collect.py [--gateway URL] [--clients 8] [--events 10]``.

Each request is a batch of one visitor out of a thousand, as pages send them: new event ids, an address, a browser. Load
generator, gateway, metrics and PostgreSQL share the machine, so compare within one run only. Start the shop with
``make run``; the events stay, in a channel of their own.
"""

import argparse
import asyncio
import itertools
import json
import os
import time
import uuid
from pathlib import Path

import aiohttp

VISITORS = 1_000
BROWSER = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
NAMES = ("page_view", "view_item_list", "view_item", "search", "add_to_cart")


class WrongAnswer(Exception):  # the fact
    """A figure made of refusals would be worth nothing."""


def batch(visitor: int, events: int) -> bytes:
    """What a page sends."""
    page = f"https://shop.example/products/{visitor % 50}?utm_source=bench"
    return json.dumps(
        {
            "channel": "bench",
            "visitor": f"bench-{visitor % VISITORS}",
            "events": [
                {"id": str(uuid.uuid4()), "name": NAMES[number % len(NAMES)], "url": page, "title": "A page"}
                for number in range(events)
            ],
        }
    ).encode()


async def measure(gateway: str, *, clients: int, events: int, seconds: float) -> list[float]:
    """Send batches by so many clients for so long; returns the seconds that each took, in order."""
    taken: list[float] = []
    visitors = itertools.count()
    headers = {"Content-Type": "text/plain", "User-Agent": BROWSER}
    end = time.perf_counter() + seconds

    async def one() -> None:
        async with aiohttp.ClientSession(gateway, headers=headers) as client:
            while (begun := time.perf_counter()) < end:
                async with client.post("/v1/collect", data=batch(next(visitors), events)) as answer:
                    document = await answer.json()
                    if answer.status != 202 or document["accepted"] != events:  # noqa: PLR2004 - taken
                        raise WrongAnswer(f"{answer.status} {document}")
                taken.append(time.perf_counter() - begun)

    await asyncio.gather(*(one() for _ in range(clients)))
    return sorted(taken)


async def run(gateway: str, *, clients: int, events: int, seconds: float) -> None:
    """Print the figures, after a short warm-up."""
    await measure(gateway, clients=clients, events=events, seconds=min(2.0, seconds))
    taken = await measure(gateway, clients=clients, events=events, seconds=seconds)
    p50, p99 = (taken[int(len(taken) * part)] * 1000 for part in (0.5, 0.99))
    batches = len(taken) / seconds
    print(
        f"{batches * events:8.0f} events/s in {batches:.0f} batches/s of {events}   p50 {p50:.1f} ms   p99 {p99:.1f} ms"
        f"   {clients} clients"
    )


def main() -> None:
    """Read the arguments and measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--gateway")
    parser.add_argument("--clients", type=int, default=8)
    parser.add_argument("--events", type=int, default=10)
    parser.add_argument("--seconds", type=float, default=10.0)
    arguments = parser.parse_args()
    demo = Path(os.environ.get("DATA_DIR", ".data"), "demo.json")
    gateway = arguments.gateway or json.loads(demo.read_text())["gateway"]
    asyncio.run(run(gateway, clients=arguments.clients, events=arguments.events, seconds=arguments.seconds))


if __name__ == "__main__":
    main()
