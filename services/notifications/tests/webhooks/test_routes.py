"""Endpoints over HTTP: what one may say, whose they are, secrets, tests, replays, retries."""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from standardwebhooks import Webhook as Verifier

from common.database import Database
from common.events.contracts.orders import OrderPlaced
from common.testing import Api, EventProbe
from common.testing import TestClock as MovedClock
from common.testing.receiver import Receiver, Reply
from notifications.testing import alert, order_event
from notifications.webhooks.dispatching import Dispatcher

Deliver = Callable[..., Awaitable[UUID]]
Register = Callable[..., Awaitable[dict[str, Any]]]
RunSweep = Callable[[str], Awaitable[int]]

SOMEWHERE = "https://partner.example/events"


async def test_the_secret_is_shown_once(register: Register, partner: Api, database: Database) -> None:
    """On creation and on rotation; no read shows it, nor does what is kept for a repeated request."""
    made = await register(description="ERP")
    assert made["secret"].startswith("whsec_")
    read = await partner.get(f"/v1/webhooks/{made['id']}")
    listed = await partner.get("/v1/webhooks")
    assert read.headers["etag"] == '"1"'
    assert {key: made[key] for key in read.json()} == read.json()
    assert listed.json()["items"] == [read.json()]
    assert made["secret"] not in read.text + listed.text

    rotated = (await partner.post(f"/v1/webhooks/{made['id']}/secret")).json()
    assert rotated["secret"] not in {made["secret"], None}
    async with database.acquire() as connection:
        assert await connection.fetchval("SELECT count(*) FROM idempotency_key WHERE body IS NOT NULL") == 0


async def test_during_rotation_both_secrets_hold_for_a_day(
    deliver: Deliver,
    dispatcher: Dispatcher,
    receiver: Receiver,
    register: Register,
    partner: Api,
    clock: MovedClock,
) -> None:
    """The partner's receivers change over one by one."""
    old = await register()
    new = (await partner.post(f"/v1/webhooks/{old['id']}/secret")).json()
    await deliver(order_event(OrderPlaced))
    await dispatcher.settle()
    clock.advance(timedelta(hours=24, seconds=1))
    await deliver(order_event(OrderPlaced))
    await dispatcher.settle()

    during, after = receiver.calls
    for secret in (old["secret"], new["secret"]):
        Verifier(secret).verify(during.body, dict(during.headers))
    Verifier(new["secret"]).verify(after.body, dict(after.headers))
    with pytest.raises(Exception, match="No matching signature"):
        Verifier(old["secret"]).verify(after.body, dict(after.headers))


async def test_an_endpoint_is_its_owners_alone(register: Register, partner: Api, api: Api) -> None:
    """404 to other partners, whatever they try; staff who look after partners see all."""
    mine = await register()
    path = f"/v1/webhooks/{mine['id']}"
    other = api.as_user(scopes="events:subscribe")
    staff = api.as_user(scopes="events:subscribe messages:write")
    moment = {"since": "2026-01-01T00:00:00Z", "until": "2026-01-02T00:00:00Z"}
    version = {"If-Match": '"1"'}

    for method, route, options in [
        ("GET", path, {}),
        ("PATCH", path, {"json": {"description": "x"}, "headers": version}),
        ("DELETE", path, {"headers": version}),
        ("POST", f"{path}/secret", {}),
        ("POST", f"{path}/test", {}),
        ("POST", f"{path}/enable", {}),
        ("POST", f"{path}/replay", {"json": moment}),
        ("GET", f"{path}/deliveries", {}),
        ("GET", f"{path}/deliveries/{uuid4()}", {}),
        ("POST", f"{path}/deliveries/{uuid4()}/retry", {}),
    ]:
        refused = await other.request(method, route, **options)
        assert (refused.status_code, refused.json()["type"]) == (404, "/problems/webhook-not-found"), (method, route)
    assert (await other.get("/v1/webhooks")).json()["items"] == []
    assert mine["id"] in {each["id"] for each in (await staff.get("/v1/webhooks")).json()["items"]}
    assert (await staff.post(f"{path}/test")).status_code == 202
    assert (await api.as_user(scopes="messages:write").get(path)).status_code == 403
    assert (await api.as_anonymous().get(path)).status_code == 401


