"""The acts of a partner: another company's system that subscribes to events and relies on them."""

import contextlib
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from quartermaster_demo.client import Visitor, WrongAnswer, eventually, must
from quartermaster_demo.listening import Event, Listener, about, differences, first_times, read_feed, verified
from quartermaster_demo.receiver import Box
from quartermaster_demo.scene import Scene

TYPES = ("order.*", "product.updated")
DESCRIPTION = "The demo's receiver"
SERVICES = ("catalog", "inventory", "orders", "metrics", "notifications")
REFUSED = (
    "The shop may not call {url}: WEBHOOK_ALLOWED_TARGETS of notifications does not name the receiver's network, or "
    "nobody listens there. `make run` allows 127.0.0.0/8; for containers docs/how-to/deploy-with-compose.md says what "
    "the demo needs. The shop says: {reason}"
)


@dataclass(frozen=True, slots=True)
class Place:
    """Where webhooks are received: the URL as the shop sees it, and the folder into which the receiver writes."""

    url: str
    folder: Path


class Subscription:
    """A webhook and a stream of the same types, both open."""

    def __init__(self, partner: Visitor, webhook: dict[str, Any], box: Box, listener: Listener, *, start: str) -> None:
        self.partner, self.listener, self.start = partner, listener, start
        self.path = f"/v1/webhooks/{webhook['id']}"
        self.box = box
        self._secret: str = webhook["secret"]

    def delivered(self) -> list[Event]:
        """All events that were posted, each verified, as often as they came."""
        return verified(self.box.posts(), self._secret)

    async def logged(self, subjects: Mapping[str, set[str]]) -> list[Event]:
        """What the log holds about ``subjects`` since the subscription began."""
        return about(await read_feed(self.partner, TYPES, after=self.start), subjects)


@contextlib.asynccontextmanager
async def subscribed(scene: Scene, place: Place) -> AsyncIterator[Subscription]:
    """Subscribe for the block, both ways; whatever happens in it, the webhook is deleted."""
    partner = scene.partner
    await _remove_leftovers(partner)
    box = Box(place.folder, f"demo-{scene.run}")
    async with contextlib.AsyncExitStack() as open_ways:
        async with scene.step("a partner subscribes: webhook and stream") as said:
            start = (await partner.get("/v1/events", after="latest"))["next"]
            listener = await open_ways.enter_async_context(Listener(partner, TYPES, after=start))
            webhook = await _register(scene, f"{place.url}/demo-{scene.run}")
            subscription = Subscription(partner, webhook, box, listener, start=start)
            open_ways.push_async_callback(_remove_leftovers, partner)
            await _try_out(subscription, place)

            async def connected() -> bool:
                listener.events()
                return listener.connections > 0

            await eventually("the stream's answer", connected)
            said += [", ".join(TYPES), "a signed test event came", f"stream from {start}"]
        yield subscription
        async with scene.step("the partner leaves") as said:
            await _remove_leftovers(partner)
            await partner.call("GET", subscription.path, 404)
            box.remove()
            said.append("its webhook is deleted")


async def _register(scene: Scene, url: str) -> dict[str, Any]:
    body = {"url": url, "types": list(TYPES), "description": DESCRIPTION}
    try:
        webhook: dict[str, Any] = await scene.partner.post("/v1/webhooks", body)
    except WrongAnswer as refused:
        raise WrongAnswer(REFUSED.format(url=url, reason=refused)) from refused
    return webhook


async def _try_out(subscription: Subscription, place: Place) -> None:
    """Have a test event sent, which shows whether the shop reaches the receiver."""
    partner = subscription.partner
    sent = await partner.post(f"{subscription.path}/test", {"type": "order.placed"}, 202)

    async def ended() -> Any:  # noqa: ANN401 - a JSON document
        found = await partner.get(f"{subscription.path}/deliveries/{sent['id']}")
        return found if found["ended_at"] else None

    delivery = await eventually("the end of a test delivery", ended)
    if delivery["status"] != "delivered":
        raise WrongAnswer(REFUSED.format(url=place.url, reason=delivery["log"]))
    must(
        [(event["id"], event.get("test")) for event in subscription.delivered()] == [(sent["event_id"], True)],
        f"{place.folder} must hold the test event that {place.url} has taken",
    )


