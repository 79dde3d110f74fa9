"""From an event to the partner's receiver: what is sent, when again, in which order, and what ends it."""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import orjson
import pytest
from standardwebhooks import Webhook as Verifier

from common.database import Database
from common.events.contracts.inventory import StockLow
from common.events.contracts.orders import OrderPlaced
from common.testing import Api, EventProbe
from common.testing import TestClock as MovedClock
from common.testing.receiver import Call, Receiver, Reply
from notifications.testing import MailServer, alert, order_event
from notifications.webhooks.dispatching import Dispatcher
from notifications.webhooks.rules import SCHEDULE

Deliver = Callable[..., Awaitable[UUID]]
Register = Callable[..., Awaitable[dict[str, Any]]]
RunSweep = Callable[[str], Awaitable[int]]


async def deliveries_of(api: Api, webhook: dict[str, Any], **filters: str) -> list[dict[str, Any]]:
    """Return what the API lists, oldest first."""
    answer = await api.get(f"/v1/webhooks/{webhook['id']}/deliveries", params=filters)
    assert answer.status_code == 200, answer.text
    return list(reversed(answer.json()["items"]))


async def test_an_event_arrives_signed_and_whole(
    deliver: Deliver, dispatcher: Dispatcher, receiver: Receiver, register: Register, partner: Api
) -> None:
    """The reference implementation takes it; the id is the event's."""
    webhook = await register("/hook", types=["order.placed"])
    event_id = await deliver(order_event(OrderPlaced))
    await deliver(alert())

    assert await dispatcher.settle() == 1

    (call,) = receiver.calls
    assert (call.method, call.path) == ("POST", "/hook")
    body = Verifier(webhook["secret"]).verify(call.body, dict(call.headers))
    assert (body["id"], call.headers["webhook-id"]) == (str(event_id), str(event_id))
    assert (body["type"], body["specversion"], body["timestamp"]) == ("order.placed", "1.0", body["time"])
    assert call.headers["content-type"].startswith("application/cloudevents+json")
    (delivery,) = await deliveries_of(partner, webhook)
    assert (delivery["status"], delivery["attempts"], delivery["last_status"]) == ("delivered", 1, 200)


async def test_an_endpoint_without_personal_data_gets_the_event_without_it(
    deliver: Deliver, dispatcher: Dispatcher, receiver: Receiver, register: Register, api: Api
) -> None:
    """Whoever may have it gets it only when it was asked for."""
    granted = api.as_user(scopes="events:subscribe events:pii")
    await register("/whole", by=granted, personal_data=True)
    await register("/public", by=granted)
    await deliver(order_event(OrderPlaced, email="ada@example.com"))

    await dispatcher.settle()

    (whole,), (public,) = receiver.to("/whole"), receiver.to("/public")
    assert whole.json()["data"]["object"]["email"] == "ada@example.com"  # type: ignore[index] # JSON
    assert b"ada@example.com" not in public.body
    assert public.json()["id"] == whole.json()["id"]


async def test_patterns_choose_and_disabled_endpoints_get_nothing(
    deliver: Deliver, dispatcher: Dispatcher, receiver: Receiver, register: Register, partner: Api
) -> None:
    """A family, a type, all; and none."""
    for path, types in (("/orders", ["order.*"]), ("/low", ["stock.low"]), ("/all", ["*"]), ("/two", ["order.paid"])):
        await register(path, types=types)
    off = await register("/off")
    answer = await partner.patch(f"/v1/webhooks/{off['id']}", json={"status": "disabled"}, headers={"If-Match": '"1"'})
    assert answer.status_code == 200
    await deliver(order_event(OrderPlaced))
    await deliver(alert())

    await dispatcher.settle()

    seen = {(call.path, call.json()["type"]) for call in receiver.calls if call.json()["type"] != "webhook.disabled"}
    assert seen == {("/orders", "order.placed"), ("/all", "order.placed"), ("/all", "stock.low"), ("/low", "stock.low")}