async def test_another_endpoints_delivery_is_not_found_under_ones_own(
    deliver: Deliver, dispatcher: Dispatcher, register: Register, partner: Api, api: Api
) -> None:
    """The path's two ids belong together."""
    other = api.as_user(scopes="events:subscribe")
    mine, theirs = await register(), await register("/theirs", by=other)
    await deliver(order_event(OrderPlaced))
    await dispatcher.settle()
    (delivery,) = (await other.get(f"/v1/webhooks/{theirs['id']}/deliveries")).json()["items"]

    read = await partner.get(f"/v1/webhooks/{mine['id']}/deliveries/{delivery['id']}")
    retried = await partner.post(f"/v1/webhooks/{mine['id']}/deliveries/{delivery['id']}/retry")

    assert (read.status_code, retried.status_code) == (404, 404)


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"url": "https://10.0.0.1/"}, "/url"),
        ({"url": "https://[::ffff:169.254.169.254]/"}, "/url"),
        ({"url": "http://8.8.8.8/"}, "/url"),
        ({"url": "https://user:pw@partner.example/"}, "/url"),
        ({"url": "ftp://partner.example/"}, "/url"),
        ({"url": ""}, "/url"),
        ({"url": "https://partner.example/\x00"}, "/url"),
        ({"types": []}, "/types"),
        ({"types": ["order.shiped"]}, "/types"),
        ({"types": ["orders.*"]}, "/types"),
        ({"types": ["*.placed"]}, "/types/0"),
        ({"types": "order.*"}, "/types"),
        ({"description": "a\x00b"}, "/description"),
        ({"description": "a" * 201}, "/description"),
        ({"personal_data": 1}, "/personal_data"),
        ({"secret": "whsec_mine"}, "/secret"),
    ],
)
async def test_what_an_endpoint_cannot_be_is_pointed_at(body: dict[str, Any], pointer: str, partner: Api) -> None:
    """422 where it is registered and where it is changed."""
    answer = await partner.post("/v1/webhooks", json={"url": SOMEWHERE, "types": ["*"]} | body)

    assert (answer.status_code, [each["pointer"] for each in answer.json()["errors"]]) == (422, [pointer])


async def test_personal_data_needs_its_scope(register: Register, partner: Api, api: Api) -> None:
    """On registration and later."""
    refused = await partner.post("/v1/webhooks", json={"url": SOMEWHERE, "types": ["*"], "personal_data": True})
    made = await register()
    changed = await partner.patch(
        f"/v1/webhooks/{made['id']}", json={"personal_data": True}, headers={"If-Match": '"1"'}
    )
    granted = api.as_user(scopes="events:subscribe events:pii")

    assert [refused.status_code, changed.status_code] == [403, 403]
    assert refused.json()["type"] == "/problems/personal-data-not-granted"
    assert (await register(by=granted, personal_data=True))["personal_data"] is True


async def test_changes_need_the_version_that_was_read(register: Register, partner: Api) -> None:
    """428 without, 412 where someone was faster; what changes nothing makes no version."""
    path = f"/v1/webhooks/{(await register(description='ERP'))['id']}"

    assert (await partner.patch(path, json={"description": None})).status_code == 428
    assert (await partner.delete(path)).status_code == 428
    same = await partner.patch(path, json={"description": "ERP"}, headers={"If-Match": '"1"'})
    assert (same.status_code, same.headers["etag"]) == (200, '"1"')
    changed = await partner.patch(
        path, json={"description": None, "types": ["order.*"], "url": SOMEWHERE}, headers={"If-Match": '"1"'}
    )
    assert changed.headers["etag"] == '"2"'
    assert (changed.json()["description"], changed.json()["types"], changed.json()["url"]) == (
        None,
        ["order.*"],
        SOMEWHERE,
    )
    stale = await partner.patch(path, json={"description": "x"}, headers={"If-Match": '"1"'})
    assert (stale.status_code, stale.headers["etag"]) == (412, '"2"')
    for body in ({}, {"url": None}, {"types": ["x.*"]}, {"status": "deleted"}):
        assert (await partner.patch(path, json=body, headers={"If-Match": '"2"'})).status_code == 422