async def _remove_leftovers(partner: Visitor) -> None:
    """Delete the demo's webhook, also that of an earlier play that was killed."""
    for webhook in (await partner.get("/v1/webhooks", limit=200))["items"]:
        if webhook["description"] == DESCRIPTION:
            path = f"/v1/webhooks/{webhook['id']}"
            etag = (await partner.call("GET", path)).headers["etag"]
            await partner.call("DELETE", path, 204, headers={"If-Match": etag})


async def line_breaks(scene: Scene, subscription: Subscription) -> None:
    """The stream's connection breaks; it comes back with the last id."""
    async with scene.step("the stream breaks off and comes back") as said:
        listener = subscription.listener
        before = listener.connections
        listener.hang_up()

        async def back() -> bool:
            listener.events()
            return listener.connections > before

        await eventually("another connection of the stream", back)
        said.append(f"with Last-Event-ID, after {len(listener.events())} events")


async def saw_the_same(scene: Scene, subscription: Subscription, awaited: Mapping[str, set[str]]) -> list[Event]:
    """Webhook, stream and log tell the same about some subjects, once the ``awaited`` types of each are there."""
    async with scene.step("webhook, stream and feed saw the same") as said:
        log = await _logged(subscription, awaited)
        ids = {event["id"] for event in log}

        def ways() -> dict[str, list[Event]]:
            posted = first_times(subscription.delivered())  # a delivery whose answer was lost may come again
            return {"the webhook": about(posted, awaited), "the stream": about(subscription.listener.events(), awaited)}

        async def arrived() -> bool:
            return all(ids <= {event["id"] for event in events} for events in ways().values())

        with contextlib.suppress(WrongAnswer):  # what has not come is told below
            await eventually("the arrival of every event", arrived)
        complaints = [each for name, events in ways().items() for each in differences(name, events, log)]
        must(not complaints, "; ".join(complaints))
        told = b"".join(post.body for post in subscription.box.posts())
        must(f"ada-{scene.run}@".encode() not in told, "without events:pii no address may be told")
        said += [f"{len(log)} events about {len(awaited)} things", "signatures, ids, data and order are right"]
        return log


async def _logged(subscription: Subscription, awaited: Mapping[str, set[str]]) -> list[Event]:
    async def complete() -> list[Event] | None:
        log = await subscription.logged(awaited)
        told = {(event["subject"], event["type"]) for event in log}
        return log if all((subject, each) in told for subject, types in awaited.items() for each in types) else None

    return await eventually(f"a log with {dict(awaited)}", complete)


async def replay(scene: Scene, subscription: Subscription, log: list[Event]) -> None:
    """The partner asks for the last events again: the same ids, so that it knows them for what they are."""
    async with scene.step("a replay") as said:
        orders = [event for event in log if event["type"].startswith("order.")]
        times = sorted(datetime.fromisoformat(event["time"]) for event in orders)
        until = times[-1] + timedelta(seconds=1)
        body = {"since": times[0].isoformat(), "until": until.isoformat(), "types": ["order.*"]}
        before = len(subscription.box.posts())
        asked = await subscription.partner.post(f"{subscription.path}/replay", body, 202)
        wanted = {event["id"]: event for event in orders}

        async def came() -> dict[str, Event] | None:
            again = {event["id"]: event for event in subscription.delivered()[before:]}
            return again if wanted.keys() <= again.keys() else None

        again = await eventually(f"{len(wanted)} events once more", came)
        must(all(again[each] == event for each, event in wanted.items()), "an event must be told as it was")
        must(asked["deliveries"] >= len(wanted), f"{len(wanted)} events at least must be queued: {asked}")
        distinct = about(first_times(subscription.delivered()), {event["subject"] for event in orders})
        must(
            len(distinct) == len(wanted), f"{len(distinct)} ids instead of {len(wanted)}: a replay must bring none anew"
        )
        said.append(f"{asked['deliveries']} events once more, every id known already")


async def open_dead_letters(scene: Scene) -> dict[str, set[str]]:
    """Events that no retry could apply, by service."""
    return {
        service: {
            letter["id"]
            for letter in (await scene.staff["admin"].get(f"/v1/dead-letters/{service}", status="open", limit=200))[
                "items"
            ]
        }
        for service in SERVICES
    }


async def no_dead_letters(scene: Scene, before: Mapping[str, set[str]]) -> None:
    """Nothing of all this was left lying."""
    async with scene.step("dead letters") as said:
        new = {service: letters - before[service] for service, letters in (await open_dead_letters(scene)).items()}
        must(not any(new.values()), f"an event could not be applied; `dead-letters list` says why: {new}")
        said.append(f"none in {len(new)} services")
