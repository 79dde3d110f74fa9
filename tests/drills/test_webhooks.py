"""Whatever is killed, every partner gets every event, in the order of its subject."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any
from uuid import uuid4

import httpx2
import orjson
from standardwebhooks import Webhook as Verifier

from common.testing import Platform
from common.testing.receiver import Call, Receiver, Reply
from common.testing.suite import until
from tests.support.broker import published
from tests.support.shop import Person, Shop

ENDPOINTS = 20
SUBJECTS, ROUNDS = 50, 20  # a thousand events
AHEAD = 2  # rounds that may be under way: what is killed has something in hand
PATIENCE_SECONDS = 60.0
# The rests between the ten attempts, each with the fifth by which it may be longer.
RESTS = ("PT6S", "PT6M", "PT36M", "PT2H24M", "PT6H", "PT12H", "PT16H48M", "PT24H", "PT28H48M")
VERIFIED_EACH = 101  # of the calls every so many is verified: it costs more than all else here
EVENTS = """
SELECT key::text AS subject, headers ->> 'ce_id' AS id, sequence FROM outbox
WHERE topic = 'inventory.stock.v1' AND key = ANY (
    SELECT l.id FROM stock_level AS l WHERE l.sku = ANY ($1::text[])
)
ORDER BY key, sequence
"""


@asynccontextmanager
async def partners(shop: Shop) -> AsyncIterator[tuple[Receiver, dict[str, str]]]:
    """Twenty endpoints of a receiver, each with its secret by path; they are deleted at the end."""
    admin = shop.staff["admin"]
    async with Receiver() as receiver:
        made = [
            await admin.post("/v1/webhooks", {"url": receiver.url(f"/{number}"), "types": ["stock.changed"]})
            for number in range(ENDPOINTS)
        ]
        yield receiver, {f"/{number}": webhook["secret"] for number, webhook in enumerate(made)}
        for webhook in made:
            path = f"/v1/webhooks/{webhook['id']}"
            etag = (await admin.call("GET", path)).headers["etag"]
            await admin.call("DELETE", path, expect=204, headers={"If-Match": etag})


async def count(shop: Shop, skus: list[str], *, units: int) -> None:
    """Count all SKUs at once, as an import does, until it is answered: an event each."""
    lines = [{"key": str(uuid4()), "sku": sku, "count": units} for sku in skus]
    body = {"location_id": shop.location, "reason": "drill", "reference": "drill", "lines": lines}
    url = f"{shop.suite.url('inventory')}/internal/stock-counts"
    headers = {"Authorization": f"Bearer {shop.suite.service_token('catalog', 'inventory')}"}

    async def counted() -> bool:
        try:
            answer = await shop.client.post(url, json=body, headers=headers)
        except httpx2.TransportError:
            return False
        return answer.status_code == httpx2.codes.OK

    await until(counted, timeout=PATIENCE_SECONDS)


def firsts(calls: list[Call]) -> list[dict[str, Any]]:
    """What a partner keeps: of each id the first."""
    seen: dict[str, dict[str, Any]] = {}
    for call in calls:
        seen.setdefault(call.headers["webhook-id"], call.json())
    return list(seen.values())


async def test_every_partner_has_every_event_in_order_whatever_is_killed(
    frail_shop: Shop, own_platform: Platform
) -> None:
    """A thousand events for twenty endpoints; notifications, Kafka and PostgreSQL go down once each in between."""
    suite = frail_shop.suite
    skus = [f"DRILL-{uuid4().hex[:8]}" for _ in range(SUBJECTS)]
    accidents: dict[int, Callable[[], Awaitable[object]]] = {
        6: lambda: _notifications_killed(frail_shop),
        13: lambda: asyncio.to_thread(own_platform.restart_kafka),
        ROUNDS: lambda: _postgres_killed(frail_shop, own_platform),
    }
    async with partners(frail_shop) as (receiver, secrets):
        for number in range(1, ROUNDS + 1):
            under_way = (number - 1 - AHEAD) * SUBJECTS * ENDPOINTS
            await receiver.until(lambda most=under_way: len(receiver.calls) >= most, timeout=PATIENCE_SECONDS)  # type: ignore[misc] # bound at once
            await count(frail_shop, skus, units=number)
            if number in accidents:
                await accidents[number]()
        assert len(receiver.calls) < SUBJECTS * ROUNDS * ENDPOINTS  # else nothing was under way
        expected = [dict(row) for row in await suite.rows("inventory", EVENTS, skus)]
        assert len(expected) == SUBJECTS * ROUNDS

        def complete() -> bool:
            return all(
                len({call.headers["webhook-id"] for call in receiver.to(path)}) >= len(expected) for path in secrets
            )

        async def everything() -> bool:
            return len(receiver.calls) >= len(expected) * ENDPOINTS and complete()

        await until(everything, timeout=PATIENCE_SECONDS)
        for path, secret in secrets.items():
            calls = receiver.to(path)
            got = firsts(calls)
            by_subject = sorted(got, key=lambda event: str(event["subject"]))  # stable: each subject's as they came
            assert [
                {"subject": event["subject"], "id": event["id"], "sequence": int(event["sequence"])}
                for event in by_subject
            ] == expected, path
            for call in calls[::VERIFIED_EACH]:
                Verifier(secret).verify(call.body, dict(call.headers))
        assert await frail_shop.complaints() == []


async def _notifications_killed(shop: Shop) -> None:
    shop.suite.kill("notifications")
    await shop.suite.start("notifications")


async def _postgres_killed(shop: Shop, platform: Platform) -> None:
    """With everything published, since a new relay waits 12 s before it sends what its predecessor may still send."""
    await shop.suite.quiet(["inventory"])
    await asyncio.to_thread(platform.restart_postgres, kill=True)


async def test_what_a_partner_never_takes_is_announced_and_so_is_its_leaving(frail_shop: Shop) -> None:
    """Ten attempts over four days, then `webhook.exhausted`; a webhook that its owner disables says so too."""
    admin, suite = frail_shop.staff["admin"], frail_shop.suite
    async with Receiver(lambda _: Reply(500)) as receiver:
        webhook = await admin.post("/v1/webhooks", {"url": receiver.url(), "types": ["product.created"]})
        path = f"/v1/webhooks/{webhook['id']}"
        await frail_shop.stocked(1)
        for attempts, rest in enumerate(RESTS, start=1):
            await _refused(admin, path, attempts)
            await frail_shop.move_time(rest)
        await _refused(admin, path, len(RESTS) + 1)
        etag = (await admin.call("GET", path)).headers["etag"]
        disabled = await admin.call("PATCH", path, json={"status": "disabled"}, headers={"If-Match": etag})

        await frail_shop.settle()
        (exhausted,) = await published(suite, "notifications", key=webhook["id"], kind="webhook.exhausted")
        (left,) = await published(suite, "notifications", key=webhook["id"], kind="webhook.disabled")
        await admin.call("DELETE", path, expect=204, headers={"If-Match": disabled.headers["etag"]})
    told = orjson.loads(exhausted.value or b"")["delivery"]
    assert (told["event_type"], told["attempts"], told["last_status"]) == ("product.created", 10, 500)
    assert orjson.loads(left.value or b"")["object"]["disabled_reason"] == "owner"
    assert {call.headers["webhook-id"] for call in receiver.calls} == {told["event_id"]}
    assert await frail_shop.complaints() == []


async def _refused(admin: Person, path: str, attempts: int) -> None:
    """Wait until so many attempts at the only delivery were written down."""

    async def written() -> bool:
        (delivery,) = (await admin.get(f"{path}/deliveries"))["items"] or [{"attempts": 0}]
        return bool(delivery["attempts"] >= attempts)

    await until(written)