async def test_the_owner_disables_and_enables(
    deliver: Deliver,
    dispatcher: Dispatcher,
    receiver: Receiver,
    register: Register,
    partner: Api,
    probe: EventProbe,
    clock: MovedClock,
) -> None:
    """What is under way stops; what happens meanwhile is not queued, and a replay fetches both."""
    receiver.behaviour = lambda _: Reply(500)
    webhook = await register(types=["order.placed"])
    path = f"/v1/webhooks/{webhook['id']}"
    since = clock.now()
    first = await deliver(order_event(OrderPlaced))
    await dispatcher.settle()

    off = await partner.patch(path, json={"status": "disabled"}, headers={"If-Match": '"1"'})
    assert (off.json()["status"], off.json()["disabled_reason"]) == ("disabled", "owner")
    second = await deliver(order_event(OrderPlaced))
    (stopped,) = (await partner.get(f"{path}/deliveries")).json()["items"]
    assert (stopped["status"], stopped["next_attempt_at"]) == ("stopped", None)
    (event,) = await probe.events("webhook.disabled", key=UUID(webhook["id"]))
    assert (event.data.object.disabled_reason, event.data.object.host) == ("owner", "127.0.0.1")  # type: ignore[attr-defined] # by its type
    for refused in ("test", "replay", f"deliveries/{stopped['id']}/retry"):
        body = {"since": since.isoformat(), "until": clock.now().isoformat()} if refused == "replay" else None
        answer = await partner.post(f"{path}/{refused}", json=body)
        assert (answer.status_code, answer.json()["type"]) == (409, "/problems/webhook-disabled"), refused

    receiver.behaviour = lambda _: Reply()
    on = await partner.post(f"{path}/enable")
    assert (on.json()["status"], on.json()["failing_since"]) == ("enabled", None)
    assert (await partner.post(f"{path}/enable")).headers["etag"] == on.headers["etag"]
    body = {"since": since.isoformat(), "until": (clock.now() + timedelta(seconds=1)).isoformat()}
    replayed = await partner.post(f"{path}/replay", json=body)
    assert (replayed.status_code, replayed.json()) == (202, {"replay_no": 1, "deliveries": 2})
    receiver.calls.clear()
    assert await dispatcher.settle() == 2
    assert [call.headers["webhook-id"] for call in receiver.calls] == [str(first), str(second)]


async def test_a_replay_sends_what_happened_in_a_time_and_of_some_types(
    deliver: Deliver,
    dispatcher: Dispatcher,
    receiver: Receiver,
    register: Register,
    partner: Api,
    clock: MovedClock,
) -> None:
    """By when it happened, whatever came of it then, as often as one likes, only what the endpoint gets."""
    webhook = await register(types=["order.*", "stock.low"])
    path = f"/v1/webhooks/{webhook['id']}/replay"
    await deliver(order_event(OrderPlaced))
    clock.advance(timedelta(hours=1))
    since = clock.now()
    order = await deliver(order_event(OrderPlaced))
    low = await deliver(alert())
    until = clock.now()
    clock.advance(timedelta(hours=1))
    await deliver(order_event(OrderPlaced))
    await dispatcher.settle()
    receiver.calls.clear()

    async def replay(**body: Any) -> tuple[Any, list[str]]:  # noqa: ANN401 - JSON
        answer = await partner.post(path, json={"since": since.isoformat(), "until": until.isoformat()} | body)
        await dispatcher.settle()
        seen = [call.headers["webhook-id"] for call in receiver.calls]
        receiver.calls.clear()
        return answer.json(), sorted(seen)

    assert await replay() == ({"replay_no": 1, "deliveries": 2}, sorted([str(order), str(low)]))
    assert await replay(types=["stock.*"]) == ({"replay_no": 2, "deliveries": 1}, [str(low)])
    assert await replay(types=["product.*"]) == ({"replay_no": 3, "deliveries": 0}, [])
    wrong: list[dict[str, Any]] = [
        {"until": since.isoformat()},
        {"types": ["x.*"]},
        {"types": []},
        {"since": "yesterday"},
        {"since": "2026-11-24T10:00:00"},
    ]
    for body in wrong:
        answer = await partner.post(path, json={"since": since.isoformat(), "until": until.isoformat()} | body)
        assert answer.status_code == 422, body