async def test_a_delivery_is_tried_by_the_schedule_and_then_given_up(
    deliver: Deliver,
    dispatcher: Dispatcher,
    receiver: Receiver,
    register: Register,
    partner: Api,
    clock: MovedClock,
    probe: EventProbe,
) -> None:
    """Ten attempts, none before its time less a fifth, each with its time after a fifth more."""
    receiver.behaviour = lambda _: Reply(500, content=b"out of order")
    webhook = await register()
    event_id = await deliver(order_event(OrderPlaced))

    assert await dispatcher.settle() == 1
    for rest in SCHEDULE[1:]:
        clock.advance(rest * 0.79)
        assert await dispatcher.settle() == 0
        clock.advance(rest * 0.42)
        assert await dispatcher.settle() == 1
    clock.advance(timedelta(days=2))
    assert await dispatcher.settle() == 0

    assert {call.headers["webhook-id"] for call in receiver.calls} == {str(event_id)}
    assert len({call.body for call in receiver.calls}) == 1
    (delivery,) = await deliveries_of(partner, webhook)
    assert (delivery["status"], delivery["attempts"], delivery["next_attempt_at"]) == ("exhausted", 10, None)
    shown = (await partner.get(f"/v1/webhooks/{webhook['id']}/deliveries/{delivery['id']}")).json()
    assert [(each["status"], each["failure"], each["answer"]) for each in shown["log"]] == (
        [(500, "status", "out of order")] * 10
    )
    (event,) = await probe.events("webhook.exhausted", key=UUID(webhook["id"]))
    assert (event.data.delivery.event_id, event.data.delivery.attempts) == (event_id, 10)  # type: ignore[attr-defined] # by its type
    assert (event.data.delivery.last_status, event.data.delivery.last_failure) == (500, "status")  # type: ignore[attr-defined] # by its type


@pytest.mark.parametrize("status", [429, 503])
async def test_retry_after_is_honoured_for_the_whole_endpoint(
    status: int,
    deliver: Deliver,
    dispatcher: Dispatcher,
    receiver: Receiver,
    register: Register,
    clock: MovedClock,
) -> None:
    """Not before then, whatever the schedule says, and nothing else either."""
    receiver.behaviour = lambda _: Reply(status, {"Retry-After": "600"})
    await register()
    await deliver(order_event(OrderPlaced))
    assert await dispatcher.settle() == 1
    await deliver(order_event(OrderPlaced))
    receiver.behaviour = lambda _: Reply()

    clock.advance(timedelta(seconds=590))
    assert await dispatcher.settle() == 0
    clock.advance(timedelta(seconds=20))
    assert await dispatcher.settle() == 2


async def test_an_endpoint_cannot_ask_for_more_than_an_hour_of_rest(
    deliver: Deliver, dispatcher: Dispatcher, receiver: Receiver, register: Register, clock: MovedClock
) -> None:
    """The delivery itself rests a day at most."""
    receiver.behaviour = lambda _: Reply(503, {"Retry-After": "99999999"})
    await register()
    await deliver(order_event(OrderPlaced))
    assert await dispatcher.settle() == 1
    receiver.behaviour = lambda _: Reply()
    await deliver(order_event(OrderPlaced))

    clock.advance(timedelta(minutes=61))
    assert await dispatcher.settle() == 1
    clock.advance(timedelta(hours=23))
    assert await dispatcher.settle() == 1


async def test_410_disables_at_once(
    deliver: Deliver, dispatcher: Dispatcher, receiver: Receiver, register: Register, partner: Api, probe: EventProbe
) -> None:
    """It asks us to stop: what is still queued stops too."""
    receiver.behaviour = lambda _: Reply(410)
    webhook = await register()
    order = uuid4()
    for _ in range(2):
        await deliver(order_event(OrderPlaced, order_id=order))

    assert await dispatcher.settle() == 1

    shown = (await partner.get(f"/v1/webhooks/{webhook['id']}")).json()
    assert (shown["status"], shown["disabled_reason"]) == ("disabled", "gone")
    assert [each["status"] for each in await deliveries_of(partner, webhook)] == ["stopped", "stopped"]
    (event,) = await probe.events("webhook.disabled", key=UUID(webhook["id"]))
    assert event.data.object.disabled_reason == "gone"  # type: ignore[attr-defined] # by its type
    assert await probe.events("webhook.exhausted", key=UUID(webhook["id"])) == []


