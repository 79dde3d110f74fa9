"""The envelope against CloudEvents 1.0 and its Kafka binding, and against what may go wrong on the way."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from typing import cast
from uuid import UUID

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.events import (
    CATALOG_PRODUCT,
    ORDERS_ORDER,
    Event,
    EventContract,
    EventTooLargeError,
    MalformedRecordError,
    Tombstone,
    UnknownEvent,
    contract_for,
    decode_record,
    encode_key,
    event_id_of,
    format_sequence,
    from_kafka,
    headers_for,
    read_cloudevent,
    serialise,
    source_of,
    to_kafka,
    tombstone_headers,
)
from common.events.contracts.orders import OrderPlaced, OrderShipped

EVENT_ID = UUID("019ab3f0-77d0-7000-8000-000000000001")
PRODUCT_ID = UUID("019ab3e1-5c00-7a10-8c11-3a5d2f1e0001")
TRACEPARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
TIME = datetime(2026, 11, 24, 9, 20, 3, 500, tzinfo=UTC)


def example_of(event_type: str) -> EventContract:
    contract = contract_for(event_type)
    assert contract is not None
    extra = cast("dict[str, list[object]]", contract.model_config["json_schema_extra"])
    return contract.model_validate(extra["examples"][0])


def headers_of(contract: EventContract, *, sequence: int = 7) -> dict[str, str]:
    headers = headers_for(
        contract,
        event_id=EVENT_ID,
        source=source_of(contract.topic.service),
        time=TIME,
        correlation_id="req-1",
        causation_id="cause-1",
        traceparent=TRACEPARENT,
    )
    return headers | {"ce_sequence": format_sequence(sequence)}


def decode(contract: EventContract, headers: dict[str, str], value: bytes | None = None) -> object:
    return decode_record(contract.topic, headers, encode_key(contract.subject), value or serialise(contract))


# What the CloudEvents conformance suite asks of a Kafka receiver.

FOREIGN = {
    "ce_specversion": "1.0",
    "ce_id": "1234-1234-1234",
    "ce_type": "com.example.someevent",
    "ce_source": "/mycontext/subcontext",
    "ce_time": "2018-04-05T03:56:24Z",
}
FOREIGN_ATTRIBUTES = {
    "specversion": "1.0",
    "id": "1234-1234-1234",
    "type": "com.example.someevent",
    "source": "/mycontext/subcontext",
    "time": "2018-04-05T03:56:24Z",
    "datacontenttype": "application/json",
}


def test_binary_mode_is_read_from_the_headers() -> None:
    headers = from_kafka([(name, text.encode()) for name, text in FOREIGN.items()]) | {
        "content-type": "application/json"
    }

    event = read_cloudevent(headers, b'{"message": "Hello World!"}')

    assert event.attributes == FOREIGN_ATTRIBUTES
    assert event.data == b'{"message": "Hello World!"}'


@pytest.mark.parametrize(
    "content_type", ["application/cloudevents+json", "application/cloudevents+json; charset=utf-8"]
)
def test_structured_mode_is_read_from_the_value(content_type: str) -> None:
    value = orjson.dumps({**FOREIGN_ATTRIBUTES, "data": {"message": "Hello World!"}})

    event = read_cloudevent({"content-type": content_type}, value)

    assert event.attributes == FOREIGN_ATTRIBUTES
    assert event.data is not None
    assert orjson.loads(event.data) == {"message": "Hello World!"}


@pytest.mark.parametrize("value", [b"no json", b"[1]"])
def test_structured_mode_refuses_what_is_no_object(value: bytes) -> None:
    with pytest.raises(MalformedRecordError):
        read_cloudevent({"content-type": "application/cloudevents+json"}, value)


# What we write.


def test_headers_are_those_of_the_binding_and_of_tracing() -> None:
    order = example_of("order.placed")

    assert dict(to_kafka(headers_of(order, sequence=42))) == {
        "ce_id": b"019ab3f0-77d0-7000-8000-000000000001",
        "ce_source": b"/services/orders",
        "ce_type": b"order.placed",
        "ce_specversion": b"1.0",
        "ce_time": b"2026-11-24T09:20:03.000500Z",
        "ce_subject": str(order.subject).encode(),
        "ce_dataschema": b"/contracts/events/order.placed/1.0.json",
        "ce_sequence": b"00000000000000000042",
        "ce_correlationid": b"req-1",
        "ce_causationid": b"cause-1",
        "ce_traceparent": TRACEPARENT.encode(),
        "traceparent": TRACEPARENT.encode(),
        "content-type": b"application/json",
    }


def test_sequence_is_left_to_the_row_and_absent_context_is_left_out() -> None:
    headers = headers_for(
        example_of("order.placed"), event_id=EVENT_ID, source="/services/orders", time=TIME, correlation_id="req-1"
    )

    assert not {"ce_sequence", "ce_causationid", "ce_traceparent", "traceparent"} & headers.keys()


def test_time_is_written_in_utc_whatever_zone_it_came_in() -> None:
    berlin = TIME.astimezone(timezone(timedelta(hours=1)))

    headers = headers_for(
        example_of("order.placed"), event_id=EVENT_ID, source="/services/orders", time=berlin, correlation_id="req-1"
    )

    assert headers["ce_time"] == "2026-11-24T09:20:03.000500Z"


@given(st.lists(st.integers(min_value=0, max_value=2**63 - 1), min_size=2))
def test_sequences_sort_as_text_as_they_do_as_numbers(sequences: list[int]) -> None:
    assert [int(text) for text in sorted(map(format_sequence, sequences))] == sorted(sequences)


def test_value_is_the_data_alone_with_times_in_utc() -> None:
    placed = cast("OrderPlaced", example_of("order.placed"))
    in_berlin = placed.object.model_dump() | {"placed_at": TIME.astimezone(timezone(timedelta(hours=1)))}

    value = orjson.loads(serialise(OrderPlaced.model_validate({"object": in_berlin, "changed": []})))

    assert value.keys() == {"object", "changed"}
    assert value["object"]["placed_at"] == "2026-11-24T09:20:03.000500Z"
    assert value["object"]["total"] == {"amount": 4378, "currency": "EUR"}


def test_event_larger_than_its_topic_takes_is_refused_before_it_is_written() -> None:
    placed = cast("OrderPlaced", example_of("order.placed"))
    huge = placed.object.model_copy(update={"session_id": "s" * ORDERS_ORDER.max_event_bytes})

    with pytest.raises(EventTooLargeError, match=r"order\.placed .* orders\.order\.v1 takes 256000"):
        serialise(placed.model_copy(update={"object": huge}))


# What we read.


def test_event_arrives_as_it_was_sent() -> None:
    shipped = example_of("order.shipped")

    event = decode(shipped, from_kafka(to_kafka(headers_of(shipped))))

    assert event == Event(
        id=EVENT_ID,
        type="order.shipped",
        source="/services/orders",
        subject=shipped.subject,
        time=TIME,
        sequence=7,
        correlation_id="req-1",
        causation_id="cause-1",
        traceparent=TRACEPARENT,
        data=shipped,
        dataschema="/contracts/events/order.shipped/1.0.json",
        value=serialise(shipped),
    )


def test_structured_event_of_ours_is_read_like_a_binary_one() -> None:
    shipped = example_of("order.shipped")
    binary = headers_of(shipped)
    members = {name.removeprefix("ce_"): text for name, text in binary.items() if name.startswith("ce_")}
    value = orjson.dumps(members | {"data": orjson.loads(serialise(shipped))})

    event = decode(shipped, {"content-type": "application/cloudevents+json"}, value)

    assert isinstance(event, Event)
    assert event == replace(cast("Event[OrderShipped]", decode(shipped, binary)))


def test_unknown_fields_and_values_are_let_through() -> None:
    placed = example_of("order.placed")
    data = orjson.loads(serialise(placed))
    data["new_part"] = {"any": "thing"}
    data["object"]["new_field"] = 1
    data["object"]["lines"][0]["new_field"] = 1
    data["object"]["status"] = "on_hold"

    event = decode(placed, headers_of(placed), orjson.dumps(data))

    assert isinstance(event, Event)
    assert event.data.object.model_dump()["status"] == "on_hold"


def test_unknown_type_is_no_error() -> None:
    placed = example_of("order.placed")

    event = decode(placed, headers_of(placed) | {"ce_type": "order.gift_wrapped"})

    assert isinstance(event, UnknownEvent)
    assert (event.topic, event.type) == (ORDERS_ORDER, "order.gift_wrapped")


def test_known_type_on_a_strange_topic_is_not_taken_for_ours() -> None:
    placed = example_of("order.placed")

    event = decode_record(CATALOG_PRODUCT, headers_of(placed), encode_key(placed.subject), serialise(placed))

    assert isinstance(event, UnknownEvent)


@pytest.mark.parametrize("missing", ["ce_id", "ce_subject", "ce_time", "ce_sequence"])
def test_record_without_what_consumers_stand_on_is_malformed(missing: str) -> None:
    placed = example_of("order.placed")
    headers = headers_of(placed)
    del headers[missing]

    with pytest.raises(MalformedRecordError, match=missing.removeprefix("ce_")):
        decode(placed, headers)


@pytest.mark.parametrize(
    ("header", "text"), [("ce_id", "7"), ("ce_subject", "MUG"), ("ce_time", "yesterday"), ("ce_sequence", "first")]
)
def test_unreadable_attribute_is_malformed_and_named(header: str, text: str) -> None:
    placed = example_of("order.placed")

    with pytest.raises(MalformedRecordError, match=text):
        decode(placed, headers_of(placed) | {header: text})


@pytest.mark.parametrize("value", [b"{", b"[]", b'{"object": {}, "changed": []}'])
def test_data_that_its_contract_cannot_read_is_malformed(value: bytes) -> None:
    placed = example_of("order.placed")

    with pytest.raises(MalformedRecordError, match=r"order\.placed"):
        decode(placed, headers_of(placed), value)


def test_headers_of_strangers_stop_nobody() -> None:
    assert from_kafka([("x", b"\xff"), ("y", None), ("ce_id", b"1")]) == {
        "x": "\N{REPLACEMENT CHARACTER}",
        "ce_id": "1",
    }


def test_event_id_is_read_without_the_rest() -> None:
    assert event_id_of({"ce_id": str(EVENT_ID)}) == EVENT_ID
    with pytest.raises(MalformedRecordError, match="ce_id"):
        event_id_of({})


def test_tombstone_arrives_with_an_id_and_a_sequence_of_its_own() -> None:
    headers = tombstone_headers(
        CATALOG_PRODUCT, PRODUCT_ID, event_id=EVENT_ID, source="/services/catalog", time=TIME, correlation_id="req-1"
    ) | {"ce_sequence": format_sequence(9)}

    record = decode_record(CATALOG_PRODUCT, from_kafka(to_kafka(headers)), encode_key(PRODUCT_ID), None)

    assert record == Tombstone(topic=CATALOG_PRODUCT, key=PRODUCT_ID, id=EVENT_ID, sequence=9, time=TIME)
    assert contract_for(headers["ce_type"]) is None
    assert "ce_dataschema" not in headers


def test_tombstone_without_a_readable_key_is_malformed() -> None:
    headers = {"ce_id": str(EVENT_ID), "ce_sequence": format_sequence(9), "ce_time": "2026-11-24T09:20:03Z"}

    with pytest.raises(MalformedRecordError, match="key"):
        decode_record(CATALOG_PRODUCT, headers, None, None)
