"""Whoever reads the log through the gateway misses nothing, whichever process is killed meanwhile."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import httpx2
import orjson

from common.testing.sse import Reader
from common.testing.suite import until
from tests.support.shop import Person, Shop
from tests.support.stream import Stream

PLENTY = 10_000
PAUSE_SECONDS = 0.2
LOG = "SELECT position, event_id::text AS id FROM event_log WHERE position > $1 ORDER BY position"


@dataclass
class Puller:
    """Asks for page after page, and keeps nothing but its cursor."""

    person: Person
    cursor: str
    ids: list[str] = field(default_factory=list)
    trouble: int = 0

    async def follow(self) -> None:
        """Pull until cancelled; what fails is asked again."""
        while True:
            try:
                answer = await self.person.ask("GET", f"/v1/events?limit=20&after={self.cursor}")
            except httpx2.TransportError:
                answer = None
            if answer is None or answer.status_code != httpx2.codes.OK:
                self.trouble += 1
                await asyncio.sleep(PAUSE_SECONDS)
                continue
            page = answer.json()
            self.ids += [item["id"] for item in page["items"]]
            self.cursor = page["next"]
            if not page["items"]:
                await asyncio.sleep(PAUSE_SECONDS)


@asynccontextmanager
async def both(shop: Shop, start: str) -> AsyncIterator[tuple[Reader, Puller]]:
    """One reader of the stream and one of the pages, from the same place on."""
    admin = shop.staff["admin"]
    reader = Reader(shop.client, f"/v1/events/stream?after={start}", headers=admin.headers, pause=PAUSE_SECONDS)
    puller = Puller(admin, start)
    tasks = [asyncio.create_task(reader.follow()), asyncio.create_task(puller.follow())]
    try:
        await reader.until_connected()
        yield reader, puller
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def test_readers_read_on_whoever_is_killed(frail_shop: Shop) -> None:
    """Notifications and the gateway, each once, while orders come in: exactly the log, in its order, nothing twice."""
    suite = frail_shop.suite
    sku = await frail_shop.stocked(PLENTY)
    start = (await frail_shop.staff["admin"].get("/v1/events", after="latest"))["next"]
    async with both(frail_shop, start) as (reader, puller):
        async with Stream(frail_shop, sku, shoppers=4) as stream:
            for already, victim in enumerate(("notifications", "gateway"), start=1):
                await stream.more(2)
                suite.kill(victim)
                await suite.start(victim)
                await reader.until_connected(already + 1)
                await stream.more(2)
        await frail_shop.settle()
        expected = await suite.rows("notifications", LOG, int(start))
        last = expected[-1]["position"]

        async def at_the_end() -> bool:
            return bool(int(reader.last_id or 0) >= last and int(puller.cursor) >= last)

        await until(at_the_end)

    events = [orjson.loads(message.data)["id"] for message in reader.events if int(message.id) <= last]
    assert events == [row["id"] for row in expected]
    assert [each for each in reader.ids if each <= last] == [row["position"] for row in expected]
    assert puller.ids[: len(expected)] == events
    assert puller.trouble
    assert await frail_shop.complaints() == []