async def test_five_days_without_a_success_disable_and_the_owner_is_told_before_and_after(
    deliver: Deliver,
    dispatcher: Dispatcher,
    receiver: Receiver,
    register: Register,
    api: Api,
    clock: MovedClock,
    run_sweep: RunSweep,
    run_jobs: Callable[[], Awaitable[None]],
    mail_server: MailServer,
    make_login: Callable[..., Awaitable[Api]],
) -> None:
    """A mail after three days, one after five; a success in between starts anew."""
    owner = await make_login("partner@example.com")
    receiver.behaviour = lambda _: Reply(500)
    webhook = await register(by=owner, description="ERP")
    await deliver(order_event(OrderPlaced))
    await dispatcher.settle()

    clock.advance(timedelta(days=2.9))
    assert await run_sweep("warn-failing-webhooks") == 0
    clock.advance(timedelta(days=0.2))
    assert [await run_sweep("warn-failing-webhooks") for _ in range(2)] == [1, 0]
    assert await run_sweep("disable-failing-webhooks") == 0
    clock.advance(timedelta(days=2))
    assert [await run_sweep("disable-failing-webhooks") for _ in range(2)] == [1, 0]

    shown = (await owner.get(f"/v1/webhooks/{webhook['id']}")).json()
    assert (shown["status"], shown["disabled_reason"]) == ("disabled", "failing")
    (disabled,) = await _disabled_events(api, webhook)
    await deliver(disabled)
    await run_jobs()
    told = [mail for mail in mail_server.mails if mail["To"] == "A Partner <partner@example.com>"]
    assert sorted(mail["Subject"] for mail in told) == [
        "Nothing gets through to 127.0.0.1",
        "Your webhook at 127.0.0.1 is disabled",
    ]
    assert all(webhook["secret"] not in mail.as_string() for mail in told)


async def _disabled_events(api: Api, webhook: dict[str, Any]) -> list[Any]:
    database: Database = api._app.state.runtime.database  # noqa: SLF001 - the app under test
    events = await EventProbe(database).events("webhook.disabled", key=UUID(webhook["id"]))
    return [event.data for event in events]


async def test_a_success_clears_what_failed_before(
    deliver: Deliver,
    dispatcher: Dispatcher,
    receiver: Receiver,
    register: Register,
    partner: Api,
    clock: MovedClock,
    run_sweep: RunSweep,
) -> None:
    """The five days run from the first failure since the last success."""
    receiver.behaviour = lambda _: Reply(500)
    webhook = await register()
    await deliver(order_event(OrderPlaced))
    await dispatcher.settle()
    assert (await partner.get(f"/v1/webhooks/{webhook['id']}")).json()["failing_since"] is not None
    receiver.behaviour = lambda _: Reply()
    clock.advance(timedelta(seconds=10))
    await dispatcher.settle()

    clock.advance(timedelta(days=6))
    assert await run_sweep("disable-failing-webhooks") == 0
    shown = (await partner.get(f"/v1/webhooks/{webhook['id']}")).json()
    assert (shown["failing_since"], shown["status"]) == (None, "enabled")