async def test_a_replay_and_what_happens_now_do_not_wait_for_each_other(
    deliver: Deliver,
    dispatcher: Dispatcher,
    receiver: Receiver,
    register: Register,
    partner: Api,
    clock: MovedClock,
) -> None:
    """A subject that is stuck holds up neither its own replay nor the other way round."""
    order, since = uuid4(), clock.now()
    webhook = await register()
    receiver.behaviour = lambda _: Reply(500)
    await deliver(order_event(OrderPlaced, order_id=order), sequence=1)
    await dispatcher.settle()
    receiver.behaviour = lambda _: Reply()
    receiver.calls.clear()

    body = {"since": since.isoformat(), "until": (clock.now() + timedelta(seconds=1)).isoformat()}
    await partner.post(f"/v1/webhooks/{webhook['id']}/replay", json=body)

    assert await dispatcher.settle() == 1


async def test_a_test_event_is_an_example_that_says_so(
    dispatcher: Dispatcher, receiver: Receiver, register: Register, partner: Api, probe: EventProbe, clock: MovedClock
) -> None:
    """Signed like any other, tried once, nobody's trouble when it fails."""
    webhook = await register(types=["order.shipped", "stock.*"])
    path = f"/v1/webhooks/{webhook['id']}"

    answer = await partner.post(f"{path}/test", json={"type": "stock.low"})
    assert answer.status_code == 202
    await dispatcher.settle()
    (call,) = receiver.calls
    body = Verifier(webhook["secret"]).verify(call.body, dict(call.headers))
    assert (body["type"], body["test"], body["id"]) == ("stock.low", True, call.headers["webhook-id"])
    assert body["data"]["object"]["sku"]
    shown = (await partner.get(answer.headers["location"])).json()
    assert (shown["status"], shown["test"], len(shown["log"])) == ("delivered", True, 1)

    assert (await partner.post(f"{path}/test")).json()["type"] in {"stock.changed", "order.shipped"}
    refused = await partner.post(f"{path}/test", json={"type": "order.placed"})
    assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, "/type")

    await dispatcher.settle()
    receiver.behaviour = lambda _: Reply(500)
    failed = await partner.post(f"{path}/test")
    await dispatcher.settle()
    clock.advance(timedelta(days=1))
    assert await dispatcher.settle() == 0
    shown = (await partner.get(failed.headers["location"])).json()
    assert (shown["status"], shown["attempts"], shown["last_status"]) == ("exhausted", 1, 500)
    assert (await partner.get(path)).json()["failing_since"] is None
    assert await probe.events("webhook.exhausted", key=UUID(webhook["id"])) == []


async def test_a_delivery_is_retried_at_once(
    deliver: Deliver,
    dispatcher: Dispatcher,
    receiver: Receiver,
    register: Register,
    partner: Api,
    database: Database,
) -> None:
    """What waits goes with all that waits behind it, what has ended from the start; what is gone does not."""
    receiver.behaviour = lambda _: Reply(500)
    webhook, order = await register(), uuid4()
    for sequence in (1, 2):
        await deliver(order_event(OrderPlaced, order_id=order), sequence=sequence)
    await dispatcher.settle()
    path = f"/v1/webhooks/{webhook['id']}/deliveries"
    last, first = (await partner.get(path)).json()["items"]
    assert (first["status"], first["attempts"], last["attempts"]) == ("pending", 1, 0)
    receiver.behaviour = lambda _: Reply()

    answer = await partner.post(f"{path}/{first['id']}/retry")
    assert (answer.status_code, answer.json()["attempts"]) == (202, 1)
    assert await dispatcher.settle() == 2
    again = await partner.post(f"{path}/{first['id']}/retry")
    assert (again.json()["status"], again.json()["attempts"]) == ("pending", 0)
    assert await dispatcher.settle() == 1

    async with database.acquire() as connection:
        await connection.execute("TRUNCATE event_log")
    gone = await partner.post(f"{path}/{first['id']}/retry")
    assert (gone.status_code, gone.json()["type"]) == (409, "/problems/event-not-kept")
    assert (await partner.post(f"{path}/{uuid4()}/retry")).status_code == 404


