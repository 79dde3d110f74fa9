"""What the partner kit believes of this suite is so: it has nothing of ours to know it by."""

from datetime import UTC, datetime
from uuid import UUID

import orjson

from common.database import uuid7
from common.events import Event, dataschema_of, serialise, source_of, structured
from common.events.contracts.orders import OrderPlaced, OrderSnapshot
from common.testing.bus import example_of
from notifications.webhooks.signing import Secret, headers_for
from partner_kit import verify
from partner_kit.events import SampleEvent


def placed() -> Event[OrderPlaced]:
    data = example_of(OrderPlaced, uuid7())
    assert isinstance(data, OrderPlaced)
    return Event(
        id=uuid7(),
        type=data.type,
        source=source_of("orders"),
        subject=data.subject,
        time=datetime.now(UTC),
        sequence=1,
        correlation_id="c-1",
        causation_id=None,
        traceparent=None,
        data=data,
        dataschema=dataschema_of(OrderPlaced),
        value=serialise(data),
    )


def test_what_notifications_signs_the_kit_verifies() -> None:
    event = placed()
    body = structured(event, personal_data=False)
    old, new = Secret.new(), Secret.new()
    headers = headers_for(event.id, body, keys=[new, old], at=datetime.now(UTC))
    for secret in (old, new):
        assert UUID(verify(secret.text, headers, body).id) == event.id


def test_the_kits_events_look_like_ours() -> None:
    sample, ours = SampleEvent().document(), orjson.loads(structured(placed(), personal_data=True))
    assert sample.keys() == ours.keys()
    assert sample["data"].keys() == ours["data"].keys()
    assert sample["data"]["object"].keys() <= OrderSnapshot.model_fields.keys()
    for name in ("source", "type", "specversion", "dataschema", "datacontenttype"):
        assert sample[name] == ours[name]
    assert len(sample["sequence"]) == len(ours["sequence"])