async def test_a_subjects_events_wait_for_the_one_before_and_others_do_not(
    deliver: Deliver, dispatcher: Dispatcher, receiver: Receiver, register: Register, clock: MovedClock
) -> None:
    """In the order of the sequence, also after a refusal; what is about something else goes on."""
    refused = uuid4()
    await register()

    def refuse_one(call: Call) -> Reply:
        return Reply(500 if call.json()["subject"] == str(refused) else 200)

    receiver.behaviour = refuse_one
    for sequence in (1, 2, 3):
        await deliver(order_event(OrderPlaced, order_id=refused), sequence=sequence)
    others = [(await deliver(order_event(OrderPlaced))) for _ in range(3)]

    await dispatcher.settle()
    assert _sequences(receiver, refused) == [1]
    assert {call.headers["webhook-id"] for call in receiver.calls} >= {str(each) for each in others}

    await deliver(order_event(OrderPlaced, order_id=refused), sequence=4)
    receiver.behaviour = lambda _: Reply()
    assert await dispatcher.settle() == 0
    clock.advance(timedelta(seconds=7))
    await dispatcher.settle()
    assert _sequences(receiver, refused) == [1, 1, 2, 3, 4]


def _sequences(receiver: Receiver, subject: UUID) -> list[int]:
    calls = [call.json() for call in receiver.calls]
    return [int(str(call["sequence"])) for call in calls if call["subject"] == str(subject)]


async def test_a_long_line_arrives_in_order(
    deliver: Deliver, dispatcher: Dispatcher, receiver: Receiver, register: Register
) -> None:
    """Longer than what is claimed at once."""
    order = uuid4()
    await register()
    for sequence in range(1, 31):
        await deliver(order_event(OrderPlaced, order_id=order), sequence=sequence)

    assert await dispatcher.settle() == 30
    assert _sequences(receiver, order) == list(range(1, 31))


async def test_an_endpoints_own_troubles_are_told_to_others_not_to_itself(
    deliver: Deliver, dispatcher: Dispatcher, receiver: Receiver, register: Register, partner: Api, api: Api
) -> None:
    """Else each failure to tell it would make another event."""
    about = await register("/about")
    await register("/other")
    await partner.patch(f"/v1/webhooks/{about['id']}", json={"status": "disabled"}, headers={"If-Match": '"1"'})
    await partner.post(f"/v1/webhooks/{about['id']}/enable")
    (event,) = await _disabled_events(api, about)
    await deliver(event)

    await dispatcher.settle()

    assert [(call.path, call.json()["type"]) for call in receiver.calls] == [("/other", "webhook.disabled")]


async def test_one_event_is_one_delivery_however_often_it_is_logged(
    deliver: Deliver, dispatcher: Dispatcher, receiver: Receiver, register: Register, database: Database
) -> None:
    """A redriven dead letter, a database that was put back."""
    await register()
    event = order_event(OrderPlaced)
    event_id = await deliver(event)
    async with database.acquire() as connection:
        await connection.execute("TRUNCATE inbox")
    await deliver(event, event_id=event_id)

    assert await dispatcher.settle() == 1


async def test_secrets_do_not_stay_in_what_is_kept(
    deliver: Deliver, dispatcher: Dispatcher, receiver: Receiver, register: Register, partner: Api, database: Database
) -> None:
    """A receiver that says everything back: its secret, our signature, the token in its URL."""
    receiver.behaviour = lambda call: Reply(
        500, content=orjson.dumps([call.path, dict(call.headers), webhook["secret"]])
    )
    webhook = await register("/hook?token=hunter2hunter2")
    await deliver(StockLow.model_validate(alert()))
    await dispatcher.settle()

    (delivery,) = await deliveries_of(partner, webhook)
    answer = await partner.get(f"/v1/webhooks/{webhook['id']}/deliveries/{delivery['id']}")
    secret = webhook["secret"].removeprefix("whsec_")
    assert "***" in answer.json()["log"][0]["answer"]
    for leak in (secret, receiver.calls[0].headers["webhook-signature"], "hunter2"):
        assert leak not in answer.text
    async with database.acquire() as connection:
        kept = str(await connection.fetch("SELECT * FROM delivery_attempt"))
        assert str(await connection.fetch("SELECT * FROM outbox")).find(secret) < 0
    assert secret not in kept