async def test_deliveries_are_listed_by_page_and_filter(
    deliver: Deliver, dispatcher: Dispatcher, receiver: Receiver, register: Register, partner: Api
) -> None:
    """Newest first, without gap or repeat."""
    webhook = await register()
    ids = [str(await deliver(order_event(OrderPlaced))) for _ in range(5)]
    await deliver(alert())
    await dispatcher.settle()
    path = f"/v1/webhooks/{webhook['id']}/deliveries"

    seen: list[str] = []
    page: dict[str, Any] = {"next": ""}
    while page["next"] is not None:
        params = {"limit": "2", "type": "order.placed"} | ({"after": page["next"]} if page["next"] else {})
        page = (await partner.get(path, params=params)).json()
        seen += [item["event_id"] for item in page["items"]]
    assert seen == list(reversed(ids))
    assert (await partner.get(path, params={"status": "pending"})).json()["items"] == []
    assert len((await partner.get(path, params={"status": "delivered"})).json()["items"]) == 6
    for params in ({"status": "lost"}, {"type": "*"}, {"limit": "0"}):
        assert (await partner.get(path, params=params)).status_code == 422
    assert (await partner.get(path, params={"after": "x"})).status_code == 400


async def test_a_deleted_endpoint_is_gone(
    deliver: Deliver,
    dispatcher: Dispatcher,
    receiver: Receiver,
    register: Register,
    partner: Api,
    database: Database,
    clock: MovedClock,
    run_sweep: RunSweep,
) -> None:
    """Its secret at once, its deliveries and the row after 30 days."""
    receiver.behaviour = lambda _: Reply(500)
    webhook = await register("/hook?token=hunter2")
    await deliver(order_event(OrderPlaced))
    await dispatcher.settle()

    path = f"/v1/webhooks/{webhook['id']}"
    assert (await partner.delete(path, headers={"If-Match": '"1"'})).status_code == 204
    assert (await partner.get(path)).status_code == 404
    assert (await partner.get("/v1/webhooks")).json()["items"] == []
    clock.advance(timedelta(hours=1))
    assert await dispatcher.settle() == 0
    async with database.acquire() as connection:
        row = dict((await connection.fetch("SELECT * FROM webhook"))[0])
        assert (row["secret"], "hunter2" in str(row)) == (None, False)
    clock.advance(timedelta(days=30))
    await run_sweep("forget-old-deliveries")
    await run_sweep("forget-old-deliveries")
    async with database.acquire() as connection:
        for table in ("webhook", "delivery", "delivery_attempt"):
            assert await connection.fetchval(f"SELECT count(*) FROM {table}") == 0, table  # noqa: S608 - our own names


async def test_a_login_has_fifty_endpoints_and_no_more(partner: Api, api: Api) -> None:
    """Others are not counted."""
    body = {"url": SOMEWHERE, "types": ["order.placed"]}
    answers = [await partner.post("/v1/webhooks", json=body) for _ in range(51)]

    assert [answer.status_code for answer in answers] == [201] * 50 + [409]
    assert answers[-1].json()["type"] == "/problems/too-many-webhooks"
    assert (await api.as_user(scopes="events:subscribe").post("/v1/webhooks", json=body)).status_code == 201
    first = (await partner.get("/v1/webhooks", params={"limit": 40})).json()
    second = (await partner.get("/v1/webhooks", params={"limit": 40, "after": first["next"]})).json()
    assert len({each["id"] for each in first["items"] + second["items"]}) == 50
    assert second["next"] is None


async def test_what_was_delivered_goes_after_thirty_days_and_what_waits_stays(
    deliver: Deliver,
    dispatcher: Dispatcher,
    receiver: Receiver,
    register: Register,
    database: Database,
    clock: MovedClock,
    run_sweep: RunSweep,
) -> None:
    """With what is known of the attempts."""
    await register()
    await deliver(order_event(OrderPlaced))
    await dispatcher.settle()
    clock.advance(timedelta(days=29))
    assert await run_sweep("forget-old-deliveries") == 0
    async with database.acquire() as connection:
        await connection.execute(
            "INSERT INTO delivery (id, endpoint_id, event_id, replay_no, subject, sequence, type, status, "
            "next_attempt_at, created_at) SELECT uuidv7(), endpoint_id, event_id, 9, subject, sequence, type, "
            "'pending', next_attempt_at, created_at FROM delivery"
        )
    clock.advance(timedelta(days=2))

    assert await run_sweep("forget-old-deliveries") == 2
    async with database.acquire() as connection:
        assert [row["status"] for row in await connection.fetch("SELECT status FROM delivery")] == ["pending"]
        assert await connection.fetchval("SELECT count(*) FROM delivery_attempt") == 0
